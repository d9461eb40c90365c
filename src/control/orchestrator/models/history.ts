// The earlier turns of a conversation as a run is shown them: newest kept first, within bounds, and only those whose
// content the run's recipients may see; a summary stands for all before it.
import { create } from '@bufbuild/protobuf';
import { type Turn, TurnSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { both, boundBy } from '../run/run-recipients.ts';
import type { FoldedRun } from '../run/state.ts';
import { recipientsOfRun } from './steps.ts';
import { summaryOf } from './summary.ts';
import { taintsOfRun } from './taints.ts';

/** An earlier turn, and who may see it. */
export interface PastTurn {
  readonly turn: Turn;
  readonly recipients: readonly string[];
}

/** The turn that a run leaves behind; undefined when it gave no answer. */
export function pastTurn(run: FoldedRun): PastTurn | undefined {
  const answer = run.outcome?.answer ?? '';
  if (run.kind !== 'ask' || answer === '') return undefined;
  const turn = create(TurnSchema, {
    run: run.id,
    text: run.text,
    answer,
    grants: grantsOf(run),
    taints: taintsOfRun(run),
  });
  return { turn, recipients: recipientsOfRun(run) };
}

/** Grants that the content of a run rests on, those of the turns before included. */
function grantsOf(run: FoldedRun): string[] {
  const collections = boundBy(run).collections.flatMap(({ grant }) => (grant === '' ? [] : [grant]));
  const before = [...run.summaryGrants, ...run.history.flatMap((turn) => turn.grants)];
  return [...new Set([...run.shares.map(({ id }) => id), ...collections, ...before])];
}

/** What was said up to a run, summed up. */
export interface PastSummary {
  readonly text: string;
  readonly grants: readonly string[];
  readonly taints: readonly Taint[];
  readonly recipients: readonly string[];
}

/** The summary that a run left behind: it stands for its turn and all before it. Undefined when none came of it. */
export function pastSummary(run: FoldedRun): PastSummary | undefined {
  const text = summaryOf(run);
  if (text === '') return undefined;
  return { text, grants: grantsOf(run), taints: taintsOfRun(run), recipients: recipientsOfRun(run) };
}

export interface HistoryBounds {
  readonly historyTurns: number;
  readonly historyChars: number;
}

export interface History {
  /** Oldest first. */
  readonly turns: Turn[];
  /** What was said before them, summed up; empty when nothing was. */
  readonly summary: string;
  readonly summaryGrants: readonly string[];
  /** What turns and summary bring into the run. */
  readonly taints: readonly Taint[];
  /** Who may see the run together with these turns. */
  readonly recipients: readonly string[];
}

/** Collects turns, newest first, until they no longer fit. */
export class HistoryDraft {
  readonly #bounds: HistoryBounds;
  readonly #turns: Turn[] = [];
  #chars = 0;
  #recipients: readonly string[];
  #summary: PastSummary | undefined;

  /** @param recipients who may see the new run's own content */
  constructor(bounds: HistoryBounds, recipients: readonly string[]) {
    this.#bounds = bounds;
    this.#recipients = recipients;
  }

  /** Returns false when nothing older fits. A turn for other recipients is left out. */
  add(past: PastTurn): boolean {
    if (this.#turns.length >= this.#bounds.historyTurns) return false;
    const chars = past.turn.text.length + past.turn.answer.length;
    if (this.#chars + chars > this.#bounds.historyChars) return false;
    const recipients = both(this.#recipients, past.recipients);
    if (!recipients) return true;
    this.#recipients = recipients;
    this.#chars += chars;
    this.#turns.push(past.turn);
    return true;
  }

  /** Takes a summary for everything older. Returns false for one for other recipients, which is left out. */
  sumUp(past: PastSummary): boolean {
    const recipients = both(this.#recipients, past.recipients);
    if (!recipients) return false;
    this.#recipients = recipients;
    this.#summary = past;
    return true;
  }

  finish(): History {
    const taints = new Set([...this.#turns.flatMap((turn) => turn.taints), ...(this.#summary?.taints ?? [])]);
    return {
      turns: [...this.#turns].reverse(),
      summary: this.#summary?.text ?? '',
      summaryGrants: this.#summary?.grants ?? [],
      taints: [...taints],
      recipients: this.#recipients,
    };
  }
}
