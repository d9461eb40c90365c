// The messy folder holds what its manifest says, is the same for a seed, and no chance of the clock moves an age.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeMessyFolder } from './messy-folder.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bowline-messy-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('about 300 mixed files stand on the disk as the manifest says', () => {
  const folder = makeMessyFolder(dir);
  expect(folder.files.length).toBeGreaterThan(270);
  expect(folder.files.length).toBeLessThan(330);
  expect(new Set(folder.files.map(({ path }) => path)).size).toBe(folder.files.length);
  for (const file of folder.files) {
    const about = statSync(join(dir, file.path));
    expect([file.path, about.size]).toEqual([file.path, file.bytes]);
    expect(Math.abs(about.mtimeMs - file.modified.getTime())).toBeLessThan(2);
  }
  const kinds = new Set(folder.files.map(({ extension }) => extension));
  for (const kind of ['md', 'ts', 'py', 'csv', 'log', 'pdf', 'docx', 'png', 'jpg', 'html'])
    expect(kinds).toContain(kind);
  expect(statSync(join(dir, folder.bigLog)).size).toBe(50_000_000);
  expect(folder.deepest.split('/').length).toBeGreaterThan(40);
  expect(readFileSync(join(dir, folder.bigLog), 'latin1').split('quicksilver').length).toBe(2);
  expect(readdirSync(join(dir, 'links'))).toHaveLength(folder.links.length);
});

test.each([
  ['just after midnight of a Monday', new Date(2026, 10, 30, 0, 0, 1)],
  ['on the first of January', new Date(2027, 0, 1, 15, 0)],
  ['late on a Sunday', new Date(2027, 1, 28, 23, 59, 59)],
])('ages are by the calendar %s', (_, now) => {
  const files = makeMessyFolder(dir, { now, bigBytes: 1000 }).files;
  const day = (date: Date) => date.toDateString();
  const of = (age: string) => files.filter((file) => file.age === age).map(({ modified }) => modified);
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  for (const time of of('today')) expect([day(time), time <= now]).toEqual([day(now), true]);
  for (const time of of('yesterday')) expect(day(time)).toBe(day(yesterday));
  for (const time of of('last week')) {
    const monday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - ((now.getDay() + 6) % 7));
    expect(time < monday && monday.getTime() - time.getTime() < 7.5 * 86_400_000).toBe(true);
  }
  for (const time of of('last year')) expect(time.getFullYear()).toBe(now.getFullYear() - 1);
  for (const age of ['today', 'yesterday', 'last week', 'last year']) expect(of(age).length).toBeGreaterThan(1);
});

test('the same seed gives the same bytes', () => {
  const texts = () =>
    makeMessyFolder(dir, { bigBytes: 1000 }).files.map(({ path, bytes, text }) => [path, bytes, text]);
  const first = texts();
  rmSync(dir, { recursive: true });
  expect(texts()).toEqual(first);
});
