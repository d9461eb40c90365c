// Gives recorded answers again: judged by today's grants, with new lines in the ledger before anything is sent.
import { fromBinary, type Message } from '@bufbuild/protobuf';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolOutcome } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { ToolDoneSchema, type ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import { toFailure } from '../../contract/errors.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { AnswerGate } from '../egress/gate.ts';
import { Origins } from '../egress/origins.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { CallEntry } from '../journal/call-book.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import { type CallAddress, doneResult, failedResult, joinAnswer } from './answers.ts';

/** Why nobody can tell whether a call happened that an earlier start left behind. */
const LEFT = 'the edge ended while it was at work on it';

/**
 * Tells the origins of a response that is sent again: standing permissions of today's configuration, by the grants that it
 * left under before. What it does not tell has no grant.
 */
export type RestoreOrigins = (
  method: CapabilityMethod,
  message: Message,
  grants: readonly string[],
  origins: Origins,
) => void;

export interface RepeatParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'calls' | 'outcome' | 'entry' | 'now'>;
  readonly gate: AnswerGate;
  readonly blobs: Pick<Blobs, 'get'>;
  readonly method: (name: string) => CapabilityMethod | undefined;
  /** By the configuration of now. */
  readonly restore: () => Promise<RestoreOrigins>;
}

/** For whom an answer is given again. */
type Asker = Pick<ToolCall, 'run' | 'job' | 'recipient'>;

export class Repeats {
  readonly #parts: RepeatParts;

  constructor(parts: RepeatParts) {
    this.#parts = parts;
  }

  /** The recorded answer of a key, for a caller that asks again. */
  async answer(entry: CallEntry, to: CallAddress, asker: Asker): Promise<ToolResult> {
    // It fell to its digest: only what kind of answer it was is known.
    if (entry.sequence === 0) return this.#digest(entry, to);
    const record = (await this.#parts.journal.entry(entry.sequence))?.record;
    if (record?.case === 'toolRefused' && record.value.failure) {
      return failedResult(to, 'neverStarted', record.value.failure, entry.sequence);
    }
    const outcome = await this.#parts.journal.outcome(entry.key);
    if (outcome && entry.state === 'done') return this.#regate(outcome, entry, to, asker);
    const failure = outcome?.failure ?? toFailure(new AppError('OUTCOME_UNKNOWN', { why: LEFT }));
    return failedResult(to, 'unknown', failure, entry.sequence);
  }

  /**
   * An unsettled answer, for the attempt that it was made for. Where the journal does not know that (a refusal, an intent
   * that was cut) the attempt is 0: the control plane takes note and asks again for the one it waits for.
   */
  async again(entry: CallEntry): Promise<ToolResult> {
    const outcome = await this.#parts.journal.outcome(entry.key);
    const epoch = outcome?.result?.epoch ?? 0n;
    const recipient = outcome?.recipient ?? '';
    const { job, run, key } = entry;
    return this.answer(entry, { job, epoch, key }, { run, job, recipient });
  }

  #digest({ state }: CallEntry, to: CallAddress): ToolResult {
    if (state === 'unknown')
      return failedResult(to, 'unknown', toFailure(new AppError('OUTCOME_UNKNOWN', { why: LEFT })), 0);
    if (state === 'never') return failedResult(to, 'neverStarted', toFailure(new AppError('REFUSED_BEFORE')), 0);
    const failure = toFailure(new AppError('RESULT_DROPPED'));
    return doneResult(to, { responses: [], failure, withheld: [], egress: [] }, 0);
  }

  async #regate(
    outcome: ToolOutcome,
    entry: CallEntry,
    to: CallAddress,
    { run, recipient }: Asker,
  ): Promise<ToolResult> {
    const { journal, gate, restore } = this.#parts;
    const method = this.#parts.method(outcome.method);
    const raw = outcome.blob === '' ? outcome.rawResponses : await this.#unpack(outcome.blob);
    const origins = new Origins();
    const tellOrigins = await restore();
    const granted = outcome.egress.map(({ grant }) => grant);
    const at = journal.now();
    const gated = !method
      ? []
      : (raw ?? []).map((bytes) => {
          const message = fromBinary(method.desc.output, bytes);
          tellOrigins(method, message, granted, origins);
          return gate.response(method.desc, message, { run, job: to.job, recipient, origins, at });
        });
    const failure = raw && method ? outcome.failure : toFailure(new AppError('RESULT_DROPPED'));
    const answer = joinAnswer(gated, [], failure, { run, job: to.job, recipient }, at);
    if (answer.egress.length > 0) {
      await journal.append([{ case: 'ledger', value: { entries: [...answer.egress] } }], { ending: true });
    }
    return doneResult(to, answer, entry.sequence);
  }

  async #unpack(name: string): Promise<readonly Uint8Array[] | undefined> {
    const bytes = await this.#parts.blobs.get(name);
    return bytes && fromBinary(ToolDoneSchema, bytes).responses;
  }
}
