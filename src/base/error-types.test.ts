// What the compiler lets stand where an error is thrown: `make typecheck` fails when a line that should be refused is not.
import { expect, test } from 'vitest';
import { filledError, placeholdersOf } from '../../test/support/filled-error.ts';
import type { Placeholders } from './error-tables/row.ts';
import { AppError, ERRORS, type Reason } from './errors.ts';

const names = <Text extends string>(...all: Placeholders<Text>[]) => all;

test('the type of a text knows the names that must be given, and braces that are part of it are none', () => {
  names<'a {b} c {d}'>('b', 'd');
  // @ts-expect-error no such name
  names<'a {b} c {d}'>('c');
  // @ts-expect-error doubled braces are braces
  names<'say {{word}} to {b}'>('word');
  names<'say {{word}} to {b}'>('b');
});

test('an error is thrown with exactly what its text wants', () => {
  const one = Math.random() < 2 ? 'STORE_UNAVAILABLE' : 'OUTCOME_UNKNOWN';
  const any: Reason = one;
  const all = [
    new AppError('CANCELED'),
    new AppError('NOT_FOUND', { kind: 'run' }),
    new AppError('PROVIDER_RATE_LIMITED', { provider: 'p', retryAfterMs: 5 }),
    new AppError(one, { problem: 'p', why: 'w' }),
    new AppError({ reason: 'NEWER', code: 'internal', retryable: false, message: 'a {b}' }, { c: 'd' }),
    new AppError(any, { other: 'x' }, { message: 'a text of its own' }),
    // @ts-expect-error nothing is given
    new AppError('OUTCOME_UNKNOWN'),
    // @ts-expect-error another name
    new AppError('OUTCOME_UNKNOWN', { problem: 'x' }),
    // @ts-expect-error one name too many
    new AppError('OUTCOME_UNKNOWN', { why: 'x', what: 'y' }),
    // @ts-expect-error one name too few
    new AppError('LIMIT_EXCEEDED', { what: 'x', limit: 5 }),
    // @ts-expect-error a text without names
    new AppError('CANCELED', { why: 'x' }),
    // @ts-expect-error what is not there is not text
    new AppError('OUTCOME_UNKNOWN', { why: undefined }),
    // @ts-expect-error what only one of the two wants
    new AppError(one, { problem: 'p' }),
    // @ts-expect-error nobody knows what this one wants
    new AppError(any, { why: 'x' }),
  ];
  for (const { message } of all) expect(message).not.toMatch(/\{(?!b\})/);
});

test.each(Object.keys(ERRORS) as Reason[])('%s filled is a text without braces, holes and "undefined"', (reason) => {
  const literal = [...ERRORS[reason].message.matchAll(/\{\{(\w+)\}\}/g)].map(([, word]) => `{${word}}`);
  let { message } = filledError(reason);
  for (const braces of literal) message = message.replace(braces, '');
  expect(message).not.toMatch(/[{}…]|undefined/);
  expect(message.trim()).not.toBe('');
});

test('braces of every row are names or doubled', () => {
  for (const { message } of Object.values(ERRORS)) {
    const rest = placeholdersOf(message).reduce((text, name) => text.replace(`{${name}}`, ''), message);
    expect(rest.replace(/\{\{\w+\}\}/g, '')).not.toMatch(/[{}]/);
  }
});
