// One budget for 50 worst cases and 200 runs at once, on real programs: replicas are killed, and what they commit is committed and its
// answer lost or late. The books are looked at all the while, past every program.
import { setTimeout as wait } from 'node:timers/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import pg from 'pg';
import { BudgetPeriod, BudgetScope, BudgetService } from '../../gen/bowline/control/v1/budget_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { type Outcome, RunState, RunStateSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { parseMoney } from '../../src/base/money-text.ts';
import { enumText } from '../../src/cli/plain.ts';
import { seeded } from '../support/seeded.ts';
import { lookAt, readBooks, wrongAt, wrongAtLast } from './books.ts';
import { reasonOf } from './clients.ts';
import { Cluster } from './cluster.ts';
import { play } from './faults.ts';
import { type Fault, faultText } from './plan.ts';
import { within } from './within.ts';

export const RUNS = 200;
/** So many worst cases are the limit. */
const ROOM = 50;
/** Half of the runs begin at once, the others within this time. */
const SPAN_MS = 3_000;
const BUDGET = 'all';
/** In millionths, at the price of its models; without a price it is many times that. */
const MOST_NEED = 10_000;
const LAPSE_MS = 4_000;
/** On a machine that is busy with other things. */
const PATIENCE_MS = 240_000;

/** Tokens that the provider counts: never the same twice in a row, up to what is reserved. */
const readOf = (question: string, nth: number): number =>
  100 + ((Number(/\d+/.exec(question)?.[0]) * 7_919 + nth * 131) % 613);

export interface Spent {
  readonly wrong: readonly string[];
  readonly summary: string;
}

export class SpendSite {
  readonly cluster: Cluster;
  readonly #sql: pg.Client;
  /** What each run asked. */
  readonly #questions = new Map<string, string>();
  #asked = 0;

  private constructor(cluster: Cluster, sql: pg.Client) {
    this.cluster = cluster;
    this.#sql = sql;
  }

  static async start(): Promise<SpendSite> {
    const says = { price: 3, readOf, piecesOf: (question: string) => ['好 ', ...question.split(' ')], pauseMs: 120 };
    const env = {
      BOWLINE_BUDGET_LAPSE_MS: String(LAPSE_MS),
      BOWLINE_BUDGET_OUTPUT_TOKENS: '64',
      // What is committed and not answered is said to have timed out soon after that.
      BOWLINE_DB_STATEMENT_TIMEOUT_MS: '2500',
    };
    const shape = { controls: 2, workers: 2, edges: 0, redis: true };
    const cluster = await Cluster.start(shape, { slots: 12, says, env });
    const sql = new pg.Client({ connectionString: cluster.databaseUrl });
    await sql.connect();
    return new SpendSite(cluster, sql);
  }

  async close(keep = false): Promise<void> {
    await this.#sql.end();
    await this.cluster.close(keep);
  }

