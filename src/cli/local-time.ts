// A time that someone wrote: a day, or a day and a time of it, where they are.
import { AppError } from '../base/errors.ts';

/** In milliseconds since 1970. Throws USAGE. */
export function parseLocalTime(text: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?$/.exec(text.trim());
  // With a time of the day it is local time, as it is meant.
  const at = match ? new Date(`${match[1]}T${match[2] ?? '00:00'}`).getTime() : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new AppError('USAGE', {
    what: `${JSON.stringify(text.slice(0, 40))} is not a time; write 2026-11-01 or 2026-11-01T09:30`,
  });
}
