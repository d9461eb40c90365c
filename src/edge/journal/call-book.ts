// What is known of every idempotency key: the memory that makes an effect happen at most once. Folded from the journal
// alone, so it is right whatever state.db says. Results stay in the journal; an entry only says where.
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Checkpoint, Intent, ToolOutcome } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Entry, Fold } from './records.ts';

/**
 * `intent`: started, no outcome yet (running in this boot, *unknown* in a later one). `done`, `never`, `unknown`: the
 * three answers, which never change.
 */
export type CallState = 'intent' | 'done' | 'never' | 'unknown';

export interface CallEntry {
  readonly key: string;
  readonly job: string;
  readonly run: string;
  readonly method: string;
  /** SHA-256 of method and parameters in hex; empty when the call was refused before that. */
  readonly params: string;
  /** Boot that started it; empty when it had no intent. */
  readonly bootId: string;
  /** Whether it may have changed something. A READ that is done is forgotten when settled, and runs again on demand. */
  readonly effect: boolean;
  readonly state: CallState;
  /** Record that holds the newest of it: the intent, the outcome, the refusal, or a checkpoint with either. */
  readonly sequence: number;
  /** Name of the blob that holds the result; empty when there is none. */
  readonly blob: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Whether the control plane has committed the result. */
  readonly settled: boolean;
}

export interface CallBookOptions {
  /** Most keys; above it, expired keys are forgotten, and without any new calls are refused. Default 16384. */
  readonly maxKeys?: number;
  /** How long a key is remembered after its call expired, in milliseconds. Default 7 days. */
  readonly keepMs?: number;
}

/** Where a record does not say when its call expires, it is taken to be a day later. */
const EXPIRY_MS = 86_400_000;

export class CallBook implements Fold {
  readonly #maxKeys: number;
  readonly #keepMs: number;
  readonly #calls = new Map<string, CallEntry>();
  readonly #texts = new Map<string, string>();
  #forgotten = 0;

  constructor(options: CallBookOptions = {}) {
    this.#maxKeys = options.maxKeys ?? 16_384;
    this.#keepMs = options.keepMs ?? 7 * 86_400_000;
  }

  get size(): number {
    return this.#calls.size;
  }

  get(key: string): CallEntry | undefined {
    return this.#calls.get(key);
  }

