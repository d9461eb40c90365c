import { expect, test } from 'vitest';
import { TargetKind } from '../../../gen/bowline/event/v1/event_pb.ts';
import { methods } from '../../../test/support/run-scenario.ts';
import type { ConnectedWorker } from '../dispatch/session-ports.ts';
import type { Devices } from '../identity/devices.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import { toolsOfNewRun } from './offered-tools.ts';

const worker = (
  capability: string,
  names: string[],
  more: Partial<WorkerView> = {},
  draining = false,
): ConnectedWorker => {
  const packages = [{ package: `bowline.capability.${capability}.v1`, methods: names }];
  const view = { packages, labels: {}, provider: 'none', locality: 'local', freeSlots: 0, totalSlots: 4, ...more };
  return { draining, view: () => view } as unknown as ConnectedWorker;
};

const WORKERS = [
  worker('web', ['Fetch', 'Crawl']),
  worker('sandbox', ['Run'], { provider: 'openai', locality: 'remote' }),
  worker('retrieval', ['Search', 'Ingest', 'Delete']),
  worker('llm', ['Chat']),
];

const offer = async (
  workers: ConnectedWorker[],
  wanted: { recipients?: string[]; collections?: boolean } = {},
  starting = (): WorkerView[] => [],
) => {
  const parts = { devices: {} as Devices, methods, live: () => undefined, workers: () => workers, starting };
  const all = await toolsOfNewRun(parts, { tenant: 't1', device: '', recipients: [], collections: false, ...wanted });
  expect(all.every(({ target }) => target === TargetKind.WORKER)).toBe(true);
  return all.map(({ name }) => name).toSorted();
};

test('an ask without a device has the tools that workers serve, busy or not, and nothing that is no tool', async () => {
  expect(await offer(WORKERS)).toEqual(['sandbox_run', 'web_crawl', 'web_fetch']);
  expect(await offer([])).toEqual([]);
});

test('a declared pool that has no worker yet offers what its workers would', async () => {
  const pool = { ...worker('web', ['Fetch']).view(), tenants: ['*'], freeSlots: 0, starting: true };
  expect(await offer([], {}, () => [pool])).toEqual(['web_fetch']);
  expect(await offer([], {}, () => [{ ...pool, tenants: ['t2'] }])).toEqual([]);
});

test('a search in collections is offered where there are some', async () => {
  expect(await offer(WORKERS, { collections: true })).toContain('retrieval_search');
});

test('a worker that may not see the run, that is about to leave, or that is too small offers nothing', async () => {
  expect(await offer(WORKERS, { recipients: ['rules'] })).toEqual(['web_crawl', 'web_fetch']);
  expect(await offer([worker('web', ['Fetch'], {}, true)])).toEqual([]);
  // A crawl takes two slots.
  expect(await offer([worker('web', ['Fetch', 'Crawl'], { totalSlots: 1 })])).toEqual(['web_fetch']);
});
