// Durations, sizes and times: read from flags, and written for people.
import { AppError } from '../base/errors.ts';
import { MOST_ASK_MS } from '../contract/ask-time.ts';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Reads milliseconds of `30`, `30s`, `500ms`, `2m` or `1h`, up to a bound; a bare number is seconds. Throws USAGE. */
export const durationUpTo =
  (mostMs: number) =>
  (text: string): number => {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text.trim());
    const ms = match ? Math.round(Number(match[1]) * UNITS[(match[2] ?? 's') as keyof typeof UNITS]) : 0;
    if (ms >= 1 && ms <= mostMs) return ms;
    throw new AppError('USAGE', {
      what: `${JSON.stringify(text.slice(0, 40))} is not a time; write 30s, 500ms, 2m or 1h, at most ${mostMs / UNITS.h}h`,
    });
  };

/** A time that only this command knows of. */
export const parseDuration = durationUpTo(7 * 24 * UNITS.h);

/** How long an ask may live, or a join line. */
export const parseAskTime = durationUpTo(MOST_ASK_MS);

/** A whole number from 1 to `max`. Throws USAGE. */
export function parseCount(max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= max) return Number(text);
    throw new AppError('USAGE', { what: `${JSON.stringify(text.slice(0, 40))} is not a number from 1 to ${max}` });
  };
}

export function bytesText(bytes: number | bigint): string {
  const n = Number(bytes);
  if (n < 1024) return `${n} bytes`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = n / 1024;
  let i = 0;
  for (; value >= 1000 && i < units.length - 1; i++) value /= 1024;
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${units[i]}`;
}

export function elapsedText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Local time of milliseconds since 1970, to the second. */
export const clockText = (ms: number): string => timeText({ seconds: BigInt(Math.floor(ms / 1000)), nanos: 0 });

/** Local time to the second; empty for none. */
export function timeText(time: { seconds: bigint; nanos: number } | undefined): string {
  if (!time) return '';
  const at = new Date(Number(time.seconds) * 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `3 min ago`; the day, in local time, when that is a month away. Empty for none. */
export function agoText(time: { seconds: bigint; nanos: number } | undefined, now: number): string {
  if (!time) return '';
  const ms = now - Number(time.seconds) * 1000 - time.nanos / 1e6;
  const far = Math.abs(ms);
  if (far >= 30 * DAY) return timeText(time).slice(0, 10);
  const days = Math.floor(far / DAY);
  const text =
    far < MINUTE
      ? `${Math.floor(far / 1000)} s`
      : far < HOUR
        ? `${Math.floor(far / MINUTE)} min`
        : far < DAY
          ? `${Math.floor(far / HOUR)} h`
          : `${days} ${days === 1 ? 'day' : 'days'}`;
  if (far < 1_000) return 'now';
  return ms >= 0 ? `${text} ago` : `in ${text}`;
}

/** `1 file`, `3 files`. */
export const countText = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
