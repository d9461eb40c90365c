import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Setting } from '../base/settings/setting.ts';
import { type ControlFlags, controlVerb, settingsOf } from './commands.ts';
import { type ControlConfig, controlConfig } from './config.ts';
import { DEFAULT_RUN_LIMITS } from './orchestrator/run/limits.ts';
import { CONTROL_SETTINGS, controlSettingNames, type SettingKey } from './settings.ts';

const PG = 'postgres://bowline:hunter2@db/bowline';
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-config-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const settled = (env: NodeJS.ProcessEnv = {}, flags: ControlFlags = {}) => settingsOf(home, env, flags);
const usage = (what: RegExp | string) =>
  expect.objectContaining({ reason: 'USAGE', message: expect.stringMatching(what) });

test('the limits of runs are by default those of the orchestrator', () => {
  const { maxRunTurns, maxRunJobs, maxRunToolBytes, maxWaitingRuns, maxCostMicros, summaryTurns } = controlConfig({});
  const limits = { maxCostMicros, summaryTurns, maxWaitingRuns };
  expect(DEFAULT_RUN_LIMITS).toMatchObject({
    ...limits,
    maxSteps: maxRunTurns,
    maxJobs: maxRunJobs,
    maxToolBytes: maxRunToolBytes,
  });
});

test('flags win over the environment, the environment over the file, the file over the default', () => {
  file(
    'control.yaml',
    'BOWLINE_PORT: 1000\nBOWLINE_SCAN_MS: 1001\nBOWLINE_LEASE_MS: 9001\nBOWLINE_REDIS_INSECURE: true\n',
  );
  const env = { BOWLINE_PORT: '2000', BOWLINE_SCAN_MS: '2001', BOWLINE_DRAIN_MS: '' };
  const { config, rows } = settled(env, { port: '3000', set: ['BOWLINE_KEEP_COMMANDS=7d'] });
  expect(config).toMatchObject({
    port: 3000,
    scanMs: 2001,
    leaseMs: 9001,
    keepCommandsMs: 7 * 86_400_000,
    drainMs: 10_000,
  });
  expect(config.redisInsecure).toBe(true);
  const from = (name: string) => rows.find((row) => row.name === name)?.from;
  expect(
    ['BOWLINE_PORT', 'BOWLINE_SCAN_MS', 'BOWLINE_LEASE_MS', 'BOWLINE_KEEP_COMMANDS', 'BOWLINE_DRAIN_MS'].map(from),
  ).toEqual(['flag', 'environment', 'file', 'flag', 'default']);
});

test.each(Object.entries(CONTROL_SETTINGS) as [SettingKey, Setting][])(
  'the default of %s is inside its own bounds, and its own text makes it again',
  (key, setting) => {
    const { config, rows } = settled();
    const text = rows.find((row) => row.name === setting.env)?.value;
    if (text === null || text === undefined) return;
    expect(settled({ [setting.env]: text }).config[key as keyof ControlConfig]).toEqual(
      config[key as keyof ControlConfig],
    );
  },
);

test.each([
  ['BOWLINE_PORT', '65536', /BOWLINE_PORT "65536" is not a whole number from 0 to 65535/],
  ['BOWLINE_PORT', '1e3', /BOWLINE_PORT "1e3"/],
  ['BOWLINE_SCAN_MS', 'soon', /whole number of milliseconds/],
  ['BOWLINE_LOG_LEVEL', 'loud', /one of debug, info, warn, error/],
  ['BOWLINE_REDIS_INSECURE', 'yes', /0 or 1/],
  ['BOWLINE_REDIS_CLUSTER', 'redis-1', /host:port/],
  ['BOWLINE_REDIS_PREFIX', 'a:b', /letters/],
  ['BOWLINE_LEASE_MS', '5000', /at least twice BOWLINE_SCAN_MS/],
])('%s=%s is refused by name', (name, value, message) => {
  expect(() => controlConfig({ [name]: value })).toThrow(usage(message));
  expect(() => settled({}, { set: [`${name}=${value}`] })).toThrow(usage(message));
});

