// The settings of workers through the real program: where they come from, what is refused, and what `up` takes of them.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cli } from '../support/run-cli.ts';

vi.setConfig({ testTimeout: 30_000 });

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-worker-settings-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

const run = (words: string[], env: Record<string, string> = {}) => cli(words, { cwd: home, home, env });

test('a worker tells its settings and where each came from, without starting; those of the control plane may be there', async () => {
  writeFileSync(join(home, 'worker.yaml'), 'BOWLINE_WORKER_LABELS: [region=eu]\n');
  const env = { BOWLINE_SCAN_MS: '1234', BOWLINE_WORKER_NAME: 'box' };
  const words = ['--serve', 'llm', '--drain', '2', '--set', 'BOWLINE_WORKER_JOB_MS=5000'];
  const { code, stdout } = await run(['worker', '--print-config', '--json', ...words], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    BOWLINE_WORKER_SERVE: { value: 'llm', from: 'flag' },
    BOWLINE_WORKER_DRAIN_MS: { value: '2000', from: 'flag' },
    BOWLINE_WORKER_JOB_MS: { value: '5000', from: 'flag' },
    BOWLINE_WORKER_NAME: { value: 'box', from: 'environment' },
    BOWLINE_WORKER_LABELS: { value: 'region=eu', from: 'file' },
    BOWLINE_WORKER_SLOTS: { value: '8', from: 'default' },
  });
  expect(stdout).not.toContain('BOWLINE_SCAN_MS');
  expect(existsSync(join(home, 'logs'))).toBe(false);
});

test.each([
  [['worker', '--set', 'BOWLINE_WORKER_SLOTZ=1'], {}, /did you mean BOWLINE_WORKER_SLOTS\?/],
  [['worker', '--set', 'BOWLINE_PORT=1'], {}, /BOWLINE_PORT is no setting/],
  [['worker'], { BOWLINE_SCNA_MS: '1' }, /did you mean BOWLINE_SCAN_MS\?/],
  [['worker', '--slots', 'many'], {}, /BOWLINE_WORKER_SLOTS "many" is not a whole number from 1 to 1024/],
  [['worker', '--config', 'none.yaml'], {}, /there is no configuration file none\.yaml/],
  [['control', '--print-config'], { BOWLINE_WORKER_SLOST: '1' }, /did you mean BOWLINE_WORKER_SLOTS\?/],
  [['control', '--set', 'BOWLINE_WORKER_SLOTS=1'], {}, /BOWLINE_WORKER_SLOTS is no setting/],
  [['up', '--allow', '.', '--set', 'BOWLINE_WORKER_SLOTS=0'], {}, /BOWLINE_WORKER_SLOTS "0" is not a whole number/],
  [['up', '--allow', '.', '--set', 'BOWLINE_WORKER_SLOTZ=1'], {}, /did you mean BOWLINE_WORKER_SLOTS\?/],
  [['up', '--allow', '.'], { BOWLINE_WORKER_STOP_GRACE_MS: '1' }, /BOWLINE_WORKER_STOP_GRACE_MS "1"/],
])('%j with %j is refused as usage', async (words, env, message) => {
  const { code, stderr } = await run(words, env);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});

test('`up` reads worker.yaml of the home, and its mistakes are told at their place', async () => {
  writeFileSync(join(home, 'worker.yaml'), '# ours\nBOWLINE_WORKER_SLOTS: none\n');
  const { code, stderr } = await run(['up', '--allow', '.']);
  expect(stderr).toMatch(/worker\.yaml:2:1: BOWLINE_WORKER_SLOTS "none" is not a whole number/);
  expect(code).toBe(2);
});

test('the environment of the one program does not disturb the other', async () => {
  const { code, stderr } = await run(['control', '--print-config'], { BOWLINE_WORKER_SLOTS: '3' });
  expect(stderr).toBe('');
  expect(code).toBe(0);
});
