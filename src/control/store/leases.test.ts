import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const WRITES = /(?:insert into|update|delete from) lease\b|(?:insertInto|updateTable|deleteFrom)\('lease'\)/;

test('one file writes the rows of leases', () => {
  const files = globSync('src/**/*.ts').filter((file) => !file.endsWith('.test.ts') && !file.includes('/migrations/'));
  const writers = files.filter((file) => WRITES.test(readFileSync(file, 'utf8')));
  expect(writers).toEqual(['src/control/store/leases.ts']);
});
