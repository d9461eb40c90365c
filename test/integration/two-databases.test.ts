// The database is replaced by a copy of itself that was made earlier, at every point of an ask's life, while a real edge with a real
// journal goes on: whatever was lost there, each ask is answered once, and no effect happens twice.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import type { Ended } from '../../gen/bowline/local/v1/local_pb.ts';
import type { JobAssignment } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { toFailure } from '../../src/contract/errors.ts';
import { controlConfig } from '../../src/control/config.ts';
import { openEdgeJournal } from '../../src/edge/journal/edge-journal.ts';
import { runRecover } from '../../src/main/recover.ts';
import { type RunningEdge, startEdge } from '../../src/main/start-edge.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import { WorkerStream } from '../support/fake-worker.ts';
import { freePort } from '../support/free-port.ts';
import { localClient } from '../support/local-watch.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
let admin: pg.Client;
let databases = 0;

beforeAll(async () => {
  postgres = await startPostgres();
  admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await postgres.stop();
});

/** Where the ask stands: unknown; with the model; its command runs; the command's result is there; answered. */
const POINTS = ['asked', 'accepted', 'dispatched', 'settled', 'answered'] as const;
type Point = (typeof POINTS)[number];

/** Many of these worlds turn at once. */
const soon = (is: () => boolean | Promise<boolean>) => eventually(is, 45_000);

/** Something that is waited for until it is let go. */
class Hold {
  readonly #go = Promise.withResolvers<void>();
  readonly passed = this.#go.promise;
  reached = false;

  wait(): Promise<void> {
    this.reached = true;
    return this.passed;
  }

  release(): void {
    this.#go.resolve();
  }
}

/** Whether the statement was done; connections that are asked to end take a moment. */
const done = (statement: string) =>
  admin.query(statement).then(
    () => true,
    () => false,
  );

class World {
  readonly dir = mkdtempSync(join(tmpdir(), 'bowline-two-'));
  readonly home = join(this.dir, 'edge');
  readonly turns = [new Hold(), new Hold()];
  readonly requests = new Map<string, string>();
  readonly ends = new Map<string, Ended>();
  readonly #asking: Promise<void>[] = [];
  /** Attempts that the model was given, across all its sessions. */
  readonly #seen = new Set<string>();
  readonly #name = `two_${++databases}`;
  control!: TestControl;
  edge!: RunningEdge;
  #url = '';
  #local!: ReturnType<typeof localClient>;

