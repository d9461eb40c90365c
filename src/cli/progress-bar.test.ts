import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ProgressBar } from './progress-bar.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('where there is no terminal a line now and then tells how many are done', () => {
  const written: string[] = [];
  const bar = new ProgressBar({ write: (text) => written.push(text) > 0 }, 289);
  for (let done = 0; done <= 289; done++) {
    bar.show(done, `笔记/${done}.md`);
    vi.advanceTimersByTime(100);
  }
  bar.clear();
  expect(written).toEqual([
    '50 of 289 done\n',
    '100 of 289 done\n',
    '150 of 289 done\n',
    '200 of 289 done\n',
    '250 of 289 done\n',
  ]);
});
