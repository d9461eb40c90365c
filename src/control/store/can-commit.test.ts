import { expect, test } from 'vitest';
import { COMMIT_TABLES, commitProbe } from './can-commit.ts';
import { COMMIT_FUNCTION } from './migrations/0013-commit-function.ts';
import { BUDGET_COMMIT_FUNCTION } from './migrations/0016-budgets.ts';

test('a commit is asked for with every table that it writes, and with no other', () => {
  const written = [
    ...(COMMIT_FUNCTION + BUDGET_COMMIT_FUNCTION).matchAll(/insert into (\w+)|update (\w+) set|delete from (\w+)/g),
  ].map((match) => match[1] ?? match[2] ?? match[3]);
  expect(new Set(written)).toEqual(new Set(COMMIT_TABLES));
});

test('while one query waits for its answer no other is sent', async () => {
  const asked: (() => void)[] = [];
  const query = () => new Promise<void>((resolve) => asked.push(resolve));
  const probe = commitProbe({ query } as never, 'r');
  const both = [probe(), probe()];
  expect(asked).toHaveLength(1);
  asked[0]?.();
  await Promise.all(both);
  const later = probe();
  expect(asked).toHaveLength(2);
  asked[1]?.();
  await later;
});
