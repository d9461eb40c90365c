// Whose job is next where jobs come by all ways at once: promised in the commit, by the queue, from the store. Tenants that ask again at
// once, on one replica and on two; the store, the workers and the clock are played, all that decides is real.
import { expect, test, vi } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { workerView } from '../../../../test/support/worker-view.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import { MemoryQueueHub } from '../../queue/memory-queue.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import { placeInLine, type StoredOutboxRow } from '../../store/outbox.ts';
import type { WorkerSession } from '../session-ports.ts';
import { Backlog } from './backlog.ts';
import { FreeSearch } from './free-search.ts';
import { JobDequeuer, type JobDequeuerParts } from './job-dequeuer.ts';
import { PromisedJobs } from './promised-jobs.ts';
import { Relay, type RelayParts, type RelayRow } from './relay.ts';
import { WorkersFor } from './workers-for.ts';

const SLOTS = 4;

/** The free rows, as the store gives them. */
class PlayedOutbox {
  readonly rows = new Map<string, StoredOutboxRow>();
  #count = 0;

  add(row: RelayRow, holder: string | undefined): StoredOutboxRow {
    const stored = { ...row, ...(holder && { holder }), createdAt: ++this.#count };
    this.rows.set(row.dispatchId, stored);
    return stored;
  }

  async lines(capability: string, after: string, _tenants: number, each: number): Promise<StoredOutboxRow[]> {
    const free = [...this.rows.values()].filter(
      (row) => row.holder === undefined && row.capability === capability && row.tenant > after,
    );
    const lines = Map.groupBy(
      free.sort((a, b) => placeInLine(a) - placeInLine(b)),
      ({ tenant }) => tenant,
    );
    return [...lines.keys()].sort().flatMap((tenant) => lines.get(tenant)!.slice(0, each));
  }

  async free(): Promise<StoredOutboxRow[]> {
    return [];
  }

  async claim(replica: string, ids: readonly string[]): Promise<StoredOutboxRow[]> {
    return ids.flatMap((id) => {
      const row = this.rows.get(id);
      if (!row || (row.holder ?? replica) !== replica) return [];
      this.rows.set(id, { ...row, holder: replica });
      return this.rows.get(id)!;
    });
  }

  async release(_: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const { holder: _holder, ...row } = this.rows.get(id)!;
      this.rows.set(id, row);
    }
  }
}

const view = (name: string, replica: string, packages: readonly string[]): WorkerView =>
  workerView(name, {
    replica,
    packages: packages.map((each) => ({ package: each, methods: ['M'] })),
    freeSlots: SLOTS,
    totalSlots: SLOTS,
  });

interface Running {
  readonly row: RelayRow;
  readonly end: () => void;
}

/** Replicas of one store and one queue, each with workers that serve these packages. */
function start(replicas: Readonly<Record<string, readonly (readonly string[])[]>>) {
  const outbox = new PlayedOutbox();
  const hub = new MemoryQueueHub(new ManualClock(), silentLogger);
  const served: string[] = [];
  const running: Running[] = [];
  const all: (() => WorkerView[])[] = [];
  const backlogs: Backlog[] = [];
  let asks = 0;

  const replica = (name: string, workers: readonly (readonly string[])[]) => {
    const sessions = workers.map((packages, n) => {
      let free = SLOTS;
      const id = `${name}-${n}`;
      const reserve = (slots: number) => {
        free -= slots;
        return () => {
          free += slots;
        };
      };
      return {
        id,
        view: () => ({ ...view(id, name, packages), freeSlots: free }),
        reserve,
      } as unknown as WorkerSession;
    });
    all.push(() => sessions.map((session) => session.view()));
    const views = () => all.flatMap((each) => each());
    const workersFor = new WorkersFor({
      replica: name,
      local: { all: () => sessions } as never,
      workers: views,
      pauses: { see: (each) => each },
    });
    const backlog = new Backlog();
    const queue = hub.connect();
    const more = { clock: new ManualClock(), log: silentLogger, spend: () => {}, signals: { toRun: () => {} } };
    const relay = new Relay({
      replica: name,
      queue,
      outbox,
      backlog,
      workers: views,
      ...more,
    } as unknown as RelayParts);
    const sender = {
      begin: () => undefined,
      send: async (row: RelayRow, _state: FoldedRun, session: WorkerSession) => {
        served.push(row.tenant);
        const end = () => {
          outbox.rows.delete(row.dispatchId);
          session.reserve(-row.slots);
        };
        running.push({ row, end });
        return 'sent';
      },
    };
    const attempts = { wasSent: () => false, get: () => undefined };
    const dequeuer = new JobDequeuer({
      replica: name,
      workersFor,
      runs: { state: async (_: string, run: string) => stateOf(run) },
      outbox,
      queue,
      relay,
      backlog,
      sender,
      promised: new PromisedJobs({ workersFor, sender, attempts } as never),
      log: silentLogger,
      attempts,
      search: new FreeSearch({ outbox, weights: new Map(), now: () => 1_000_000 }),
    } as unknown as JobDequeuerParts);
    backlogs.push(backlog);
    backlog.onFlag((capability, tell) => {
      if (tell) for (const other of backlogs) if (other !== backlog) other.flag(capability);
      dequeuer.kick();
    });
    dequeuer.listen();
    /** An ask is committed here. */
    const ask = async (tenant: string, capability = 'x') => {
      const row = rowOf(tenant, `${tenant}${++asks}`, capability);
      const promised = dequeuer.promise({ ...row, conversation: row.run });
      outbox.add(row, promised ? name : undefined);
      const left = dequeuer.offer([row], stateOf(row.run));
      await relay.add(left);
      // The queue's own word of it may come first.
      await new Promise(setImmediate);
      dequeuer.kick();
    };
    return { ask, kick: () => dequeuer.kick() };
  };
  const made = Object.entries(replicas).map(([name, workers]) => replica(name, workers));
  return { made, served, running, outbox };
}

