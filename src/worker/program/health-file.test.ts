import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { keepHealthFile } from './health-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bowline-test-health-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const turns = () => ({ longestMs: 12.5, over: 0 });

test('the file is fresh while the worker is connected, gone while it is not, and gone at the end', () => {
  const clock = new ManualClock();
  const path = join(folder, 'ok');
  let connected = false;
  const stop = keepHealthFile(path, () => connected, { clock, log: silentLogger, turns });
  expect(existsSync(path)).toBe(false);
  connected = true;
  clock.advance(2_000);
  expect(statSync(path).mtimeMs).toBe(clock.now());
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ turns: turns() });
  clock.advance(6_000);
  expect(statSync(path).mtimeMs).toBe(clock.now());
  connected = false;
  clock.advance(2_000);
  expect(existsSync(path)).toBe(false);
  connected = true;
  clock.advance(2_000);
  stop();
  expect(existsSync(path)).toBe(false);
  clock.advance(10_000);
  expect(existsSync(path)).toBe(false);
});

test('a place where nothing can be written does not end the worker', () => {
  const clock = new ManualClock();
  const stop = keepHealthFile(join(folder, 'none', 'ok'), () => true, { clock, log: silentLogger, turns });
  clock.advance(2_000);
  stop();
});
