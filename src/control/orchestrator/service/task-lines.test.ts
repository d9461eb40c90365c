import { expect, test } from 'vitest';
import { TaskLines } from './task-lines.ts';

test('tasks of one key run one after another in order, whatever becomes of them; other keys do not wait', async () => {
  const boxes = new TaskLines();
  const log: string[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = boxes.run('a', async () => {
    log.push('a1');
    await gate;
    throw new Error('a1 failed');
  });
  const second = boxes.run('a', async () => log.push('a2'));
  const third = boxes.run('a', async () => log.push('a3'));
  await boxes.run('b', async () => log.push('b1'));
  expect(log).toEqual(['a1', 'b1']);
  release();
  await expect(first).rejects.toThrow('a1 failed');
  await Promise.all([second, third]);
  expect(log).toEqual(['a1', 'b1', 'a2', 'a3']);
  await Promise.resolve();
  expect(boxes.size).toBe(0);
});

test('what waits for one key is bounded', async () => {
  const boxes = new TaskLines();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const tasks = Array.from({ length: 1000 }, () => boxes.run('a', () => gate));
  await expect(boxes.run('a', () => gate)).rejects.toMatchObject({ reason: 'RUN_BUSY', retryable: true });
  release();
  await Promise.all(tasks);
});