test('a name that does not exist is an error that tells the nearest one, wherever it stands', () => {
  expect(() => settled({ BOWLINE_PROT: '1' })).toThrow(usage(/did you mean BOWLINE_PORT\?/));
  expect(() => settled({ BOWLINE_HOEM: '/x' })).toThrow(usage(/did you mean BOWLINE_HOME\?/));
  expect(() => settled({}, { set: ['BOWLINE_LEASES_MS=1'] })).toThrow(usage(/BOWLINE_LEASE_MS/));
  expect(() => settled({}, { set: ['BOWLINE_HOME=/x'] })).toThrow(usage(/no setting/));
  file('control.yaml', 'BOWLINE_PORT: 1\nBOWLINE_SCNA_MS: 1\n');
  expect(() => settled()).toThrow(/control\.yaml:2:1: unknown key `BOWLINE_SCNA_MS`; did you mean `BOWLINE_SCAN_MS`\?/);
});

test('names of other programs, of tests and of others are left alone', () => {
  const env = {
    BOWLINE_HOME: '/x',
    BOWLINE_WORKER_KEY_FILE: 'k',
    BOWLINE_TEST_REDIS_URL: 'r',
    BOWLINEX: '1',
    PATH: '/',
  };
  expect(() => controlConfig(env)).not.toThrow();
});

test('a wrong value in the file is told at its place', () => {
  file('control.yaml', '# ours\nBOWLINE_HOST: 127.0.0.1\nBOWLINE_PORT: many\n');
  expect(() => settled()).toThrow(/control\.yaml:3:1: BOWLINE_PORT "many" is not a whole number/);
});

test('another file may be named by flag or environment, and must be there', () => {
  const other = file('other.yaml', 'BOWLINE_PORT: 1\n');
  expect(settled({}, { config: other }).config.port).toBe(1);
  expect(settled({ BOWLINE_CONFIG: other }).config.port).toBe(1);
  expect(() => settled({ BOWLINE_CONFIG: join(home, 'none.yaml') })).toThrow(usage(/there is no configuration file/));
});

test('a secret is given only on purpose: not by printing, logging, JSON or errors', () => {
  const { config, rows } = settled({ DATABASE_URL: PG, REDIS_URL: 'redis://:hunter2@127.0.0.1' });
  expect(config.databaseUrl?.reveal()).toBe(PG);
  const printed = [String(config.databaseUrl), `${config.redisUrl}`, JSON.stringify({ config, rows }), inspect(config)];
  expect(printed.join()).not.toContain('hunter2');
  expect(rows[0]).toEqual({ name: 'DATABASE_URL', value: '***', from: 'environment' });
  for (const name of ['DATABASE_URL', 'REDIS_URL']) {
    expect(() => settled({ [name]: 'mysql://u:hunter2@x' })).toThrow(
      usage(new RegExp(`^${name} is not like (?!.*hunter2)`)),
    );
  }
});

test('a secret may stand in a file of its own that only its owner can read', () => {
  const secret = file('database-url', `${PG}\n`);
  expect(settled({ DATABASE_URL_FILE: secret }).config.databaseUrl?.reveal()).toBe(PG);
  file('control.yaml', `DATABASE_URL_FILE: ${secret}\n`, 0o644);
  expect(settled().config.databaseUrl?.reveal()).toBe(PG);
  expect(settled({ DATABASE_URL: 'postgres://other/x' }).config.databaseUrl?.reveal()).toBe('postgres://other/x');
  expect(() => settled({ DATABASE_URL: PG, DATABASE_URL_FILE: secret })).toThrow(usage(/both set/));
  chmodSync(secret, 0o640);
  expect(() => settled()).toThrow(/can be read by other users/);
  expect(() => settled({ DATABASE_URL_FILE: join(home, 'none') })).toThrow(/cannot be read \(ENOENT\)/);
});

