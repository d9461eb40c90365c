// The earlier turns of a conversation as a run is shown them: newest kept first, within bounds, and only those whose
// content the run's recipients may see.
import { create } from '@bufbuild/protobuf';
import { type Turn, TurnSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import { both } from './recipients.ts';
import type { RunState } from './state.ts';
import { recipientsOf } from './steps.ts';

/** An earlier turn, and who may see it. */
export interface PastTurn {
  readonly turn: Turn;
  readonly recipients: readonly string[];
}

/** The turn that a run leaves behind; undefined when it gave no answer. */
export function pastTurn(run: RunState): PastTurn | undefined {
  const answer = run.outcome?.answer ?? '';
  if (run.kind !== 'ask' || answer === '') return undefined;
  const grants = new Set([...run.shares.map(({ id }) => id), ...run.history.flatMap((turn) => turn.grants)]);
  const turn = create(TurnSchema, { run: run.id, question: run.text, answer, grants: [...grants] });
  return { turn, recipients: recipientsOf(run) };
}

export interface HistoryBounds {
  readonly historyTurns: number;
  readonly historyChars: number;
}

export interface History {
  /** Oldest first. */
  readonly turns: Turn[];
  /** Who may see the run together with these turns. */
  readonly recipients: readonly string[];
}

/** Collects turns, newest first, until they no longer fit. */
export class HistoryDraft {
  readonly #bounds: HistoryBounds;
  readonly #turns: Turn[] = [];
  #chars = 0;
  #recipients: readonly string[];

  /** @param recipients who may see the new run's own content */
  constructor(bounds: HistoryBounds, recipients: readonly string[]) {
    this.#bounds = bounds;
    this.#recipients = recipients;
  }

  /** Returns false when nothing older fits. A turn for other recipients is left out. */
  add(past: PastTurn): boolean {
    if (this.#turns.length >= this.#bounds.historyTurns) return false;
    const chars = past.turn.question.length + past.turn.answer.length;
    if (this.#chars + chars > this.#bounds.historyChars) return false;
    const recipients = both(this.#recipients, past.recipients);
    if (!recipients) return true;
    this.#recipients = recipients;
    this.#chars += chars;
    this.#turns.push(past.turn);
    return true;
  }

  finish(): History {
    return { turns: [...this.#turns].reverse(), recipients: this.#recipients };
  }
}
