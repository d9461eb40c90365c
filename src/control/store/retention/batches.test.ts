import { expect, test } from 'vitest';
import { firstPace, nextPace } from './batches.ts';

test('a slow database is given smaller batches and longer pauses, a quick one larger ones, within bounds', () => {
  let pace = firstPace(5_000);
  for (let n = 0; n < 10; n++) pace = nextPace(pace, 10);
  expect(nextPace(pace, 10)).toEqual({ rows: 5_000, most: 5_000, pauseMs: 50 });
  expect(nextPace(pace, 100)).toMatchObject({ rows: 5_000, pauseMs: 200 });
  expect(nextPace(pace, 400)).toMatchObject({ rows: 2_500, pauseMs: 800 });
  for (let n = 0; n < 10; n++) pace = nextPace(pace, 60_000);
  expect(nextPace(pace, 60_000)).toEqual({ rows: 500, most: 5_000, pauseMs: 1_000 });
  expect(nextPace(firstPace(3), 400).rows).toBe(3);
});
