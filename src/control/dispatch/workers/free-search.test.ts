// Which of the free jobs of the store are taken, and in which order, over lines that are longer than what is read of them.
import { expect, test } from 'vitest';
import { workerView } from '../../../../test/support/worker-view.ts';
import { type FreeCursor, placeInLine, type StoredOutboxRow } from '../../store/outbox.ts';
import { FreeSearch } from './free-search.ts';

const LLM = 'bowline.capability.llm.v1';
const worker = workerView('w');

const row = (tenant: string, n: number, more: Partial<StoredOutboxRow> = {}) =>
  ({
    tenant,
    dispatchId: `${tenant}${n}`,
    capability: LLM,
    selector: {},
    recipients: [],
    slots: 1,
    priority: 0,
    createdAt: n,
    ...more,
  }) as StoredOutboxRow;
const many = (tenant: string, count: number, more: Partial<StoredOutboxRow> = {}) =>
  Array.from({ length: count }, (_, n) => row(tenant, n, more));

function start(rows: StoredOutboxRow[], weights: Record<string, number> = {}) {
  const store = { rows };
  const goesBefore = (a: FreeCursor, b: FreeCursor) =>
    placeInLine(a) - placeInLine(b) || (a.dispatchId < b.dispatchId ? -1 : 1);
  const of = (tenant: string) => store.rows.filter((each) => each.tenant === tenant).sort(goesBefore);
  const search = new FreeSearch({
    outbox: {
      lines: async (_capability, after, tenants, each) =>
        [...new Set(store.rows.map(({ tenant }) => tenant))]
          .filter((tenant) => tenant > after)
          .sort()
          .slice(0, tenants)
          .flatMap((tenant) => of(tenant).slice(0, each)),
      free: async (_capability, tenant, limit, after) =>
        of(tenant)
          .filter((each) => !after || goesBefore(after, each) < 0)
          .slice(0, limit),
    },
    weights: new Map(Object.entries(weights)),
    now: () => 1_000_000,
  });
  /** What was taken is free no more. */
  const take = async (most: number, workers = [worker]) => {
    const taken = await search.find(LLM, workers, most, () => false);
    search.serve(taken.map((id) => store.rows.find(({ dispatchId }) => dispatchId === id)!));
    store.rows = store.rows.filter(({ dispatchId }) => !taken.includes(dispatchId));
    return taken;
  };
  return { search, store, take };
}

test('a tenant with ten thousand jobs and one with a single one', async () => {
  const { store, take } = start(many('a', 10_000));
  for (let n = 0; n < 5; n++) expect(await take(3)).toHaveLength(3);
  store.rows.push(row('b', 500_000));
  expect(await take(3)).toEqual(['b500000', 'a15', 'a16']);
});

test('within a tenant what has begun goes first, and what nobody waits for last, until it has waited', async () => {
  const rows = [row('a', 999_000), row('a', 999_001, { priority: -120 }), row('a', 999_002, { priority: 86_400 })];
  const { store, take } = start([...rows, row('b', 999_003)]);
  expect(await take(9)).toEqual(['a999002', 'b999003', 'a999000', 'a999001']);
  store.rows = [row('a', 999_000), row('a', 800_000, { priority: -120 })];
  expect(await take(9)).toEqual(['a800000', 'a999000']);
});

test('a line whose first jobs are for nobody here is read on, in several goes, and nothing is forgotten', async () => {
  const { search, store, take } = start([
    ...many('a', 3_000, { selector: { gpu: 'x' } }),
    row('a', 5_000),
    row('a', 5_001),
  ]);
  const taken: string[] = [];
  for (let n = 0; n < 99 && (n === 0 || search.goesOn(LLM)); n++) taken.push(...(await take(1)));
  expect(taken).toEqual(['a5000', 'a5001']);
  store.rows = [];
  expect([await take(1), search.goesOn(LLM)]).toEqual([[], false]);
});

test('more tenants than one go looks at all have their turn while most wait for their second', async () => {
  const tenants = Array.from({ length: 200 }, (_, n) => `t${String(n).padStart(3, '0')}/`);
  const { take } = start(tenants.flatMap((tenant) => many(tenant, 3)));
  const first = new Set<string>();
  for (let n = 0; n < 28; n++) for (const id of await take(10)) first.add(id.slice(0, 5));
  expect(first.size).toBe(200);
});

test('a weight is a share of what is given out over many goes', async () => {
  const { take } = start([...many('a', 300), ...many('b', 300)], { a: 3 });
  const taken: string[] = [];
  for (let n = 0; n < 40; n++) taken.push(...(await take(3)));
  expect(taken.filter((id) => id.startsWith('a'))).toHaveLength(90);
});
