import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { workerSettings } from './config.ts';
import { type RunningWorker, startWorker } from './start-worker.ts';

const SOON = { timeout: 20_000, interval: 20 };
vi.setConfig({ testTimeout: 60_000 });

let home: string;
let worker: RunningWorker | undefined;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-worker-'));
});
afterEach(async () => {
  await worker?.drain(0);
  rmSync(home, { recursive: true, force: true });
});

test('a capability that cannot open is tried again until it can, and each reason is told once', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  writeFileSync(join(home, 'models.yaml'), 'models: [', { mode: 0o600 });
  worker = await startWorker({
    home,
    dial: { control: 'http://127.0.0.1:9', key: 'bww_none', pins: [] },
    serve: ['embed', 'web'],
    name: 'one',
    settings: workerSettings(),
    clock,
    log: silentLogger,
    onMissing: (capability, { reason }) => told.push(`without ${capability}: ${reason}`),
    onFound: (capability) => told.push(`with ${capability}`),
  });
  expect(worker.serves).toEqual(['web']);
  for (let i = 0; i < 20; i++) {
    clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(told).toEqual(['without embed: CONFIG_INVALID']);
  writeFileSync(join(home, 'models.yaml'), 'models: {}\n', { mode: 0o600 });
  await vi.waitFor(() => {
    clock.advance(60_000);
    expect(told).toEqual(['without embed: CONFIG_INVALID', 'with embed']);
  }, SOON);
  expect([...(worker?.serves ?? [])].sort()).toEqual(['embed', 'web']);
});
