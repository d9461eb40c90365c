// What a word of a command's entry leaves to the caller: a path, a whole number, a plain word, or one that fits a pattern. Pure.
import { AppError } from '../../base/errors.ts';
import { type Glob, globOf } from '../../base/glob.ts';

/** A word in braces. */
export type Placeholder =
  | { readonly kind: 'path' }
  | { readonly kind: 'int'; readonly least: number; readonly most: number }
  /** With a pattern, only words that fit it. */
  | { readonly kind: 'word'; readonly pattern: Glob | undefined };

/** `{path}`, `{word}`, `{int}`, or with a name for people `{NAME:...}`. Anything else in braces is a word as it stands. */
const BRACES = /^\{(?:([a-z][a-z0-9_-]{0,31}):(.*)|(path|word|int))\}$/su;
const RANGE = /^(\d{1,16})\.\.(\d{1,16})$/;
/** A pattern is made of what a plain word is made of, and of the signs of patterns. */
const PATTERN = /^[\p{L}\p{M}\p{N}_.,@+\-*?[\]!{}]{1,128}$/u;
const SIGN = /[*?[{]/;

/** Undefined for a word as it stands. @throws INVALID_ARGUMENT for what looks like a placeholder and is none */
export function placeholderOf(text: string): Placeholder | undefined {
  const match = BRACES.exec(text);
  if (!match) return undefined;
  const type = match[2] ?? match[3]!;
  if (type === 'path') return { kind: 'path' };
  if (type === 'word') return { kind: 'word', pattern: undefined };
  if (type === 'int') return { kind: 'int', least: 0, most: Number.MAX_SAFE_INTEGER };
  const range = RANGE.exec(type);
  if (range) return rangeOf(Number(range[1]), Number(range[2]));
  if (!PATTERN.test(type))
    return invalid('its pattern has letters, digits, _ . , @ + - and * ? [a-z] {a,b}, at most 128 signs');
  if (!SIGN.test(type))
    return invalid(`\`${type}\` is neither path, int, 1..9 or word, nor a pattern with * ? [a-z] or {a,b}`);
  return { kind: 'word', pattern: globOf(type) };
}

function rangeOf(least: number, most: number): Placeholder {
  if (least > most) return invalid('its range ends before it begins');
  if (most > Number.MAX_SAFE_INTEGER) return invalid(`a number is at most ${Number.MAX_SAFE_INTEGER}`);
  return { kind: 'int', least, most };
}

function invalid(what: string): never {
  throw new AppError('INVALID_ARGUMENT', { what });
}
