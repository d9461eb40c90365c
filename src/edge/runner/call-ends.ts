// How calls end: what each came to is written down, then told to everyone who waits for it. A refusal is told whether it could be
// written down or not.
import { create } from '@bufbuild/protobuf';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Egress, type Withheld, WithheldReason, WithheldSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { mayPass, toFailure } from '../../contract/errors.ts';
import { isHarmless } from '../../contract/policy.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { AnswerGate } from '../egress/gate.ts';
import type { Origins } from '../egress/origins.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { Reservation } from '../journal/journal-types.ts';
import { addressOf, type CallAddress, doneResult, failedResult, freedResult, joinAnswer, linesFor } from './answers.ts';
import type { Execution } from './execution.ts';
import { isUndone, type RefusedAttempts } from './free-keys.ts';
import {
  type KeyOfRefusal,
  outcomeRecord,
  refusalRecord,
  refusalSumRecord,
  undoneRecord,
  unknownOutcome,
} from './outcome-records.ts';
import { RefusalCounts } from './refusal-counts.ts';
import type { SettledResults } from './settled-results.ts';
import type { ToolSink } from './tool-sink.ts';

export interface CallEndsParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'refusals' | 'now'>;
  readonly blobs: Pick<Blobs, 'put'>;
  /** Attempts that were refused and whose keys are free. */
  readonly refused: RefusedAttempts;
  readonly settled: SettledResults;
  readonly gate: Pick<AnswerGate, 'leaves' | 'again'>;
  readonly log: Logger;
}

export class CallEnds {
  /** Refused calls since the start. */
  readonly refusals = new RefusalCounts();
  readonly #parts: CallEndsParts;

  constructor(parts: CallEndsParts) {
    this.#parts = parts;
  }

