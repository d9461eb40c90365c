import pg from 'pg';
import { expect, test } from 'vitest';
import { isFinal } from './postgres.ts';

function sqlError(code: string, severity: string): Error {
  const error = new pg.DatabaseError(`SQLSTATE ${code}`, 0, 'error');
  return Object.assign(error, { code, severity });
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const classes = [...DIGITS].flatMap((first) => [...DIGITS].map((second) => first + second));

test('of all SQLSTATEs only the classes 22 and 23 and two that are listed are final', () => {
  const final = classes.filter((each) => isFinal(sqlError(`${each}001`, 'ERROR')));
  expect(final).toEqual(['22', '23']);
  const listed = classes.flatMap((each) => ['000', '501', 'P01', 'P04'].map((rest) => each + rest));
  expect(listed.filter((code) => isFinal(sqlError(code, 'ERROR')) && !/^2[23]/.test(code))).toEqual(['21000', '54000']);
});

test('what ended the connection, and what came from no server, is never final', () => {
  for (const each of classes) expect(isFinal(sqlError(`${each}000`, 'FATAL'))).toBe(false);
  for (const each of classes) expect(isFinal(sqlError(`${each}000`, 'PANIC'))).toBe(false);
  expect(isFinal(new Error('22021'))).toBe(false);
  expect(isFinal(undefined)).toBe(false);
});
