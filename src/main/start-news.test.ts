import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { StartNews } from './start-news.ts';

test('a start tells what it does once it has taken a second, and nothing after its end', () => {
  const clock = new ManualClock();
  const said: string[] = [];
  const news = new StartNews((line) => said.push(line), clock);
  news.step('one');
  clock.advance(999);
  expect(said).toEqual([]);
  clock.advance(1);
  news.step('two');
  expect(said).toEqual(['one', 'two']);
  news.end();

  const quick = new StartNews((line) => said.push(line), clock);
  quick.step('three');
  quick.end();
  clock.advance(5_000);
  expect(said).toEqual(['one', 'two']);
});
