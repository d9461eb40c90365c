import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig, readConfig } from './config-file.ts';
import { readPrivate } from './private-file.ts';
import { readSmall, textIfSmall } from './read-small.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bowline-'));
  file = join(dir, '配置.yaml');
});
afterEach(() => rmSync(dir, { recursive: true }));

const schema = v.looseObject({});
const config = () => readConfig(file, schema);

test('a plain file is read, none is none', () => {
  expect(readSmall(file, 10)).toBeUndefined();
  expect(config().value).toEqual({});
  writeFileSync(file, '名: 值');
  expect(textIfSmall(file, 10)).toBe('名: 值');
  expect(config().value).toEqual({ 名: '值' });
});

test('a pipe, a device, a folder and a huge file are told as what they are', () => {
  execFileSync('mkfifo', [file]);
  expect(config).toThrow('配置.yaml:1:1: is a pipe or a device, not a file');
  expect(() => readPrivate(file)).toThrow('is no file');
  expect(() => readConfig('/dev/zero', schema)).toThrow('/dev/zero:1:1: is a pipe or a device, not a file');
  rmSync(file);
  mkdirSync(file);
  expect(config).toThrow('is a folder, not a file');
  rmSync(file, { recursive: true });
  writeFileSync(file, '');
  truncateSync(file, 50 << 20);
  expect(config).toThrow('has 52428800 bytes; at most 1048576 are read');
  expect(textIfSmall(file, 1024)).toBeUndefined();
});

test('what would unfold without end is told as that', () => {
  const parse = (text: string) => () => parseConfig('c.yaml', text, schema);
  const levels = Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(10)}]`);
  expect(parse(`a0: &a0 [x]\n${levels.join('\n')}\n`)).toThrow(
    'c.yaml:1:1: has aliases (`*name`) that stand for too many',
  );
  expect(parse(`a: ${'['.repeat(5_000)}${']'.repeat(5_000)}`)).toThrow(/^c\.yaml:1:\d+: is nested too deeply$/);
  expect(parse('a: *b')).toThrow(/^c\.yaml:1:1: Unresolved alias/);
});
