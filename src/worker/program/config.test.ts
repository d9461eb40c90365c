import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONTROL_TABLE } from '../../control/settings.ts';
import { workerSettings, workerSettingsOf } from './config.ts';
import { WORKER_TABLE, workerSettingNames } from './settings.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-worker-config-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

const usage = (what: RegExp) => expect.objectContaining({ reason: 'USAGE', message: expect.stringMatching(what) });

test('flags win over the environment, the environment over worker.yaml, the file over the default', () => {
  writeFileSync(
    join(home, 'worker.yaml'),
    'BOWLINE_WORKER_SLOTS: 1\nBOWLINE_WORKER_NAME: file\nBOWLINE_WORKER_LABELS: [region=eu, tier=1]\n',
  );
  const env = { BOWLINE_WORKER_NAME: 'environment', BOWLINE_WORKER_SLOTS: '2' };
  const { config, rows } = workerSettingsOf(home, env, { set: ['BOWLINE_WORKER_SLOTS=3'] });
  expect(config).toMatchObject({
    slots: 3,
    name: 'environment',
    labels: ['region=eu', 'tier=1'],
    drainMs: 25_000,
    serve: [],
  });
  expect(Object.isFrozen(config)).toBe(true);
  const from = (name: string) => rows.find((row) => row.name === name)?.from;
  expect(
    ['BOWLINE_WORKER_SLOTS', 'BOWLINE_WORKER_NAME', 'BOWLINE_WORKER_LABELS', 'BOWLINE_WORKER_DRAIN_MS'].map(from),
  ).toEqual(['flag', 'environment', 'file', 'default']);
});

test.each(Object.entries(WORKER_TABLE.rows))(
  'the default of %s is inside its own bounds, and its own text makes it again',
  (key, { env }) => {
    const { config, rows } = workerSettingsOf(home, {}, {});
    const text = rows.find((row) => row.name === env)?.value;
    const again = workerSettings(text ? { [env]: text } : {});
    expect(again[key as keyof typeof again]).toEqual(config[key as keyof typeof config]);
  },
);

test.each([
  ['BOWLINE_WORKER_SLOTS', '0', /whole number from 1 to 1024/],
  ['BOWLINE_WORKER_SERVE', 'llm,lmm', /--serve lmm: this build serves .*llm/],
  ['BOWLINE_WORKER_LABELS', 'region', /is not a list like region=eu,tier=1/],
  ['BOWLINE_WORKER_RECONNECT_MS', '20000', /must not be more than BOWLINE_WORKER_RECONNECT_MAX_MS/],
  ['BOWLINE_WORKER_SLOST', '1', /did you mean BOWLINE_WORKER_SLOTS\?/],
])('%s=%s is refused by name', (name, value, message) => {
  expect(() => workerSettings({ [name]: value })).toThrow(usage(message));
  expect(() => workerSettingsOf(home, {}, { set: [`${name}=${value}`] })).toThrow(usage(message));
});

test('a setting has one key and one name, and a name that both programs read means the same to both', () => {
  const names = workerSettingNames();
  expect(new Set(names).size).toBe(names.length);
  const rows = Object.values(CONTROL_TABLE.rows);
  const shared = Object.values(WORKER_TABLE.rows).flatMap(({ group: _, ...mine }) => {
    const theirs = rows.find(({ env }) => env === mine.env);
    return theirs ? [[mine, theirs] as const] : [];
  });
  for (const [mine, theirs] of shared) expect(theirs).toMatchObject(mine);
  expect(shared.map(([{ env }]) => env)).toEqual(['BOWLINE_LOG_LEVEL', 'BOWLINE_LOG_TO', 'BOWLINE_OTLP_URL']);
});
