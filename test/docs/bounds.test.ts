// The table of what bounds each table of the database is the one in the code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { boundRows } from '../../src/control/store/retention/bounds.ts';

test('docs/operations.md says of each table what bounds it', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| `[a-z_]+` \| /.test(line));
  expect(rows.filter((row) => boundRows().includes(row))).toEqual(boundRows());
});
