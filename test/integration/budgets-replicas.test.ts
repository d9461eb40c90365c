// A hard budget over two replicas on one Postgres, whose commits fail, or are made and then said to have timed out: what is spent and
// reserved is never above it, what is charged is what the provider says it was asked for, and nothing stays reserved.
import { Code, ConnectError } from '@connectrpc/connect';
import pg from 'pg';
import { expect, test } from 'vitest';
import { FinishReason } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { BudgetPeriod, BudgetScope, BudgetService } from '../../gen/bowline/control/v1/budget_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { type Outcome, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { createLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import type { WorkerStream } from '../support/fake-worker.ts';
import { FaultyEventStore } from '../support/faults/faulty-event-store.ts';
import { startPostgres } from '../support/postgres.ts';

const RUNS = 40;

/** A provider that says how much it was asked for: each answer costs another amount, up to what is reserved for it. */
class Provider {
  spent = 0;
  answers = 0;
  #over = false;

  async serve(worker: WorkerStream): Promise<void> {
    for (let n = 0; ; n++) {
      // Nothing may come for a while.
      const came = () => worker.until(() => this.#over || worker.all('job').length > n, 'a job').catch(() => false);
      while (!(await came())) if (this.#over) return;
      const job = worker.all('job')[n];
      if (!job) return;
      const cost = 500 + ((this.answers++ * 7919) % 997);
      this.spent += cost;
      worker.say(job, '好');
      worker.say(job, { case: 'finish', value: { reason: FinishReason.STOP } });
      const usage = { inputTokens: 3n, outputTokens: 2n, costMicros: BigInt(cost) };
      worker.paid(job, usage);
      worker.credits(4);
    }
  }

  stop(): void {
    this.#over = true;
  }
}

test('40 runs at once against a budget for some of them, over two replicas with lost commits', async () => {
  const postgres = await startPostgres();
  const url = await postgres.createDatabase('budgets');
  const log = createLogger('hub', { write: () => {} });
  const hubs = { queue: new MemoryQueueHub(systemClock, log), bus: new MemoryBusHub(log) };
  const config = { databaseUrl: new Secret(url), unknownPrice: 1, budgetOutputTokens: 500 };
  const faults: FaultyEventStore[] = [];
  const wrapStore = (store: ConstructorParameters<typeof FaultyEventStore>[0]) => {
    const faulty = new FaultyEventStore(store, { seed: 7 + faults.length, failBefore: 0.05, commitThenTimeout: 0.15 });
    faults.push(faulty);
    return faulty;
  };
  const replicas = await Promise.all([0, 1].map(() => TestControl.start({ config, hubs, wrapStore })));
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const used = async () => {
    const { rows } = await sql.query(
      'select spent_micros::float8 as spent, reserved_micros::float8 as reserved from budget_period',
    );
    return rows[0] as { spent: number; reserved: number };
  };
  const provider = new Provider();
  try {
    const workers = await Promise.all(
      replicas.map((replica) => replica.worker({ provider: { name: 'p', local: false } })),
    );
    const serving = workers.map((worker) => provider.serve(worker));
    /** As a client does it that was cut off: the same request again. */
    const ask = async (replica: TestControl, text: string): Promise<Outcome> => {
      const requestId = newId();
      for (;;) {
        try {
          for await (const { event } of replica.client(RunService).ask({ text, requestId }))
            if (event.case === 'run' && event.value.outcome) return event.value.outcome;
        } catch (error) {
          if (ConnectError.from(error).code !== Code.Unavailable) throw error;
        }
      }
    };
    const limit = 30_000;
    const terms = { id: 'all', scope: BudgetScope.TENANT, period: BudgetPeriod.MONTH, warnPercent: [80] };
    const set = (limitMicros: bigint) =>
      replicas[0]!.client(BudgetService).setBudget({ budget: { ...terms, limitMicros }, requestId: newId() });
    await set(10_000_000n);
    // After its first run each replica knows of the budget.
    for (const replica of replicas) await ask(replica, 'first');
    await eventually(async () => (await used()).reserved === 0);
    const before = (await used()).spent;
    provider.spent = 0;
    await set(BigInt(before + limit));

    let most = 0;
    let over = false;
    const watching = (async () => {
      for (; !over; ) {
        const { spent, reserved } = await used();
        most = Math.max(most, spent + reserved - before);
      }
    })();
    const ends = await Promise.all(Array.from({ length: RUNS }, (_, n) => ask(replicas[n % 2]!, `${n}`)));
    over = true;
    await watching;

    const answered = ends.filter(({ state }) => state === RunState.ANSWERED).length;
    const refused = ends.filter(({ failure }) => failure?.reason === 'BUDGET_EXCEEDED').length;
    expect(answered + refused).toBe(RUNS);
    expect(answered).toBeGreaterThan(5);
    expect(refused).toBeGreaterThan(5);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(limit);
    await eventually(async () => (await used()).reserved === 0);
    expect((await used()).spent - before).toBe(provider.spent);
    expect((await sql.query('select 1 from reservation')).rows).toEqual([]);
    for (const { played } of faults) expect(played.commitThenTimeout).toBeGreaterThan(0);
    provider.stop();
    await Promise.all(workers.map((worker) => worker.cut()));
    await Promise.allSettled(serving);
  } finally {
    provider.stop();
    await sql.end();
    await Promise.all(replicas.map((replica) => replica.close()));
    await postgres.stop();
  }
}, 120_000);