  /** Calls whose result is not committed at the control plane, oldest first: running ones and those to send again. */
  open(): CallEntry[] {
    return [...this.#calls.values()].filter((call) => !call.settled).sort((a, b) => a.sequence - b.sequence);
  }

  /** Intents of earlier boots: nobody can tell whether they happened. The caller journals `unknown` for each. */
  orphans(bootId: string): CallEntry[] {
    return this.open().filter((call) => call.state === 'intent' && call.bootId !== bootId);
  }

  /** Blobs that an answer may still need; all others can go (`Blobs.keep`). */
  blobs(): Set<string> {
    return new Set([...this.#calls.values()].flatMap((call) => call.blob || []));
  }

  /** What a pruned part of the journal, up to `sequence`, must leave behind. */
  upTo(sequence: number): CallEntry[] {
    return [...this.#calls.values()].filter((call) => call.sequence <= sequence);
  }

  /**
   * Makes room for one more key, or throws LIMIT_EXCEEDED. A key whose call has not expired is never forgotten, and no call is
   * run that expires before one that was forgotten, so forgetting is safe whatever clocks say.
   * @param past a time that is surely past, as `EdgeTime.surelyPast`
   * @throws CALL_EXPIRED, LIMIT_EXCEEDED
   */
  admit(expireTime: Timestamp | undefined, past: number): void {
    if (expireTime && timestampMs(expireTime) <= this.#forgotten) throw new AppError('CALL_EXPIRED');
    if (this.#calls.size < this.#maxKeys) return;
    this.forget(past, 0);
    if (this.#calls.size < this.#maxKeys) return;
    throw new AppError('LIMIT_EXCEEDED', {
      what: 'the number of tool calls that have not expired',
      limit: this.#maxKeys,
      setting: 'limits.tool_calls',
    });
  }

  /** Forgets keys that expired longer than `keepMs` before `past` and need no answer any more. */
  forget(past: number, keepMs = this.#keepMs): void {
    for (const [key, call] of this.#calls) {
      if (call.state === 'intent' || !call.settled || call.expiresAt + keepMs >= past) continue;
      this.#calls.delete(key);
      this.#forgotten = Math.max(this.#forgotten, call.expiresAt);
    }
  }

  /** The latest expiry of a forgotten call, in milliseconds since 1970; 0 before any. */
  get forgotten(): number {
    return this.#forgotten;
  }

  apply({ sequence, at, record }: Entry): void {
    if (record.case === 'intent') this.#intent(record.value, sequence, at);
    else if (record.case === 'toolOutcome') this.#outcome(record.value, sequence, at);
    else if (record.case === 'toolRefused') {
      const { idempotencyKey: key, job, method } = record.value;
      if (!key || this.#calls.has(key)) return;
      const call = { key, job, run: runOf(job), method, params: '', bootId: '', effect: false, blob: '' };
      this.#put({ ...call, state: 'never', sequence, expiresAt: at + EXPIRY_MS, settled: false });
    } else if (record.case === 'toolSettled') this.#settle(record.value.idempotencyKey);
    else if (record.case === 'checkpoint') this.#checkpoint(record.value, sequence, at);
  }

  #intent(intent: Intent, sequence: number, at: number): void {
    this.#put({
      key: intent.idempotencyKey,
      job: intent.job,
      run: intent.run,
      method: intent.method,
      params: hex(intent.paramsSha256),
      bootId: intent.bootId,
      effect: true,
      blob: '',
      state: 'intent',
      sequence,
      expiresAt: intent.expireTime ? timestampMs(intent.expireTime) : at + EXPIRY_MS,
      settled: false,
    });
  }

  #outcome(outcome: ToolOutcome, sequence: number, at: number): void {
    const known = this.#calls.get(outcome.idempotencyKey);
    const state = answerOf(outcome);
    this.#put({
      key: outcome.idempotencyKey,
      job: outcome.job,
      run: outcome.run || known?.run || runOf(outcome.job),
      method: outcome.method,
      params: hex(outcome.paramsSha256),
      bootId: known?.bootId ?? '',
      effect: state !== 'never' && (known?.effect ?? outcome.digest.length === 0),
      blob: outcome.blob,
      state,
      sequence,
      expiresAt: outcome.expireTime ? timestampMs(outcome.expireTime) : (known?.expiresAt ?? at + EXPIRY_MS),
      settled: known?.settled ?? false,
    });
  }

  #settle(key: string): void {
    const call = this.#calls.get(key);
    if (!call) return;
    if (!call.effect && call.state === 'done') this.#calls.delete(key);
    else this.#calls.set(key, { ...call, settled: true });
  }

  /** Records behind the pruned part come first in the file, so a checkpoint never replaces what is newer. */
  #checkpoint(checkpoint: Checkpoint, sequence: number, at: number): void {
    if (checkpoint.forgottenExpiry) {
      this.#forgotten = Math.max(this.#forgotten, timestampMs(checkpoint.forgottenExpiry));
    }
    for (const intent of checkpoint.intents) {
      const known = this.#calls.get(intent.idempotencyKey);
      if (!known) this.#intent(intent, sequence, at);
      else if (known.state === 'intent') this.#calls.set(known.key, { ...known, sequence });
    }
    for (const outcome of checkpoint.outcomes) {
      const known = this.#calls.get(outcome.idempotencyKey);
      if (!known || known.state === 'intent' || known.sequence <= Number(checkpoint.sequence))
        this.#outcome(outcome, sequence, at);
    }
  }

  #put(call: CallEntry): void {
    this.#calls.set(call.key, {
      ...call,
      job: call.job === call.key ? call.key : call.job,
      method: this.#same(call.method),
      bootId: this.#same(call.bootId),
      run: call.job.startsWith(call.run) ? call.job.slice(0, call.run.length) : call.run,
    });
  }

  /** One copy of texts that many entries share. */
  #same(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size < 256) this.#texts.set(text, text);
    return text;
  }
}

function answerOf({ result }: ToolOutcome): CallState {
  if (result?.answer.case === 'neverStarted') return 'never';
  return result?.answer.case === 'unknown' ? 'unknown' : 'done';
}

/** `run/step/index` begins with its run. */
function runOf(job: string): string {
  return job.split('/')[0] ?? '';
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
