import { expect, test } from 'vitest';
import { SerialTasks } from './serial-tasks.ts';

test('tasks run one after the other; the first failure is told and ends the line', async () => {
  const seen: string[] = [];
  const failures: unknown[] = [];
  const line = new SerialTasks(10, (error) => failures.push(error));
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  line.add(async () => {
    await gate;
    seen.push('one');
  });
  line.add(async () => void seen.push('two'));
  line.add(() => Promise.reject(new Error('three')));
  const last = new Promise<void>((resolve) => {
    line.add(async () => void seen.push('four'));
    setImmediate(resolve);
  });
  await last;
  expect(seen).toEqual([]);
  go();
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(['one', 'two']);
  expect(failures.map(String)).toEqual(['Error: three']);
});

test('too many waiting tasks are refused', () => {
  const line = new SerialTasks(2, () => {});
  const never = () => new Promise<void>(() => {});
  line.add(never);
  line.add(never);
  expect(() => line.add(never)).toThrow('over the limit of 2');
});
