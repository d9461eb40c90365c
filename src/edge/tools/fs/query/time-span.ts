// Spans of time as people say them, in the time zone of this process. Weeks begin on Monday. Pure.
import { TimeSpan } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';

/** From the first millisecond up to, and without, the last. */
export interface Between {
  readonly from: number;
  readonly to: number;
}

export const ANY_TIME: Between = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** @param now in milliseconds since 1970 */
export function spanOf(span: TimeSpan, now: number): Between {
  const today = new Date(now);
  const [year, month, day] = [today.getFullYear(), today.getMonth(), today.getDate()];
  // Days of a calendar, not of 24 hours: the clocks may be changed between.
  const at = (y: number, m: number, d: number): number => new Date(y, m, d).getTime();
  const monday = day - ((today.getDay() + 6) % 7);
  switch (span) {
    case TimeSpan.TODAY:
      return { from: at(year, month, day), to: at(year, month, day + 1) };
    case TimeSpan.YESTERDAY:
      return { from: at(year, month, day - 1), to: at(year, month, day) };
    case TimeSpan.THIS_WEEK:
      return { from: at(year, month, monday), to: at(year, month, monday + 7) };
    case TimeSpan.LAST_WEEK:
      return { from: at(year, month, monday - 7), to: at(year, month, monday) };
    case TimeSpan.THIS_MONTH:
      return { from: at(year, month, 1), to: at(year, month + 1, 1) };
    case TimeSpan.LAST_MONTH:
      return { from: at(year, month - 1, 1), to: at(year, month, 1) };
    case TimeSpan.THIS_YEAR:
      return { from: at(year, 0, 1), to: at(year + 1, 0, 1) };
    case TimeSpan.LAST_YEAR:
      return { from: at(year - 1, 0, 1), to: at(year, 0, 1) };
    default:
      return ANY_TIME;
  }
}

const DAY = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/;

/** When a day, month or year begins: `2025-06-03`, `2025-06`, `2025`; undefined for what is none. */
export function beginOf(day: string): number | undefined {
  const [, year, month = '1', date = '1'] = DAY.exec(day) ?? [];
  if (year === undefined) return undefined;
  const begin = new Date(Number(year), Number(month) - 1, Number(date));
  // The 31st of February is the third of March, and no day that was meant.
  const isThatDay = begin.getMonth() === Number(month) - 1 && begin.getDate() === Number(date);
  return isThatDay && Number(year) >= 1000 ? begin.getTime() : undefined;
}

/** What lies in both. */
export const overlapOf = (...spans: readonly Between[]): Between => ({
  from: Math.max(...spans.map(({ from }) => from)),
  to: Math.min(...spans.map(({ to }) => to)),
});
