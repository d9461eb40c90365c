import { expect, test } from 'vitest';
import { OrderedTasks } from './ordered-tasks.ts';

/** Tasks that end when the test says so. */
function scene(options: { max?: number; running?: number } = {}) {
  const begun: string[] = [];
  const told: string[] = [];
  const failures: unknown[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();
  const tasks = new OrderedTasks({ max: 100, running: 100, failed: (error) => failures.push(error), ...options });
  const add = (key: string, name: string) =>
    tasks.add(key, async () => {
      begun.push(name);
      await new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }));
      return () => told.push(name);
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (name: string) => {
    ends.get(name)?.resolve();
    await settle();
  };
  const fail = async (name: string, error: unknown) => {
    ends.get(name)?.reject(error);
    await settle();
  };
  return { tasks, add, end, fail, begun, told, failures };
}

test('other keys do not wait for each other, the same key does', async () => {
  const { add, end, begun } = scene();
  for (const [key, name] of ['a1', 'b1', 'a2', 'b2', 'c1'].map((each) => [each[0]!, each])) add(key!, name!);
  expect(begun).toEqual(['a1', 'b1', 'c1']);
  await end('b1');
  expect(begun).toEqual(['a1', 'b1', 'c1', 'b2']);
  await end('a1');
  expect(begun).toEqual(['a1', 'b1', 'c1', 'b2', 'a2']);
});

test('what they tell comes in the order in which they were added, however they end', async () => {
  const { add, end, told } = scene();
  for (const name of ['a', 'b', 'c']) add(name, name);
  await end('c');
  expect(told).toEqual([]);
  await end('a');
  expect(told).toEqual(['a']);
  await end('b');
  expect(told).toEqual(['a', 'b', 'c']);
});

test('only so many are under way at once, and one more than may be there is refused', async () => {
  const { add, end, begun, told } = scene({ running: 2, max: 4 });
  for (const name of ['a', 'b', 'c', 'd']) add(name, name);
  expect(begun).toEqual(['a', 'b']);
  expect(() => add('e', 'e')).toThrow(expect.objectContaining({ reason: 'LIMIT_EXCEEDED' }));
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('a');
  add('e', 'e');
  for (const name of ['c', 'd', 'e']) await end(name);
  expect(told).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('the first failure is told once; nothing behind it begins or is told', async () => {
  const { add, end, fail, begun, told, failures } = scene();
  add('x', 'first');
  add('a', 'a1');
  add('a', 'a2');
  const error = new Error('away');
  await fail('a1', error);
  await fail('first', new Error('also'));
  await end('first');
  add('z', 'late');
  expect([begun, told, failures]).toEqual([['first', 'a1'], [], [error]]);
});
