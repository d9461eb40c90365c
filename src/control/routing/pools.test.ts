import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explain } from './explain.ts';
import { place } from './place.ts';
import { wantedWorkers, withStarting } from './pools.ts';
import { readPools } from './read-pools.ts';
import type { JobNeed } from './worker-view.ts';

const FILE = `
pools:
  web: { serve: [web], slots: 4, max: 3 }
  图 形: { serve: [llm] }
`;
const GOOD = `
pools:
  web: { serve: [web], slots: 4, max: 3 }
  gpu: { serve: [llm, embed], labels: { tier: "1", spot: "true" }, provider: rules, min: 1, max: 2 }
`;
const llm = 'bowline.capability.llm.v1';
const web = 'bowline.capability.web.v1';
const need = (more: Partial<JobNeed> = {}): JobNeed => ({
  capability: llm,
  method: 'Chat',
  tenant: 't1',
  selector: {},
  recipients: [],
  slots: 1,
  ...more,
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pools-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
function read(text: string) {
  const file = join(folder, 'pools.yaml');
  writeFileSync(file, text);
  return readPools(file);
}

test('an empty pool counts as starting: what it could serve is not hopeless, and nothing is placed there', () => {
  const pools = read(GOOD);
  const views = withStarting([], pools);
  expect(views.map(({ name }) => name)).toEqual(['pool web', 'pool gpu']);
  const placement = place(need(), views);
  expect(placement).toMatchObject({ ok: false, never: false });
  expect(explain(need(), views).summary).toContain('waits for pool gpu, which has no worker yet and is being started');
  expect(explain(need({ selector: { region: 'eu' } }), views).never).toBe(true);
  expect(explain(need({ recipients: ['local'] }), views).never).toBe(false);
  const worker = { ...pools[1]!.worker, id: 'w1', starting: false, freeSlots: 1 };
  expect(withStarting([worker], pools).map(({ id }) => id)).toEqual(['w1', 'pool:web']);
  expect(place(need(), withStarting([worker], pools))).toMatchObject({ ok: true, worker: { id: 'w1' } });
});

test('a pool is to have as many workers as the jobs outstanding fill, between its bounds; the first that fits counts', () => {
  const pools = read(`${GOOD}  图形: { serve: [llm], max: 5 }\n`);
  const wanted = (...demands: [string, number, Record<string, string>?][]) =>
    Object.fromEntries(
      wantedWorkers(
        pools,
        demands.map(([capability, slots, selector = {}]) => ({ capability, slots, selector })),
      ),
    );
  expect(wanted()).toEqual({ web: 0, gpu: 1, 图形: 0 });
  expect(wanted([web, 1])).toEqual({ web: 1, gpu: 1, 图形: 0 });
  expect(wanted([web, 5], [llm, 9])).toEqual({ web: 2, gpu: 2, 图形: 0 });
  expect(wanted([web, 500], [llm, 9, { spot: 'false' }])).toEqual({ web: 3, gpu: 1, 图形: 2 });
});

test('a mistake in the file is told with its place; no file means no pools', () => {
  expect(readPools(undefined)).toEqual([]);
  expect(() => readPools(join(folder, '没有.yaml'))).toThrow('there is no such file');
  expect(() => read(FILE)).toThrow(/pools\.yaml:4.*a name has up to 64/);
  expect(() => read('pools:\n  a: { serve: [fs] }\n')).toThrow(/pools\.yaml:2:\d+.*fs is no capability of workers/);
  expect(() => read('pools:\n  a: { serve: [web], min: 2, max: 1 }\n')).toThrow(/more than max/);
});
