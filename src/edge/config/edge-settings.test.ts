// The settings of the edge, by the engine that all programs share: flags, environment, config.yaml.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shownSettings } from '../../base/settings/show-settings.ts';
import { edgeSettings, loadEdgeConfig } from './edge-config.ts';
import { EDGE_TABLE, LIMITS, mostOf } from './edge-settings.ts';
import { settingSources } from './setting-sources.ts';

const DEFAULT_LIMITS = Object.fromEntries(Object.entries(LIMITS).map(([key, { fallback }]) => [key, fallback]));

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bowline-edge-settings-'));
  file = join(dir, 'config.yaml');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const load = (set: readonly string[] = [], env: Record<string, string> = {}) =>
  loadEdgeConfig(file, { settings: settingSources(set, env) });

test('a flag wins over the environment, the environment over config.yaml, and that over the default', () => {
  writeFileSync(file, 'limits: {parallel: 5, queue: 6, asks: 7}\nledger_full: drop_oldest\n');
  const config = load(['BOWLINE_EDGE_PARALLEL=9'], { BOWLINE_EDGE_PARALLEL: '8', BOWLINE_EDGE_QUEUE: '0' });
  expect(config.limits).toEqual({ ...DEFAULT_LIMITS, parallel: 9, queue: 0, asks: 7 });
  expect(config).toMatchObject({ ledgerFull: 'drop_oldest', commandUid: 60_800 });
});

test('without anything the defaults hold, and each limit may be set to its bounds, by all three ways', () => {
  expect(load().limits).toEqual(DEFAULT_LIMITS);
  for (const { env, key, ...row } of Object.values(EDGE_TABLE.rows)) {
    if (row.kind !== 'number') continue;
    for (const [value, fits] of [
      [row.min, true],
      [row.max, true],
      [row.min - 1, false],
      [row.max + 1, false],
    ] as const) {
      const [head, below] = key.split('.');
      writeFileSync(file, below ? `${head}: {${below}: ${value}}\n` : `${head}: ${value}\n`);
      const ways = [() => load()];
      if (fits)
        ways.push(
          () => load([`${env}=${value}`]),
          () => load([], { [env]: String(value) }),
        );
      for (const way of ways) {
        if (fits) expect(way).not.toThrow();
        else expect(way).toThrow(`${key} "${value}" is not a whole number`);
      }
      writeFileSync(file, '');
      if (!fits) expect(() => load([`${env}=${value}`])).toThrow(`${env} "${value}" is not a whole number`);
    }
  }
  expect(mostOf('parallel')).toBe(64);
});

test('a mistake in config.yaml is told by its key, with line and column', () => {
  writeFileSync(file, 'limits:\n  parallel: 65\n');
  expect(() => load()).toThrow(`${file}:2:3: limits.parallel "65" is not a whole number from 1 to 64`);
  writeFileSync(file, 'ledger_full: drop\n');
  expect(() => load()).toThrow('ledger_full "drop" is not one of refuse, drop_oldest');
  writeFileSync(file, 'limits:\n  paralel: 6\n');
  expect(() => load()).toThrow('unknown key `paralel`; did you mean `parallel`?');
  writeFileSync(file, 'limits: {parallel: four}\n');
  expect(() => load()).toThrow('`limits.parallel` must be number');
});

test('a name that is no setting is refused with the nearest; names of other programs are none of its business', () => {
  expect(() => load(['BOWLINE_EDGE_PARALEL=3'])).toThrow('did you mean BOWLINE_EDGE_PARALLEL?');
  expect(() => load([], { BOWLINE_EDGE_SEARCH: '3' })).toThrow('did you mean BOWLINE_EDGE_SEARCH_MS?');
  expect(() => load(['BOWLINE_PORT=3'])).toThrow('BOWLINE_PORT is no setting');
  expect(load([], { BOWLINE_PORT: '3', BOWLINE_WORKER_SLOTS: '2' }).limits).toEqual(DEFAULT_LIMITS);
});

test('it shows what holds and where each came from', () => {
  writeFileSync(file, 'limits: {asks: 7}\n');
  const [json] = shownSettings(edgeSettings(file, settingSources([], { BOWLINE_EDGE_QUEUE: '1' })), true);
  expect(JSON.parse(json!)).toMatchObject({
    BOWLINE_EDGE_ASKS: { value: '7', from: 'file' },
    BOWLINE_EDGE_QUEUE: { value: '1', from: 'environment' },
    BOWLINE_EDGE_PARALLEL: { value: '4', from: 'default' },
  });
});
