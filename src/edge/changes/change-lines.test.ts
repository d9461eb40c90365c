import { expect, test } from 'vitest';
import { ChangeLines } from './change-lines.ts';

test('a move of a folder waits for changes below it, and they for it; what lies elsewhere waits for nothing, nor does a failure hold the line', async () => {
  const lines = new ChangeLines();
  const told: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (name: string, ...paths: string[]) =>
    lines.inLine(paths, async () => {
      told.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      if (name === 'write') throw new Error(name);
    });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const write = begin('write', '/d/one/a.md').catch(String);
  const move = begin('move', '/d/one', '/d/.config');
  const make = begin('make', '/d/one/autostart');
  const other = begin('other', '/d/one.md');
  await turn();
  expect(told).toEqual(['write', 'other']);
  ends.get('write')!();
  expect(await write).toBe('Error: write');
  await turn();
  expect(told).toEqual(['write', 'other', 'move']);
  ends.get('move')!();
  await move;
  await turn();
  expect(told).toEqual(['write', 'other', 'move', 'make']);
  for (const name of ['other', 'make']) ends.get(name)!();
  await Promise.all([make, other]);
});
