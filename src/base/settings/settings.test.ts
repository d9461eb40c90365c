import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SettingTable } from './setting.ts';
import { flagTexts, ownOptions, type SettingFlags, settingOptions } from './setting-flags.ts';
import { readSettingsFile } from './settings-file.ts';
import { settle } from './settle.ts';
import { settingsHelp, shownSettings } from './show-settings.ts';
import { type Beside, fromEnvironment, fromFlags } from './sources.ts';

const TABLE = {
  program: 'mill',
  groups: { stones: 'Stones', unused: 'Nothing stands here' },
  rows: {
    hosts: {
      env: 'BOWLINE_MILL_HOSTS',
      group: 'stones',
      kind: 'list',
      flag: '--mill-host <host...>',
      what: 'hosts to reach',
      item: /^[a-z.]{1,20}$/,
      like: 'a.example,b.example',
      most: 3,
      fallback: ['a.example', 'b.example'],
    },
    none: {
      env: 'BOWLINE_MILL_NONE',
      group: 'stones',
      kind: 'list',
      what: 'a list that is empty by default',
      item: /^\d+$/,
      like: '1,2',
      most: 2,
      fallback: [],
    },
    folder: { env: 'BOWLINE_MILL_FOLDER', group: 'stones', kind: 'path', what: 'a folder', fallback: undefined },
    url: {
      env: 'BOWLINE_MILL_URL',
      group: 'stones',
      kind: 'secret',
      what: 'a database',
      shape: /^postgres:/,
      like: 'postgres://x',
    },
  },
} as const satisfies SettingTable;

const BESIDE: Beside = { names: ['BOWLINE_SHIP_NAME'] };

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-table-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const settled = (env: Record<string, string> = {}, flags: Record<string, string> = {}) =>
  settle(TABLE, [fromFlags(TABLE, flags), fromEnvironment(TABLE, env), readSettingsFile(TABLE, home, undefined)]);
const usage = (what: RegExp) => expect.objectContaining({ reason: 'USAGE', message: expect.stringMatching(what) });

test('a list is read from commas and from YAML alike, else it is its default; it cannot be changed', () => {
  expect(settled().config.hosts).toEqual(['a.example', 'b.example']);
  expect(settled().config.none).toEqual([]);
  const { config } = settled({ BOWLINE_MILL_HOSTS: 'x.example, y.example' });
  expect(config.hosts).toEqual(['x.example', 'y.example']);
  expect(Object.isFrozen(config) && Object.isFrozen(config.hosts)).toBe(true);
  file('mill.yaml', 'BOWLINE_MILL_HOSTS: [z.example, y.example]\n');
  expect(settled().config.hosts).toEqual(['z.example', 'y.example']);
});

test.each([
  ['BOWLINE_MILL_HOSTS', 'a,,b', /"a,,b" is not a list like a\.example,b\.example, of at most 3/],
  ['BOWLINE_MILL_HOSTS', 'a,B', /is not a list/],
  ['BOWLINE_MILL_HOSTS', 'a,b,c,d', /of at most 3/],
  ['BOWLINE_MILL_NONE', '1,x', /is not a list like 1,2/],
  ['BOWLINE_MILL_FOLDER', `/${'x'.repeat(4_096)}`, /is not a path/],
  ['BOWLINE_MILL_FOLDER', '/a\0b', /is not a path/],
])('%s=%s is refused by name', (name, value, message) => {
  expect(() => settled({ [name]: value })).toThrow(usage(message));
  expect(() => settled({}, { [name]: value })).toThrow(usage(message));
});

test('a path is taken as it stands, and is absent without a text', () => {
  expect(settled().config.folder).toBeUndefined();
  expect(settled({ BOWLINE_MILL_FOLDER: 'a b/c' }).config.folder).toBe('a b/c');
});

test('a secret of any table may stand in a file of its own, and is masked where settings are shown', () => {
  const secret = file('url', 'postgres://u:hunter2@h/d\n');
  const found = settled({ BOWLINE_MILL_URL_FILE: secret });
  expect(found.config.url?.reveal()).toBe('postgres://u:hunter2@h/d');
  const shown = [...shownSettings(found, true), ...shownSettings(found, false)].join('\n');
  expect(shown).toContain('***');
  expect(shown).not.toContain('hunter2');
  file('mill.yaml', 'BOWLINE_MILL_URL: postgres://u:hunter2@h/d\n', 0o644);
  expect(() => settled()).toThrow(/mill\.yaml:1:1: `BOWLINE_MILL_URL` is a secret/);
});

test('names of the program beside it may stand in the environment, and behind `--set` only where both are meant', () => {
  const texts = { BOWLINE_SHIP_NAME: 'x' };
  expect(() => fromEnvironment(TABLE, texts, BESIDE)).not.toThrow();
  expect(() => fromEnvironment(TABLE, texts)).toThrow(usage(/BOWLINE_SHIP_NAME is no setting/));
  expect(() => fromEnvironment(TABLE, { BOWLINE_SHIP_NMAE: 'x' }, BESIDE)).toThrow(
    usage(/did you mean BOWLINE_SHIP_NAME\?/),
  );
  expect(() => fromFlags(TABLE, texts, BESIDE)).toThrow(usage(/no setting/));
  expect(() => fromFlags(TABLE, texts, { ...BESIDE, set: true })).not.toThrow();
  expect(() => fromFlags(TABLE, { BOWLINE_FAR_AWAY: '1' })).toThrow(usage(/`bowline mill --help` lists/));
});

test('a flag of its own wins over `--set`, may be given several times, and is found under its name in camel case', async () => {
  const command = settingOptions(new Command('mill'), 'A=1', 'mill.yaml').exitOverride();
  ownOptions(command, TABLE);
  await command
    .action(() => {})
    .parseAsync(['--mill-host', 'x', 'y', '--set', 'BOWLINE_MILL_HOSTS=z', '--set', 'BOWLINE_MILL_NONE=1'], {
      from: 'user',
    });
  expect(flagTexts(TABLE, command.opts<SettingFlags>(), 'A=1')).toEqual({
    BOWLINE_MILL_HOSTS: 'x,y',
    BOWLINE_MILL_NONE: '1',
  });
  expect(() => flagTexts(TABLE, { set: ['nothing'] }, 'A=1')).toThrow(usage(/such as A=1/));
});

test('the help lists settings with their defaults, and no group without settings', () => {
  const help = settingsHelp(TABLE);
  expect(help).toContain('a key of mill.yaml');
  expect(help).toMatch(/BOWLINE_MILL_HOSTS +hosts to reach \(a\.example,b\.example\)/);
  expect(help).toContain('BOWLINE_MILL_URL_FILE name');
  expect(help).not.toContain('Nothing stands here');
});