  /** It ran: the answer as the gate let it pass. @param room for the outcome of an effect */
  async finish(
    execution: Execution,
    { method, origins }: { readonly method: CapabilityMethod; readonly origins: Origins },
    failure: Failure | undefined,
    room: Reservation | undefined,
  ): Promise<void> {
    const { call } = execution;
    const { leaves } = this.#parts.gate;
    const answer = joinAnswer(execution.gated, notesOf(origins), failure, call, this.#parts.journal.now(), leaves);
    const harmless = isHarmless(method.effect);
    const { blobs, log } = this.#parts;
    if (harmless && answer.failure && answer.egress.length === 0) {
      // Nothing happened and nothing leaves: as if it had been refused before.
      execution.over();
      await this.#writeRefusal(call, 'unsaid', answer.failure);
      return execution.tell((to) => doneResult(to, answer, 0));
    }
    if (failure && room && execution.raw.length === 0 && isUndone(failure)) {
      const [why, { refused }] = [failure, this.#parts];
      this.refusals.add(why, this.#parts.journal.now());
      const at = await this.#parts.journal.append([undoneRecord(execution, failure)], { use: room });
      return execution.tell((to) => {
        refused.add(to, why);
        return freedResult(to, why, at);
      });
    }
    if (room && execution.raw.length === 0 && failure?.reason === 'OUTCOME_UNKNOWN') {
      const at = await this.#parts.journal.append([unknownOutcome(execution, failure)], { use: room });
      return execution.tell((to) => failedResult(to, 'unknown', failure, at));
    }
    const { facts } = origins;
    const record = await outcomeRecord(execution, answer, { harmless, settles: leaves, facts, blobs, log });
    this.#parts.settled.flush();
    let sequence: number;
    try {
      sequence = await this.#parts.journal.append([record], room ? { use: room } : {});
    } catch (error) {
      if (!harmless) throw error;
      // Nothing happened and nothing may leave without its line in the ledger.
      const why = toFailure(error, this.#parts.log);
      this.refusals.add(why, this.#parts.journal.now());
      const result = mayPass(why) ? freedResult : neverStarted;
      return execution.tell((to) => result(to, why, 0));
    }
    const late = await this.#lateWaiters(execution, answer.egress);
    await execution.tell((to) =>
      late.has(to.job) ? failedResult(to, 'neverStarted', BUSY, 0) : doneResult(to, answer, sequence),
    );
  }

  /**
   * What leaves for each waiter after the first is counted again. Those for whom the day or a grant has no room, or who were not shown,
   * ask again, and are judged anew.
   */
  async #lateWaiters(execution: Execution, egress: readonly Egress[]): Promise<ReadonlySet<string>> {
    const late = new Set<string>();
    if (egress.length === 0) return late;
    const judged = new Set(execution.waiters.slice(0, 1).map(({ job }) => job));
    // While lines are written another may come.
    for (;;) {
      const others = execution.waiters.filter(({ job }) => !judged.has(job));
      if (others.length === 0) return late;
      const fit = others.filter((each) => this.#parts.gate.again(egress, execution.digestOf(each)));
      for (const each of others) judged.add(each.job);
      for (const each of others) if (!fit.includes(each)) late.add(each.job);
      if (fit.length > 0)
        await this.#parts.journal.append([{ case: 'ledger', value: { entries: linesFor(egress, fit) } }]);
    }
  }

  /**
   * A refusal before the effect. For an effect that nothing but a change can help it is written down under its key, so that it stays
   * the answer. Where it may pass the key is free. @param judged whether it was refused after it had been judged
   */
  async neverStarted(
    execution: Execution,
    method: CapabilityMethod | undefined,
    judged: boolean,
    error: unknown,
  ): Promise<void> {
    const failure = toFailure(error, this.#parts.log);
    const effect = method !== undefined && !isHarmless(method.effect);
    const free = mayPass(failure);
    const key = !effect ? 'unsaid' : free ? 'free' : judged ? 'kept' : 'unsaid';
    await this.#writeRefusal(execution.call, key, failure);
    return execution.tell((to) => {
      if (key === 'free') this.#parts.refused.add(to, failure);
      return free ? freedResult(to, failure, 0) : neverStarted(to, failure, 0);
    });
  }

  /** The owner said no, or nothing in time: that is in the journal already, under the key. */
  async refusedByOwner(execution: Execution, error: AppError): Promise<void> {
    const failure = toFailure(error);
    this.refusals.add(failure, this.#parts.journal.now());
    return execution.tell((to) => neverStarted(to, failure, 0));
  }

  /** A refusal that says nothing about the key. */
  async refuse(call: ToolCall, error: AppError, sink: ToolSink): Promise<void> {
    const failure = toFailure(error);
    await this.#writeRefusal(call, 'unsaid', failure);
    await sink.result(failedResult(addressOf(call), 'neverStarted', failure, 0));
  }

  /** Sums of an hour that is not over, before the process ends. */
  flushRefusals(): void {
    const { journal, log } = this.#parts;
    const sums = journal.refusals.pullSums(journal.now(), true);
    if (sums.length === 0) return;
    journal.append(sums.map(refusalSumRecord)).catch((error: unknown) => {
      log.warn('sums of refusals could not be written down', { problem: String(error) });
    });
  }

  async #writeRefusal(call: ToolCall, key: KeyOfRefusal, failure: Failure): Promise<void> {
    const { journal } = this.#parts;
    const at = journal.now();
    this.refusals.add(failure, at);
    const records = journal.refusals.pullSums(at).map(refusalSumRecord);
    if (key === 'kept' || journal.refusals.admit(failure.reason, at)) records.push(refusalRecord(call, failure, key));
    if (records.length === 0) return;
    try {
      await journal.append(records);
    } catch (error) {
      this.#parts.log.warn('a refusal could not be journaled', { job: call.job, problem: String(error) });
    }
  }
}

/** What is told of an answer that may not leave for one more now. */
const BUSY = toFailure(new AppError('EDGE_BUSY'));

const neverStarted = (to: CallAddress, failure: Failure, sequence: number): ToolResult =>
  failedResult(to, 'neverStarted', failure, sequence);

const notesOf = (origins: Origins): Withheld[] =>
  origins.notes.map((note) => create(WithheldSchema, { ...note, why: WithheldReason[note.why] }));