  /** @param runs at most 10,000 in all of a site */
  async play(seed: number, print: (line: string) => void, runs = RUNS): Promise<Spent> {
    const random = seeded(seed * 6_007 + 5);
    const faults = faultsOf(random);
    for (const fault of faults) print(`  ${faultText(fault)}`);
    const { limit, before } = await this.#setLimit(Math.round((ROOM * runs) / RUNS));
    const watch = this.#watch(before);
    const began = performance.now();
    const ends: Outcome[] = [];
    const strike = async (fault: Fault) => {
      await wait(Math.max(0, began + fault.atMs - performance.now()));
      await play(this.cluster, fault);
    };
    const ask = async (n: number) => {
      if (n % 2 === 1) await wait(random() * SPAN_MS);
      ends.push(await this.#ask());
    };
    try {
      const all = [...faults.map(strike), ...Array.from({ length: runs }, (_, n) => ask(n))];
      await within(PATIENCE_MS, 'the asks and faults', Promise.all(all));
      await within(PATIENCE_MS, 'mending', this.cluster.heal(60_000));
      await this.#quiet();
    } catch (error) {
      const { rows } = await this.#sql.query('select dispatch_id, state, holder from outbox limit 8');
      print(`  under way: ${JSON.stringify(rows)}`);
      throw error;
    } finally {
      await watch.end();
    }
    const books = await readBooks(this.#sql, BUDGET);
    const wrong = [...watch.wrong, ...wrongAtLast(books, this.cluster.model.billed, this.#questions)];
    for (const part of this.cluster.parts.values()) wrong.push(...part.wrong.splice(0));
    const isAnswered = ({ state }: Outcome) => state === RunState.ANSWERED;
    const isRefused = ({ failure }: Outcome) => failure?.reason === 'BUDGET_EXCEEDED';
    for (const { state, failure } of ends.filter((end) => !isAnswered(end) && !isRefused(end)))
      wrong.push(`one ended ${stateText(state)}: ${failure?.reason}`);
    const [answered, refused] = [ends.filter(isAnswered).length, ends.filter(isRefused).length];
    if (answered === 0 || refused === 0) wrong.push('nothing was tried: not both of answers and refusals');
    const summary = [
      `${answered} of ${runs} answered and ${refused} refused`,
      `${limit - before} to spend, of which ${watch.most} were used at most`,
      `${books.look.spent - before} spent, ${books.look.lapsed} lapsed until now`,
      `${watch.looks} looks, ${Math.round((performance.now() - began) / 1000)} s`,
    ].join('; ');
    return { wrong: [...new Set(wrong)], summary };
  }

  /** Looks at the books until its end. */
  #watch(before: number) {
    let over = false;
    const watch = { wrong: new Set<string>(), looks: 0, most: 0, end: () => Promise.resolve() };
    const watching = (async () => {
      while (!over) {
        // First the bill: what is on it is known to the books by then.
        const billed = this.cluster.model.billed.reduce((sum, { micros }) => sum + micros, 0);
        const look = await lookAt(this.#sql, BUDGET);
        if (!look) throw new Error('the budget is gone');
        watch.looks++;
        watch.most = Math.max(watch.most, look.spent + look.reserved - before);
        for (const what of wrongAt(look, billed)) watch.wrong.add(what);
        await wait(5);
      }
    })().catch((error: unknown) => void watch.wrong.add(String(error)));
    watch.end = () => {
      over = true;
      return watching;
    };
    return watch;
  }

  /** So many worst cases more than what is spent. A budget that is nearly nothing tells what the worst case is. */
  async #setLimit(room: number): Promise<{ readonly limit: number; readonly before: number }> {
    await this.#set(1n);
    let needs = Number.POSITIVE_INFINITY;
    // While no worker is connected, what comes next is counted as dear as what has no price.
    for (const end = performance.now() + 60_000; needs > MOST_NEED; await wait(200)) {
      const { failure, state } = await this.#ask();
      if (failure?.reason !== 'BUDGET_EXCEEDED' || performance.now() > end)
        throw new Error(`with next to no budget it ended ${stateText(state)}: ${failure?.message}`);
      needs = Number(parseMoney(failure.metadata.needs ?? ''));
    }
    const before = (await lookAt(this.#sql, BUDGET))?.spent ?? 0;
    const limit = before + room * needs;
    await this.#set(BigInt(limit));
    return { limit, before };
  }

  #set(limitMicros: bigint) {
    const terms = { id: BUDGET, scope: BudgetScope.TENANT, period: BudgetPeriod.MONTH, warnPercent: [80], limitMicros };
    const request = { budget: terms, requestId: newId() };
    return this.cluster.control((transport) => createClient(BudgetService, transport).setBudget(request));
  }

  /** As a client does that was cut off: the same request again, until it has the end. */
  async #ask(): Promise<Outcome> {
    // As long as all the others, so that each has the same worst case.
    const text = `ask ${String(10_000 + this.#asked++)}`;
    const requestId = newId();
    for (const end = performance.now() + PATIENCE_MS; ; ) {
      try {
        return await this.cluster.control(async (transport) => {
          for await (const { event } of createClient(RunService, transport).ask({ text, requestId })) {
            if (event.case !== 'run') continue;
            this.#questions.set(event.value.id, text);
            if (event.value.outcome) return event.value.outcome;
          }
          throw new ConnectError('cut off', Code.Unavailable);
        });
      } catch (error) {
        const known = ConnectError.from(error);
        const passes = reasonOf(error) === 'lost' || known.code === Code.Unavailable;
        if (!passes || performance.now() > end) throw new Error(`${text}: ${reasonOf(error)} ${known.message}`);
      }
      await wait(500);
    }
  }

  /** Waits until nothing is reserved or under way. */
  async #quiet(): Promise<void> {
    for (const end = performance.now() + 60_000; performance.now() < end; await wait(50)) {
      const { rows } = await this.#sql.query('select 1 from outbox');
      if (rows.length === 0 && (await lookAt(this.#sql, BUDGET))?.reserved === 0) return;
    }
  }
}

const stateText = (state: RunState) => enumText(RunStateSchema, state);

/** Both replicas are killed once, commits lose their answers or have them late, and sometimes a worker or Redis goes away. */
function faultsOf(random: () => number): Fault[] {
  const int = (from: number, to: number) => from + Math.floor(random() * (to - from));
  const faults: Fault[] = [];
  const add = (kind: Fault['kind'], target: string, atMs: number, lastsMs: number) =>
    faults.push({ kind, target, atMs, lastsMs, byMs: 0 });
  for (const control of ['control-1', 'control-2']) {
    add('kill', control, int(300, 4_000), int(0, 1_500));
    const [at, lasts] = [int(200, 4_000), random() < 0.3 ? 5_000 : int(100, 2_000)];
    add('deaf', `${control}>postgres`, at, lasts);
    // What was committed while nobody heard of it is broken off; where that comes later than its time, it was late before.
    if (random() < 0.7) add('reset', `${control}>postgres`, at + lasts - 1, 0);
  }
  if (random() < 0.5) add('kill', `worker-${int(1, 3)}`, int(300, 3_000), int(0, 1_000));
  if (random() < 0.4) add(random() < 0.5 ? 'flush' : 'kill', 'redis', int(300, 3_000), int(0, 800));
  if (random() < 0.4) add('deaf', `worker-${int(1, 3)}>control`, int(300, 3_000), int(200, 2_000));
  return faults.sort((a, b) => a.atMs - b.atMs);
}
