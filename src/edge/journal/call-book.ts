// What is known of every idempotency key: the memory that makes an effect happen at most once. Folded from the journal
// alone, so it is right whatever state.db says. Results stay in the journal; an entry only says where.

import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Checkpoint, Intent, ToolOutcome } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import { AppError } from '../../base/errors.ts';
import type { Entry, Fold } from './records.ts';
import { SettledKeys } from './settled-keys.ts';

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
  /** Most keys that are not settled; above it new calls are refused. Default 16384. */
  readonly maxKeys?: number;
  /** Most settled keys of calls that have not expired; expired ones make room. Default 65536. */
  readonly maxSettled?: number;
  /** Settled results that are kept whole, to be given again while the journal has them. Default 1024. */
  readonly keepWhole?: number;
  /** How long a key is remembered after its call expired, in milliseconds. Default 7 days. */
  readonly keepMs?: number;
}

/** Where a record does not say when its call expires, it is taken to be a day later. */
const EXPIRY_MS = 86_400_000;
/** One that is forgotten too early comes back as unknown, never as free. */
const MAX_FREED = 1024;

export class CallBook implements Fold {
  readonly #maxKeys: number;
  readonly #maxSettled: number;
  readonly #keepWhole: number;
  readonly #keepMs: number;
  /** Settled ones of `#calls`, oldest first. */
  readonly #whole = new Set<string>();
  readonly #settled = new SettledKeys();
  #dropped: string[] = [];
  readonly #calls = new Map<string, CallEntry>();
  readonly #texts = new Map<string, string>();
  /** Keys that became free, with the record that says so: a checkpoint that was made before must not bring their intents back. */
  readonly #freed = new Map<string, number>();
  #forgotten = 0;

  constructor(options: CallBookOptions = {}) {
    this.#maxKeys = options.maxKeys ?? 16_384;
    this.#maxSettled = options.maxSettled ?? 65_536;
    this.#keepWhole = options.keepWhole ?? 1024;
    this.#keepMs = options.keepMs ?? 7 * 86_400_000;
  }

  get size(): number {
    return this.#calls.size + this.#settled.size;
  }

  /** What is known of a key. Of one that fell to its digest: the answer's kind, and the beginning of `params`. */
  get(key: string): CallEntry | undefined {
    const call = this.#calls.get(key);
    const digest = call ? undefined : this.#settled.get(key);
    if (!digest) return call;
    const nothing = { job: '', run: '', method: '', bootId: '', blob: '', sequence: 0 };
    return { key, ...nothing, ...digest, effect: digest.state !== 'never', settled: true };
  }

  /** Names of blobs that no answer needs any more, each once. */
  pullDropped(): string[] {
    const dropped = this.#dropped;
    this.#dropped = [];
    return dropped;
  }

  /** Digests of settled keys, in pieces of at most `bytes`. */
  settledKeys(bytes: number): Iterable<Uint8Array> {
    return this.#settled.pack(bytes);
  }

  /**
   * Lets answers fall to their digests that stand up to `sequence` and that nobody waits for: those that are settled, and those
   * whose call expired before `past` (the control plane has given it up).
   */
  condense(sequence: number, past: number): void {
    for (const call of this.#calls.values()) {
      if (call.state === 'intent' || call.sequence > sequence) continue;
      if (call.settled || call.expiresAt < past) this.#toDigest(call);
    }
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
   * Makes room for one more key, or throws KEYS_FULL. A key whose call has not expired is never forgotten, and no call is
   * run that expires before one that was forgotten, so forgetting is safe whatever clocks say.
   * @param past a time that is surely past, as `EdgeTime.surelyPast`
   * @throws CALL_EXPIRED, KEYS_FULL
   */
  admit(expireTime: Timestamp | undefined, past: number): void {
    if (expireTime && timestampMs(expireTime) <= this.#forgotten) throw new AppError('CALL_EXPIRED');
    if (this.#settled.size + this.#whole.size >= this.#maxSettled) this.forget(past, 0);
    const settled = this.#settled.size + this.#whole.size;
    if (settled < this.#maxSettled && this.#calls.size - this.#whole.size < this.#maxKeys) return;
    throw new AppError('KEYS_FULL');
  }

  /** Forgets keys that expired longer than `keepMs` before `past` and need no answer any more. */
  forget(past: number, keepMs = this.#keepMs): void {
    for (const key of this.#whole) {
      const call = this.#calls.get(key);
      if (call && call.expiresAt + keepMs < past) this.#toDigest(call);
    }
    this.#forgotten = Math.max(this.#forgotten, this.#settled.forget(past, keepMs));
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
      if (!key || this.get(key)) return;
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
    if (outcome.result?.keyFree) {
      if (known && known.state !== 'intent') return;
      this.#calls.delete(outcome.idempotencyKey);
      this.#freed.set(outcome.idempotencyKey, sequence);
      dropOldest(this.#freed, MAX_FREED);
      return;
    }
    const state = answerOf(outcome);
    this.#put({
      key: outcome.idempotencyKey,
      job: outcome.job,
      run: outcome.run || known?.run || runOf(outcome.job),
      method: outcome.method,
      params: hex(outcome.paramsSha256),
      bootId: known?.bootId ?? '',
      effect: state !== 'never' && (known?.effect ?? outcome.resultSha256.length === 0),
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
    if (!call.effect && call.state === 'done') {
      this.#calls.delete(key);
      return;
    }
    if (call.state === 'intent') return;
    const settled = { ...call, settled: true };
    this.#calls.set(key, settled);
    this.#whole.add(key);
    // A long one takes room beside the journal.
    if (call.blob !== '') this.#toDigest(settled);
    const oldest = this.#whole.size > this.#keepWhole ? this.#whole.values().next().value : undefined;
    const last = oldest === undefined ? undefined : this.#calls.get(oldest);
    if (last) this.#toDigest(last);
  }

  #toDigest(call: CallEntry): void {
    if (call.state === 'intent') return;
    const { key, state, params, expiresAt, blob } = call;
    // A READ that was done is simply run again.
    if (state !== 'done' || call.effect) this.#settled.add(key, { state, params, expiresAt });
    this.#calls.delete(key);
    this.#whole.delete(key);
    if (blob !== '') this.#dropped.push(blob);
  }

  /** Records behind the pruned part come first in the file, so a checkpoint never replaces what is newer. */
  #checkpoint(checkpoint: Checkpoint, sequence: number, at: number): void {
    if (checkpoint.forgottenExpireTime) {
      this.#forgotten = Math.max(this.#forgotten, timestampMs(checkpoint.forgottenExpireTime));
    }
    this.#settled.unpack(checkpoint.settledKeys);
    for (const intent of checkpoint.intents) {
      const known = this.get(intent.idempotencyKey);
      const freed = (this.#freed.get(intent.idempotencyKey) ?? 0) > Number(checkpoint.sequence);
      if (!known && !freed) this.#intent(intent, sequence, at);
      else if (known?.state === 'intent' && !freed) this.#calls.set(known.key, { ...known, sequence });
    }
    for (const outcome of checkpoint.outcomes) {
      const known = this.get(outcome.idempotencyKey);
      if (known?.settled && known.sequence === 0) continue;
      if (!known || known.state === 'intent' || known.sequence <= Number(checkpoint.sequence))
        this.#outcome(outcome, sequence, at);
    }
  }

  #put(call: CallEntry): void {
    this.#settled.delete(call.key);
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
