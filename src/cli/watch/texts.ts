// Words of the picture: times, and how states look.
import type { Style } from '../output.ts';
import { clockText } from '../units.ts';

/** Local time of the day. */
export const dayTimeText = (ms: number): string => clockText(ms).slice('2000-01-01 '.length);

/** A time span in one unit: `5 s`, `12 min`, `3 h`, `2 d`. */
export function spanText(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** The state of a run that waits for the owner's yes. */
export const NEEDS_YES = 'your yes';

const STYLES: Readonly<Record<string, Style>> = {
  answered: 'green',
  done: 'green',
  running: 'cyan',
  failed: 'red',
  unknown: 'red',
  refused: 'yellow',
  cancelled: 'yellow',
  'timed out': 'yellow',
  retrying: 'yellow',
  [NEEDS_YES]: 'yellow',
  'not sent': 'yellow',
};

export const stateStyle = (state: string): Style | undefined => STYLES[state];
