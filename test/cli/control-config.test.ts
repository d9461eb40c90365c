// The settings of the control plane through the real program: where they come from, what is printed, what is refused.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cli } from '../support/run-cli.ts';

vi.setConfig({ testTimeout: 30_000 });

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-settings-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

const control = (words: string[], env: Record<string, string> = {}) =>
  cli(['control', ...words], { cwd: home, home, env });

test('the program tells its settings and where each came from, without its secrets and without starting', async () => {
  writeFileSync(join(home, 'url'), 'postgres://me:hunter2@127.0.0.1:1/x\n', { mode: 0o600 });
  writeFileSync(join(home, 'control.yaml'), `DATABASE_URL_FILE: ${join(home, 'url')}\nBOWLINE_PORT: 1\n`);
  const env = { BOWLINE_SCAN_MS: '1234', REDIS_URL: 'redis://:hunter2@127.0.0.1:1' };
  const { code, stdout, stderr } = await control(['--print-config', '--json', '--set', 'BOWLINE_LEASE_MS=9999'], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    DATABASE_URL: { value: '***', from: 'file' },
    REDIS_URL: { value: '***', from: 'environment' },
    BOWLINE_PORT: { value: '1', from: 'file' },
    BOWLINE_SCAN_MS: { value: '1234', from: 'environment' },
    BOWLINE_LEASE_MS: { value: '9999', from: 'flag' },
    BOWLINE_HOST: { value: '127.0.0.1', from: 'default' },
  });
  expect(stdout + stderr).not.toContain('hunter2');
  expect(existsSync(join(home, 'control'))).toBe(false);
});

test.each([
  [['--set', 'BOWLINE_PROT=1'], {}, /BOWLINE_PROT is no setting; did you mean BOWLINE_PORT\?/],
  [[], { BOWLINE_SCAN: '1' }, /BOWLINE_SCAN is no setting; did you mean BOWLINE_SCAN_MS\?/],
  [['--port', 'many'], {}, /BOWLINE_PORT "many" is not a whole number from 0 to 65535/],
  [['--redis', 'redis://127.0.0.1'], {}, /the embedded database cannot be shared/],
  [['--config', 'none.yaml'], {}, /there is no configuration file none\.yaml/],
])('%j with %j is refused as usage', async (words, env, message) => {
  const { code, stderr } = await control(words, env);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});

test('`up` takes the same settings', async () => {
  const { code, stderr } = await cli(['up', '--allow', home, '--set', 'BOWLINE_DRAIN_MS=1'], { cwd: home, home });
  expect(stderr).toMatch(/BOWLINE_DRAIN_MS "1" is not a whole number of milliseconds from 100 to 600000/);
  expect(code).toBe(2);
});
