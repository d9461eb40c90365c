import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { endText, errorOf, lastWords } from './child-end.ts';

test.each([
  ['a signal and nothing said', null, 'SIGKILL', '', 'ended by SIGKILL'],
  [
    'an error of ours, and what to do behind it',
    2,
    null,
    'error: it is so (USAGE)\n  see --help\n',
    'it is so (USAGE) (exit code 2)',
  ],
  [
    'a full heap, with addresses behind it',
    null,
    'SIGABRT',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n 1: 0xb7\n',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory (ended by SIGABRT)',
  ],
  ['a last line', 1, null, 'one\ntwo\n\n', 'two (exit code 1)'],
] as const)('the end is told: %s', (_what, code, signal, said, told) => {
  expect(endText(code, signal, said)).toBe(told);
});

/** What Node 24 writes of these programs. */
test.each([
  ["throw new RangeError('too far 绳')", 'RangeError: too far 绳 (exit code 1)'],
  ["console.error('error: earlier (USAGE)'); throw new Error('later')", 'Error: later (exit code 1)'],
  ["throw new Error('a\\nB: b', { cause: new TypeError('inner') })", 'Error: a B: b (exit code 1)'],
  ["throw new DOMException('slow', 'TimeoutError')", 'TimeoutError: slow (exit code 1)'],
  ["class Odd extends Error { code = 7 } throw new Odd('x')", 'Error: x (exit code 1)'],
  ["throw 'plain'", 'plain (exit code 1)'],
  ['Promise.reject(7)', /^UnhandledPromiseRejection: .*"7"/],
  [
    "process.on('uncaughtException', (error) => { console.error(error); process.exit(1) }); throw new RangeError('so')",
    'RangeError: so (exit code 1)',
  ],
  ["require('assert')(1 === 2)", 'AssertionError [ERR_ASSERTION]: The expression evaluated to a falsy value: '],
])('of an error that nobody caught its own text is told, and not what Node says around it: %s', (script, told) => {
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  const text = endText(status, signal, stderr);
  if (typeof told === 'string') expect(text.startsWith(told)).toBe(true);
  else expect(text).toMatch(told);
});

test.each([
  ['error: the file is damaged. Restore it (JOURNAL_DAMAGED)\n  home: /h\n', 'JOURNAL_DAMAGED'],
  ['error: a newer one (NOT_A_REASON)\n', undefined],
  ['error: no reason\n', undefined],
  ['FATAL ERROR: Reached heap limit\n', undefined],
  ['', undefined],
])('the reason that a child told is known: %j', (said, reason) => {
  expect(errorOf(said)?.reason).toBe(reason);
});

test('of whatever a child says, a bounded end is kept and a bounded part told', () => {
  let said = '';
  for (let i = 0; i < 1_000; i++) said = lastWords(`${said}${'x'.repeat(1_000)}\n`);
  expect(said.length).toBeLessThanOrEqual(16 << 10);
  expect(endText(1, null, `error: ${'y'.repeat(10_000)}`).length).toBeLessThan(400);
});