test('a control.yaml that holds a secret and that others can read is refused at the place of the secret', () => {
  file('control.yaml', `BOWLINE_PORT: 1\nDATABASE_URL: ${PG}\n`);
  expect(settled().config.databaseUrl?.reveal()).toBe(PG);
  file('control.yaml', `BOWLINE_PORT: 1\nDATABASE_URL: ${PG}\n`, 0o644);
  expect(() => settled()).toThrow(/control\.yaml:2:1: `DATABASE_URL` is a secret and other users can read this file/);
});

test('settings that do not fit together are refused', () => {
  const redis = { DATABASE_URL: PG, REDIS_URL: 'rediss://u:p@redis' };
  expect(() => settled({ REDIS_URL: 'redis://127.0.0.1' })).toThrow(
    usage(/DATABASE_URL is not: the embedded database/),
  );
  expect(() => settled({ BOWLINE_REDIS_CLUSTER: 'a:1' })).toThrow(usage(/BOWLINE_REDIS_CLUSTER needs REDIS_URL/));
  expect(() => settled({ ...redis, BOWLINE_REDIS_SENTINELS: 'a:1' })).toThrow(usage(/go together/));
  for (const [name, wrong] of [
    ['BOWLINE_REDIS_SENTINELS', 'redis://x:hunter2@h'],
    ['BOWLINE_REDIS_CLUSTER', 'x:hunter2'],
    ['BOWLINE_REDIS_MASTER', 'x:hunter2@h'],
  ] as const) {
    expect(() => settled({ ...redis, [name]: wrong })).toThrow(usage(new RegExp(`${name} is not`)));
    expect(() => settled({ ...redis, [name]: wrong })).not.toThrow(/hunter2/);
  }
  expect(() => settled({ ...redis, BOWLINE_REDIS_MASTER: 'm' })).toThrow(usage(/go together/));
  const both = { BOWLINE_REDIS_SENTINELS: 'a:1', BOWLINE_REDIS_CLUSTER: 'b:1', BOWLINE_REDIS_MASTER: 'm' };
  expect(() => settled({ ...redis, ...both })).toThrow(usage(/exclude each other/));
  expect(settled({ DATABASE_URL: PG }).config.redisUrl).toBeUndefined();
});

test('lists are read from commas and from YAML alike', () => {
  const base = { DATABASE_URL: PG, REDIS_URL: 'redis://127.0.0.1' };
  const addresses = [
    { host: 'r1', port: 26379 },
    { host: '::1', port: 26380 },
  ];
  expect(settled({ ...base, BOWLINE_REDIS_CLUSTER: 'r1:26379, [::1]:26380' }).config.redisCluster).toEqual(addresses);
  file('control.yaml', "BOWLINE_REDIS_CLUSTER: ['r1:26379', '[::1]:26380']\n");
  expect(settled(base).config.redisCluster).toEqual(addresses);
});

test('the help names every setting, and --print-config starts nothing', async () => {
  const lines: string[] = [];
  const started: ControlConfig[] = [];
  const start = async (_home: string, config: ControlConfig) => void started.push(config);
  const verb = () =>
    controlVerb({ DATABASE_URL: PG, BOWLINE_HOME: home }, start, (line) => lines.push(line)).exitOverride();
  let help = '';
  const helped = verb().configureOutput({ writeOut: (text) => (help += text) });
  helped.outputHelp();
  expect(controlSettingNames().filter((name) => !help.includes(name))).toEqual([]);
  await verb().parseAsync(['--print-config', '--json', '--set', 'BOWLINE_PORT=5'], { from: 'user' });
  expect(started).toEqual([]);
  expect(JSON.parse(lines.join('\n'))).toMatchObject({
    DATABASE_URL: { value: '***', from: 'environment' },
    REDIS_URL: { value: null, from: 'default' },
    BOWLINE_PORT: { value: '5', from: 'flag' },
  });
  await verb().parseAsync(['--host', '::1'], { from: 'user' });
  expect(started[0]).toMatchObject({ host: '::1', port: 7420 });
});
