// The documentation tells the truth where that can be checked: links, limits and their defaults, settings.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { configurationPage, withLimits } from '../../scripts/config-docs.ts';
import { isOtherName } from '../../src/base/env-names.ts';
import { controlSettingNames } from '../../src/control/settings.ts';
import { loadEdgeConfig } from '../../src/edge/config/edge-config.ts';
import { edgeSettingNames } from '../../src/edge/config/edge-settings.ts';
import { workerSettingNames } from '../../src/worker/program/settings.ts';

const PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md')];
const read = (page: string): string => readFileSync(page, 'utf8');

test.each(PAGES)('%s links only to files that exist', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '');
  const missing = links.filter((link) => !existsSync(normalize(join(dirname(page), link))));
  expect(missing).toEqual([]);
});

test.each(Object.entries(loadEdgeConfig('no such file').limits))(
  'limits.md tells the default of the edge limit %s',
  (name, value) => {
    expect(numberOf(defaultBeside(`\`config.yaml\` \`${name}\``))).toBe(value * unitOf(name));
  },
);

test('configuration.md and the settings in limits.md are those of the table', () => {
  const hint = 'run `node scripts/config-docs.ts`';
  expect(read('docs/configuration.md'), hint).toBe(configurationPage());
  expect(read('docs/limits.md'), hint).toBe(withLimits(read('docs/limits.md')));
});

test('every BOWLINE_ name in the sources is a setting or a known name of another program', () => {
  const known = [...controlSettingNames(), ...workerSettingNames(), ...edgeSettingNames()];
  const unknown = globSync('src/**/*.ts')
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => [...read(file).matchAll(/\bBOWLINE_[A-Z][A-Z_]*[A-Z]\b/g)].map(([name]) => name))
    .filter((name) => !known.includes(name) && !isOtherName(name));
  expect(unknown).toEqual([]);
});

function rowOf(where: string): string[] {
  const rows = read('docs/limits.md').split('\n');
  const found = rows.find((row) => row.endsWith(`| ${where} |`)) ?? '';
  return found
    .split('|')
    .map((cell) => cell.trim())
    .slice(1);
}

const defaultBeside = (where: string): string => rowOf(where)[1] ?? '';

const UNITS: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
};

/** Plain numbers, bytes, or milliseconds. */
function numberOf(cell: string): number {
  const match = /^([\d,]+)(?: (\w+))?$/.exec(cell);
  return (
    Number(match?.[1]?.replaceAll(',', '') ?? Number.NaN) *
    (match?.[2] === undefined ? 1 : (UNITS[match[2]] ?? Number.NaN))
  );
}

/** What one of a setting is, in milliseconds where it is a time. */
function unitOf(name: string): number {
  if (name.endsWith('_hours')) return 3_600_000;
  if (name.endsWith('_minutes')) return 60_000;
  return name.endsWith('_seconds') ? 1000 : 1;
}