const rowOf = (tenant: string, run: string, capability: string): RelayRow => ({
  tenant,
  method: `${capability}.Service/M`,
  dispatchId: `${run}/0/0-1`,
  run,
  job: `${run}/0/0`,
  epoch: 1,
  capability,
  tier: 0,
  target: 'worker',
  selector: {},
  recipients: [],
  slots: 1,
  priority: 0,
  state: 'ready',
});

const stateOf = (run: string): FoldedRun =>
  ({ jobs: new Map([[`${run}/0/0`, { epoch: 1, phase: 'queued', method: 'x.Service/M' }]]) }) as unknown as FoldedRun;

type Played = ReturnType<typeof start>;

/** One job after the other ends, and whoever asked it asks the same again before anything else can be done with its slot. */
async function playUntil(
  { made, running, served }: Played,
  again: (row: RelayRow) => Promise<void>,
  isOver: () => boolean,
) {
  for (let n = 0; !isOver() && n < 100; n++) {
    await vi.waitFor(() => expect(running.length).toBeGreaterThan(0), { interval: 1 });
    const { row, end } = running.shift()!;
    end();
    await again(row);
    for (const { kick } of made) kick();
  }
  return served;
}

test.each([
  ['on one replica', { one: [['x']] }],
  ['on two replicas, each with a worker', { one: [['x']], two: [['x']] }],
  ['where only the other replica has a worker', { one: [], two: [['x']] }],
])('a tenant that asks again at once, with many open, holds up another by a handful: %s', async (_, replicas) => {
  const played = start(replicas);
  const [first, last] = [played.made[0]!, played.made.at(-1)!];
  for (let n = 0; n < 40; n++) await first.ask('A');
  await vi.waitFor(() => expect(played.served.length).toBeGreaterThanOrEqual(SLOTS), { interval: 1 });
  await last.ask('B');
  const before = played.served.length;
  const again = (row: RelayRow) => first.ask(row.tenant);
  const served = await playUntil(played, again, () => played.served.includes('B'));
  const slots = SLOTS * Object.values(replicas).flat().length;
  // What is in hand for the next free slots, and the turn of the other one.
  expect(served.indexOf('B') - before).toBeGreaterThanOrEqual(0);
  expect(served.indexOf('B') - before).toBeLessThanOrEqual(slots / 2 + 3);
});

test.each([
  ['that the same worker serves', { one: [['x', 'y']] }],
  ['that another worker serves', { one: [['x'], ['y']] }],
])('a tenant that asks again at once for one capability does not hold up another one %s', async (_, replicas) => {
  const played = start(replicas);
  const [first] = played.made;
  for (let n = 0; n < 40; n++) await first!.ask('A');
  for (let n = 0; n < SLOTS + 2; n++) await first!.ask('B', 'y');
  const before = played.served.length;
  const again = (row: RelayRow) => first!.ask(row.tenant, row.capability);
  const count = () => played.served.filter((tenant) => tenant === 'B').length;
  await playUntil(played, again, () => count() > SLOTS + 2);
  expect(count()).toBeGreaterThan(SLOTS + 2);
  expect(played.served.length - before).toBeLessThan(60);
});
