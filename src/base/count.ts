// Counts as others tell them: a number that is none, or is beyond belief, never goes further than here. Pure.

/** Tokens, bytes or steps of one thing: more is not believed. Thousands of them still add up exactly. */
export const MAX_COUNT = 1e12;

/** Digits of a number that is written as text. */
const MAX_DIGITS = 32;

/** A whole count from 0 to `max`; also from text, as some servers write it. Undefined for what is no number or is below 0. */
export function countOf(value: unknown, max: number = MAX_COUNT): number | undefined {
  const number = numberOf(value);
  if (number === undefined || Number.isNaN(number) || number < 0) return undefined;
  return Math.min(Math.round(number), max);
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string' || value.length > MAX_DIGITS || value.trim() === '') return undefined;
  return Number(value);
}
