// Which asks are open, which ended and where their records stand: a fold over the journal, the same live and after a start.

import { clone, create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { AskRecord } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type Ask, AskSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Outcome, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from '../journal/records.ts';

/** An ask without an answer. */
export interface UnansweredAsk {
  readonly sequence: number;
  readonly record: AskRecord;
  /** Milliseconds since 1970 when it was asked. */
  readonly at: number;
  /** The control plane said that it has it, and that is in the journal. */
  accepted: boolean;
  /** The control plane does not have it, whatever it said before: it is presented again. */
  lost: boolean;
  /** It may have left the box before. */
  sent: boolean;
  /** Number of the session that it was sent in last. */
  sentIn: number;
  /** Sequence of the cancel, if the owner cancelled. */
  cancel: number | undefined;
  cancelSentIn: number;
  /** Its end is being journaled: nothing of it is sent any more. */
  ending: boolean;
}

/** An ask that ended. */
export interface EndedAsk {
  readonly run: string;
  /** Empty when its ask is no longer in the journal. */
  readonly conversation: string;
  /** Empty also when it was withdrawn. */
  readonly requestId: string;
  /** Sequence of the record that ended it: RunAnswered or a refusing AskOutcome. */
  readonly endedAt: number;
}

/** An ask whose time was over before the control plane had taken it. */
export interface MissedAsk {
  readonly sequence: number;
  readonly record: AskRecord;
  readonly failure: Failure | undefined;
}

/** How many of them are remembered until the owner has taken them off the queue. */
const KEEP_MISSED = 100;
/** How many ended runs are remembered by id and request id. */
const KEEP_ENDED = 1000;

export class OpenAsks implements Fold {
  readonly #open = new Map<string, UnansweredAsk>();
  readonly #ended = new Map<string, EndedAsk>();
  readonly #requests = new Map<string, string>();
  readonly #missed = new Map<string, MissedAsk>();
  #openBytes = 0;
  #live = false;

  /** From now on asks are new; those seen so far may have left the box in an earlier process. */
  live(): void {
    this.#live = true;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Characters of text that open asks hold. */
  get openBytes(): number {
    return this.#openBytes;
  }

  get(run: string): UnansweredAsk | undefined {
    return this.#open.get(run);
  }

  ended(run: string): EndedAsk | undefined {
    return this.#ended.get(run);
  }

  /** Those that the control plane never took, oldest first. */
  missed(): MissedAsk[] {
    return [...this.#missed.values()].sort((a, b) => a.sequence - b.sequence);
  }

  hasMissed(run: string): boolean {
    return this.#missed.has(run);
  }

  /** The run that was asked with this request id. */
  runOfRequest(requestId: string): string | undefined {
    return this.#requests.get(requestId);
  }

  /** Oldest first. */
  all(): UnansweredAsk[] {
    return [...this.#open.values()].sort((a, b) => a.sequence - b.sequence);
  }

  apply({ sequence, at, record }: Entry): void {
    switch (record.case) {
      case 'ask':
        this.#add(sequence, at, record.value);
        return;
      case 'askOutcome':
        this.#outcome(sequence, Number(record.value.sequence), record.value.refused !== undefined);
        return;
      case 'runAnswered':
        this.#miss(record.value.run, record.value.outcome);
        this.#end(record.value.run, sequence, record.value.withdrawn);
        return;
      case 'cancel': {
        const ask = this.#open.get(record.value.run);
        if (ask) ask.cancel ??= sequence;
        this.#missed.delete(record.value.run);
        return;
      }
      case 'checkpoint':
        for (const { sequence: own, ask, outcome } of record.value.asks) {
          if (!ask) continue;
          this.#add(Number(own), ask.ask?.createTime ? timestampMs(ask.ask.createTime) : at, ask);
          if (outcome) this.#outcome(sequence, Number(own), outcome.refused !== undefined);
        }
        return;
      default:
        return;
    }
  }

  #add(sequence: number, at: number, record: AskRecord): void {
    const { ask } = record;
    if (!ask || this.#open.has(ask.run) || this.#ended.has(ask.run)) return;
    const fresh = {
      accepted: false,
      lost: false,
      sent: !this.#live,
      sentIn: 0,
      cancel: undefined,
      cancelSentIn: 0,
      ending: false,
    };
    this.#open.set(ask.run, { sequence, record, at, ...fresh });
    this.#openBytes += ask.text.length;
    if (record.requestId !== '') this.#requests.set(record.requestId, ask.run);
  }

  #outcome(at: number, sequence: number, refused: boolean): void {
    for (const [run, ask] of this.#open) {
      if (ask.sequence !== sequence) continue;
      if (refused) this.#end(run, at);
      else ask.accepted = true;
      return;
    }
  }

  #miss(run: string, outcome: Outcome | undefined): void {
    const ask = this.#open.get(run);
    if (!ask || ask.accepted || outcome?.state !== RunState.TIMED_OUT) return;
    this.#missed.set(run, { sequence: ask.sequence, record: ask.record, failure: outcome.failure });
    dropOldest(this.#missed, KEEP_MISSED);
  }

  /**
   * Remembered also when the ask is unknown: a later checkpoint may still list it.
   * @param withdrawn the id of its request is free
   */
  #end(run: string, endedAt: number, withdrawn = false): void {
    const record = this.#open.get(run)?.record;
    if (this.#ended.has(run)) return;
    this.#open.delete(run);
    this.#openBytes -= record?.ask?.text.length ?? 0;
    const requestId = record?.requestId ?? '';
    if (withdrawn) this.#requests.delete(requestId);
    this.#ended.set(run, {
      run,
      conversation: record?.ask?.conversation ?? '',
      requestId: withdrawn ? '' : requestId,
      endedAt,
    });
    if (this.#ended.size <= KEEP_ENDED) return;
    const oldest = this.#ended.values().next().value;
    if (!oldest) return;
    this.#ended.delete(oldest.run);
    this.#requests.delete(oldest.requestId);
  }
}

/** Milliseconds since 1970 when an ask ends without an answer; undefined when it has no time of its own. */
export const expiryOf = ({ at, record }: UnansweredAsk): number | undefined =>
  record.ask?.timeout && at + durationMs(record.ask.timeout);

/** An ask as it is sent: with the sequence of its record, the id of the journal, and of its time what is left. */
export function askToSend(open: UnansweredAsk, journalId: string, now: number): Ask {
  const { record, sequence } = open;
  const ask = clone(AskSchema, record.ask ?? create(AskSchema));
  const end = expiryOf(open);
  // The time may have been set back since.
  if (end !== undefined && ask.timeout) {
    ask.timeout = durationFromMs(Math.max(1, Math.min(durationMs(ask.timeout), end - now)));
  }
  ask.sequence = BigInt(sequence);
  ask.journalId = journalId;
  return ask;
}
