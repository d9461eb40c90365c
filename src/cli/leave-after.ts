// The time of `--wait`: how long a command waits for the end of what it asks. It leaves only what is accepted: that goes on without it.
import { AppError } from '../base/errors.ts';
import { elapsedText } from './units.ts';

/** How much longer it is waited until an ask is accepted: its shares may still be read. */
const ACCEPT_MS = 30_000;

export interface LeaveAfterParts {
  /** In milliseconds; without a time it is waited until the end. */
  readonly wait: number | false | undefined;
  readonly leave: AbortController;
  /** Whether the ask is accepted by now. */
  readonly isKnown: () => boolean;
  /** Called when the time is over before that. */
  readonly onLate: () => void;
}

export interface LeaveAfter {
  /** The ask is accepted from now on. */
  known(): void;
  stop(): void;
}

/** Aborts when it was waited for long enough; with a reason where the ask was not accepted even then. */
export function leaveAfter({ wait, leave, isKnown, onLate }: LeaveAfterParts): LeaveAfter {
  if (!wait) return { known: () => {}, stop: () => {} };
  let isOver = false;
  const giveUp = () => {
    const after = `${elapsedText(wait + ACCEPT_MS)}, and nobody had taken the ask; ask again`;
    leave.abort(new AppError('DEADLINE_EXCEEDED', { after }));
  };
  let timer = setTimeout(() => {
    isOver = true;
    if (isKnown()) return leave.abort();
    onLate();
    timer = setTimeout(giveUp, ACCEPT_MS);
  }, wait);
  return {
    known: () => {
      if (isOver) leave.abort();
    },
    stop: () => clearTimeout(timer),
  };
}

/** What is told when the time is over too early. */
export const LATE = 'the time of --wait is over; this command leaves as soon as the ask is accepted';
