// Days of this machine's local time. Pure but for the zone, which is the machine's.

/** Days before the newest one that are remembered, for a clock that is set back. */
export const DAYS_KEPT = 7;

/** The day of a time in milliseconds since 1970, as a number that grows by one from day to day. */
export function dayOf(at: number): number {
  const time = new Date(at);
  return Math.floor(Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / 86_400_000);
}

/** When the day after that of a time begins, in milliseconds since 1970. */
export function nextDay(at: number): number {
  const time = new Date(at);
  return new Date(time.getFullYear(), time.getMonth(), time.getDate() + 1).getTime();
}
