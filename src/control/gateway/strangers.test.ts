import { expect, test } from 'vitest';
import { randomOf } from '../../../test/fuzz/fuzz.ts';
import { Strangers } from './strangers.ts';

test('whatever comes and goes, strangers never hold more than the limit, and in the end nothing', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomOf(seed);
    const ended = new Set<object>();
    const strangers = new Strangers<object>({ calls: 3, bytes: 1_000 }, (connection) => ended.add(connection));
    const connections = Array.from({ length: 6 }, () => ({}));
    const leaves: (() => void)[] = [];
    for (let step = 0; step < 60; step++) {
      const connection = random.pick(connections);
      if (random.chance(0.1)) strangers.admit(connection);
      else if (random.chance(0.3)) leaves.splice(random.int(leaves.length + 1), 1)[0]?.();
      else leaves.push(strangers.enter(connection, 1 + random.int(400), random.chance(0.5)) ?? (() => {}));
      expect(strangers.bytes, `seed ${seed}`).toBeLessThanOrEqual(1_000);
      expect(strangers.bytes, `seed ${seed}`).toBeGreaterThanOrEqual(0);
    }
    for (const leave of leaves) leave();
    for (const leave of leaves) leave();
    expect(strangers.bytes, `seed ${seed}`).toBe(0);
  }
});

test('the connection that holds most makes room; one that showed a credential never does', () => {
  const ended: string[] = [];
  const strangers = new Strangers<{ name: string }>({ calls: 2, bytes: 100 }, ({ name }) => ended.push(name));
  const [known, small, greedy, last] = ['known', 'small', 'greedy', 'last'].map((name) => ({ name }));
  strangers.admit(known!);
  strangers.enter(known!, 1_000, true);
  strangers.enter(small!, 20, true);
  strangers.enter(greedy!, 70, true);
  expect(ended).toEqual([]);
  strangers.enter(last!, 30, true);
  expect(ended).toEqual(['greedy']);
  expect(strangers.bytes).toBe(50);
  expect(strangers.enter(small!, 1, true)).toBeDefined();
  expect(strangers.enter(small!, 1, true)).toBeUndefined();
  expect(strangers.enter(small!, 1, false)).toBeDefined();
});

test('of many who each hold about as much, who has held it longest makes room: a newcomer is served beside all of them', () => {
  const ended: number[] = [];
  const strangers = new Strangers<{ n: number }>({ calls: 8, bytes: 10 * 1_024 }, ({ n }) => ended.push(n));
  for (let n = 0; n < 10; n++) strangers.enter({ n }, 1_024, true);
  // What is honest has some more in its headers.
  const leave = strangers.enter({ n: 100 }, 1_100, true);
  expect(ended).toEqual([0, 1]);
  for (let n = 10; n < 17; n++) strangers.enter({ n }, 1_024, true);
  expect(ended).not.toContain(100);
  leave?.();
  expect(strangers.bytes).toBeLessThanOrEqual(10 * 1_024);
});
