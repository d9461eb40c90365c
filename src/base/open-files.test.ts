import { expect, test } from 'vitest';
import { tooFewFiles } from './open-files.ts';

const limits = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft.padEnd(21)}1048576              files\n`;

test('a limit of open files that is too low is told with its number and what to do; another is not the reason', () => {
  expect(tooFewFiles(limits('128'))).toMatch(/128.*ulimit -n 4096/);
  expect(tooFewFiles(limits('511'))).toBeDefined();
  for (const enough of ['512', '1024', '1048576', 'unlimited']) expect(tooFewFiles(limits(enough))).toBeUndefined();
  expect(tooFewFiles('')).toBeUndefined();
});