  static async start(): Promise<World> {
    const world = new World();
    world.#url = await postgres.createDatabase(world.#name);
    world.control = await TestControl.start({
      config: { databaseUrl: new Secret(world.#url), heartbeatMs: 1_000, port: await freePort() },
    });
    mkdirSync(world.home, { mode: 0o700 });
    mkdirSync(join(world.dir, 'docs'));
    const entry = `{argv: ${JSON.stringify(world.argv)}, confirm: never, isolation: none, stdin: true, output: share}`;
    writeFileSync(join(world.home, 'config.yaml'), `allow:\n  execute: [${entry}]\n`);
    const { url, control } = world.control;
    world.edge = await startEdge({
      home: world.home,
      control: undefined,
      allow: [join(world.dir, 'docs')],
      line: { url, token: await control.createJoinToken('box'), pin: control.publicKey },
      name: 'box',
      waits: { backoffBaseMs: 50, backoffCapMs: 200, refusedMs: 200 },
      clock: systemClock,
      log: silentLogger,
      onFatal: (error) => {
        throw error;
      },
    });
    world.#local = localClient(world.home);
    await world.serve();
    return world;
  }

  /** Adds its input to a file, when it may. */
  get argv(): string[] {
    const [began, gate, log] = ['began', 'gate', 'log'].map((name) => join(this.dir, name));
    return ['sh', '-c', `touch ${began}; while [ ! -e ${gate} ]; do sleep 0.02; done; cat >> ${log}`];
  }

  /** A model that calls the command once and then answers; that ask is held before each of its turns. */
  async serve(): Promise<void> {
    const worker = await this.control.worker({ slots: 8 });
    const answer = async (n: number): Promise<void> => {
      const job = await worker.job(n);
      void answer(n + 1).catch(() => {});
      // An id of the lost history comes again: what a worker knows is not begun anew.
      if (this.#seen.has(job.dispatchId)) return refuse(worker, job);
      this.#seen.add(job.dispatchId);
      const { messages } = WorkerStream.chat(job);
      const said = messages.findLast(({ role }) => role === Role.USER)?.parts[0]?.part;
      const question = said?.case === 'text' ? said.value.trim() : '';
      const turn = messages.some(({ role }) => role === Role.TOOL) ? 1 : 0;
      if (question === 'q') await this.turns[turn]?.wait();
      if (turn === 1) worker.reply(job, `answer to ${question}`);
      else worker.useTool(job, 'shell_run', { argv: this.argv, stdin: `${question}\n` });
    };
    void answer(0).catch(() => {});
  }

  /** Asks, again and again with one id, until the end is told. */
  ask(question: string): Promise<void> {
    const requestId = newId();
    this.requests.set(question, requestId);
    const asking = (async () => {
      const end = await this.end(question);
      this.ends.set(question, end);
    })();
    this.#asking.push(asking.catch(() => {}));
    return asking;
  }

  async end(question: string): Promise<Ended> {
    const request = { text: question, requestId: this.requests.get(question)! };
    for await (const { event } of this.#local.client.ask(request)) {
      if (event?.event.case === 'ended') return event.event.value;
    }
    throw new Error(`${question} has no end`);
  }

  async call(key: string): Promise<void> {
    const shell = this.control.client(ShellService);
    const headers = { 'bowline-idempotency-key': key };
    for await (const _ of shell.run({ argv: this.argv, stdin: `${key}\n` }, { headers }));
  }

  /** Brings the ask to its next point. */
  async advance(to: Point): Promise<void> {
    const [first, second] = this.turns as [Hold, Hold];
    switch (to) {
      case 'asked':
        return;
      case 'accepted':
        rmSync(join(this.dir, 'gate'));
        rmSync(join(this.dir, 'began'));
        void this.ask('q');
        await soon(() => first.reached);
        return;
      case 'dispatched':
        first.release();
        await soon(() => existsSync(join(this.dir, 'began')));
        return;
      case 'settled':
        writeFileSync(join(this.dir, 'gate'), '');
        await soon(() => second.reached);
        return;
      case 'answered':
        second.release();
        await soon(() => this.ends.has('q'));
    }
  }

  /** The database as it is now. Its clients are away for a moment, as in an outage. */
  async copy(): Promise<void> {
    await this.#alone();
    await eventually(() => done(`create database ${this.#name}_copy template ${this.#name}`));
    await admin.query(`alter database ${this.#name} allow_connections true`);
  }

  /** Nobody is connected any more. */
  async #alone(): Promise<void> {
    await admin.query(`alter database ${this.#name} allow_connections false`);
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [this.#name]);
  }

  /** The copy takes the place of the database: of one that is stopped for that, or under a running control plane. */
  async replace(way: 'restarted' | 'running'): Promise<void> {
    if (way === 'restarted') await this.control.stop(500);
    await this.#alone();
    await eventually(() => done(`alter database ${this.#name} rename to ${this.#name}_lost`));
    await admin.query(`alter database ${this.#name}_copy rename to ${this.#name}`);
    if (way === 'running') return;
    await this.control.boot();
    await this.serve();
  }

  /** Where it was noticed the owner recovers the database, as the message says. */
  async recoverIfStopped(): Promise<void> {
    const { stopped } = await this.control.client(StatusService).getStatus({});
    if (stopped === '') return;
    const config = { ...controlConfig({}), databaseUrl: new Secret(this.#url) };
    await runRecover(join(this.dir, 'elsewhere'), config, false, { out: () => {}, progress: () => {} });
    await eventually(async () => (await this.control.client(StatusService).getStatus({})).stopped === '');
  }

  /** Waits for it, and recovers the database whenever that is asked for. */
  goesOn(is: () => boolean | Promise<boolean>): Promise<boolean> {
    const look = async () => {
      await this.recoverIfStopped();
      return is();
    };
    return soon(() => look().catch(() => false));
  }

  letGo(): void {
    for (const turn of this.turns) turn.release();
    writeFileSync(join(this.dir, 'gate'), '');
  }

  /** How often each line stands in the file that the commands write. */
  get effects(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const line of readFileSync(join(this.dir, 'log'), 'utf8').trim().split('\n'))
      counts[line] = (counts[line] ?? 0) + 1;
    return counts;
  }

  async ledgerLines(): Promise<number> {
    return (await this.#local.client.listEgress({ pageSize: 1000 })).entries.length;
  }

  verify() {
    return this.#local.client.verifyJournal({});
  }

  /** How often the journal has each run as answered. */
  async answered(): Promise<Map<string, number>> {
    await this.edge.stop(2_000);
    const counts = new Map<string, number>();
    const journal = await openEdgeJournal(homePaths(this.home).journal, {
      clock: systemClock,
      log: silentLogger,
      onFatal: () => {},
    });
    for await (const { record } of journal.entries()) {
      if (record.case === 'runAnswered') counts.set(record.value.run, (counts.get(record.value.run) ?? 0) + 1);
    }
    await journal.close();
    return counts;
  }

  async close(): Promise<void> {
    this.letGo();
    this.#local.close();
    await this.edge.stop(2_000);
    await this.control.close();
    await Promise.all(this.#asking);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** As a worker does with an attempt that it has answered before. */
function refuse(worker: WorkerStream, { dispatchId, epoch }: JobAssignment): void {
  const value = toFailure(new AppError('SESSION_LOST', { why: 'answered before' }));
  worker.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'failure', value } } });
}

const CASES: [copied: Point, replaced: Point | 'all', way: 'restarted' | 'running'][] = [
  ['asked', 'dispatched', 'running'],
  ['asked', 'settled', 'restarted'],
  ['accepted', 'all', 'running'],
  ['dispatched', 'settled', 'restarted'],
  ['settled', 'answered', 'running'],
  ['answered', 'all', 'restarted'],
];

test.each(CASES)(
  'copied when it was %s, in its place when it was %s, %s',
  async (copied, replaced, way) => {
    const world = await World.start();
    try {
      writeFileSync(join(world.dir, 'gate'), '');
      await world.ask('before');
      await world.call('key-before');
      const last = replaced === 'all' ? 'answered' : replaced;
      for (const point of POINTS.slice(0, POINTS.indexOf(last) + 1)) {
        await world.advance(point);
        if (point === copied) await world.copy();
      }
      const asks = ['before', 'q'];
      const keys = ['key-before'];
      if (replaced === 'all') {
        await world.ask('after');
        await world.call('key-after');
        asks.push('after');
        keys.push('key-after');
      }
      const lines = await world.ledgerLines();
      await world.replace(way);
      world.letGo();
      for (const key of keys) await world.goesOn(() => world.call(key).then(() => true));
      await world.goesOn(() => asks.every((each) => world.ends.has(each)));
      for (const each of asks) {
        // Asked again, it says the same again.
        for (const { outcome } of [world.ends.get(each)!, await world.end(each)])
          expect(outcome?.answer).toBe(`answer to ${each}`);
      }
      expect(world.effects).toEqual(Object.fromEntries([...asks, ...keys].map((each) => [each, 1])));
      expect(await world.verify()).toMatchObject({ ok: true });
      expect(await world.ledgerLines()).toBeGreaterThanOrEqual(lines);
      // Work goes on, and nothing is left open.
      void world.ask('last');
      await world.goesOn(() => world.ends.has('last'));
      await world.goesOn(async () => {
        const { runs } = await world.control.client(RunService).listRuns({});
        return runs.every(({ outcome }) => outcome !== undefined);
      });
      expect([...(await world.answered()).values()]).toEqual([...asks, 'last'].map(() => 1));
    } finally {
      await world.close();
    }
  },
  120_000,
);
