// An approval is answered by one door. The import rules keep the session away from the desk; here it is looked at who writes an answer down,
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

test('one file writes an answer down, and one calls it: that of the socket of the owner', () => {
  expect(SOURCES.length).toBeGreaterThan(200);
  expect(holding(/case: 'approvalAnswered'/)).toEqual(['src/edge/approvals/approval-desk.ts']);
  expect(holding(/[dD]esk\.answer\(/)).toEqual(['src/edge/local/approval-methods.ts']);
});

test('what the runner has of the desk takes no answer', () => {
  expectTypeOf<keyof AskingDesk>().toEqualTypeOf<'ask' | 'allowedFor' | 'allowedIn' | 'isOver' | 'open' | 'withdraw'>();
  expect(holding(/new ApprovalDesk\(/)).toEqual(['src/main/edge-parts/tools.ts']);
});
