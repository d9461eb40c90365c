// An approval is answered by two doors. The import rules keep the session away from the desk; here it is looked at who writes an answer down,
// who may call the desk for it, and that what the runner is given cannot.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, expectTypeOf, test } from 'vitest';
import type { AskingDesk } from '../../src/edge/runner/plan-call.ts';

const SOURCES = execFileSync('git', ['ls-files', 'src/edge/*.ts', 'src/main/*.ts'], { encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((path) => !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

const holding = (what: RegExp) => SOURCES.filter(({ text }) => what.test(text)).map(({ path }) => path);

test('one file writes an answer down, and two call it: that of the socket of the owner, and that of paired keys, which verifies first', () => {
  expect(SOURCES.length).toBeGreaterThan(200);
  expect(holding(/case: 'approvalAnswered'/)).toEqual(['src/edge/approvals/approval-desk.ts']);
  expect(holding(/[dD]esk\.answer\(/)).toEqual([
    'src/edge/local/approval-methods.ts',
    'src/main/edge-parts/owner-desk.ts',
  ]);
  // Whatever comes in the name of a paired key has passed here.
  expect(holding(/openAnswer\(/)).toEqual(['src/edge/owners/owner-desk.ts']);
});

test('what the runner has of the desk takes no answer', () => {
  expectTypeOf<keyof AskingDesk>().toEqualTypeOf<
    'ask' | 'askedFor' | 'allowedIn' | 'isOver' | 'open' | 'wasAsked' | 'withdraw'
  >();
  expect(holding(/new ApprovalDesk\(/)).toEqual(['src/main/edge-parts/tools.ts']);
});
