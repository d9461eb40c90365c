// A session's start that stands still at any of its waits, while its edge or worker goes away without a word and begins anew: the
// old Hello changes nothing. And one that finds itself superseded by itself comes back.
import type { ClientBase } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { DeviceService, DeviceState } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { eventually, refusalOf, TestControl } from '../support/control-plane.ts';
import type { FakeEdge } from '../support/fake-edge.ts';
import { WorkerStream, workerHello } from '../support/fake-worker.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** Statements that stand still, when armed, before they are sent or before they are answered; those whose text holds `text` count. */
class Brake {
  #armed: { text: string; left: number; answered: boolean } | undefined;
  #held: (() => void)[] = [];
  /** How many matched since it was armed. */
  seen = 0;

  /** The n-th statement with this text from now on stands still, and none after it; `answered` once it is done. */
  arm(text: string, n: number, answered = false): void {
    this.seen = 0;
    this.#armed = { text, left: n, answered };
  }

  get holds(): boolean {
    return this.#held.length > 0;
  }

  release(): void {
    this.#armed = undefined;
    for (const go of this.#held.splice(0)) go();
  }

  wrap(client: ClientBase): void {
    const query = client.query.bind(client) as (...words: unknown[]) => unknown;
    const braked = (...words: unknown[]) => {
      const text = typeof words[0] === 'string' ? words[0] : (words[0] as { text: string }).text;
      const armed = this.#armed;
      if (!armed || !text.includes(armed.text)) return query(...words);
      this.seen++;
      if (--armed.left !== 0) return query(...words);
      if (armed.answered) {
        const answer = query(...words) as Promise<unknown>;
        return answer.then((rows) => new Promise((resolve) => this.#held.push(() => resolve(rows))));
      }
      if (typeof words.at(-1) === 'function') {
        this.#held.push(() => void query(...words));
        return undefined;
      }
      return new Promise((resolve) => this.#held.push(() => resolve(query(...words))));
    };
    Object.assign(client, { query: braked });
  }
}

let server: TestPostgres;
let stale: TestControl;
let healthy: TestControl;
let way: TcpProxy;
const brake = new Brake();

beforeAll(async () => {
  server = await startPostgres();
  const databaseUrl = new Secret(await server.createDatabase('starts'));
  const wrapped = new WeakSet<ClientBase>();
  const hubs = { queue: new MemoryQueueHub(systemClock, silentLogger), bus: new MemoryBusHub(silentLogger) };
  const config = { databaseUrl, workerGraceMs: 20_000 };
  stale = await TestControl.start({
    config,
    hubs,
    onDatabase: ({ pool }) =>
      void pool.on('acquire', (client) => {
        if (wrapped.has(client)) return;
        wrapped.add(client);
        brake.wrap(client);
      }),
  });
  healthy = await TestControl.start({ config, hubs });
  way = new TcpProxy({ host: '127.0.0.1', port: Number(new URL(stale.url).port) });
  await way.listen();
}, 60_000);

afterEach(() => {
  brake.release();
  way.silence(false);
});

afterAll(async () => {
  brake.release();
  await way?.cut();
  await stale?.close();
  await healthy?.close();
  await server?.stop();
}, 60_000);

/** A device of the replica that stands still, reached over the way that can fall silent. */
async function device(): Promise<{ edge: FakeEdge; near: string; far: string }> {
  const edge = await stale.device();
  return { edge, near: `http://127.0.0.1:${way.port}`, far: healthy.url };
}

const row = async ({ device: id }: FakeEdge) => (await stale.client(DeviceService).getDevice({ id })).device!;

/** Whatever was under way on the replica that stood still is over: what began after it has ended. */
async function after(): Promise<void> {
  const later = await (await stale.device()).connect();
  await later.cut();
}

// The waits of an edge's start, by the statements that it sends.
const WAITS: readonly (readonly [wait: string, text: string])[] = [
  ['its credential is looked up', 'key_hash'],
  ['its device is read', 'join device using'],
  ['its session is begun', 'known_journal'],
];

test.each(WAITS)(
  'an edge that leaves without a word while %s, and begins elsewhere, stays there',
  async (_wait, text) => {
    const { edge, near, far } = await device();
    edge.url = near;
    brake.arm(text, 1);
    const first = edge.stream();
    first.send({ case: 'hello', value: edge.hello() });
    await eventually(() => brake.holds);
    // Nothing of it, not even its end, arrives any more; then it begins anew, and its journal has grown.
    way.silence('both');
    await first.cut();
    edge.url = far;
    edge.sequence++;
    const second = await edge.connect();
    brake.release();
    way.silence(false);
    await after();
    expect(await row(edge)).toMatchObject({ connected: true, state: DeviceState.ACTIVE, sessionEpoch: 1n });
    expect(second.isOver).toBe(false);
    expect(second.all('superseded')).toEqual([]);
    await second.cut();
  },
);

test('two live edges of one device that begin at once: one has the session, the other is told to come again', async () => {
  const { edge, far } = await device();
  brake.arm('known_journal', 1);
  const first = edge.stream();
  first.send({ case: 'hello', value: edge.hello() });
  await eventually(() => brake.holds);
  edge.url = far;
  const second = await edge.connect();
  brake.release();
  expect(refusalOf((await first.ended)!)).toMatchObject({ code: 'Aborted', reason: 'SESSION_RACED' });
  expect(second.isOver).toBe(false);
  await second.cut();
});

test('edges that begin together on a replica that dies when they have begun, and before it says so, begin on another one', async () => {
  const all = await Promise.all(Array.from({ length: 12 }, device));
  // The first goes alone, the others meet behind it.
  brake.arm('known_journal', 2, true);
  const first = all.map(({ edge, near }) => {
    edge.url = near;
    const stream = edge.stream();
    stream.send({ case: 'hello', value: edge.hello() });
    return stream;
  });
  await eventually(() => brake.holds);
  way.silence('both');
  await Promise.all(first.map((stream) => stream.cut()));
  const second = await Promise.all(
    all.map(async ({ edge, far }) => {
      edge.url = far;
      return edge.connect();
    }),
  );
  brake.release();
  way.silence(false);
  await after();
  const rows = await Promise.all(all.map(({ edge }) => row(edge)));
  expect(rows.map(({ connected, state }) => [connected, state])).toEqual(rows.map(() => [true, DeviceState.ACTIVE]));
  expect(second.filter((stream) => stream.isOver || stream.all('superseded').length > 0)).toEqual([]);
  for (const stream of second) await stream.cut();
});

test.each([
  ['what it holds is read', 'outbox_check'],
  ['it is made the holder', 'outbox_hold'],
])(
  'a worker that leaves without a word while %s, and goes elsewhere with its job, keeps it there',
  async (_wait, text) => {
    const { edge } = await device();
    const session = await edge.connect();
    const bootId = newId();
    const near = `http://127.0.0.1:${way.port}`;
    const first = await WorkerStream.connect(near, stale.control.workerKey, { bootId });
    const { run } = session.ask('where?');
    const job = await first.job();
    first.say(job, 'here');
    const held = first.held(job);
    await first.cut();
    brake.arm(text, 1);
    const old = new WorkerStream(near, stale.control.workerKey, { bootId });
    old.send({ case: 'hello', value: workerHello({ bootId, held: [held] }) });
    await eventually(() => brake.holds);
    way.silence('both');
    await old.cut();
    const worker = await WorkerStream.connect(healthy.url, healthy.control.workerKey, {
      bootId,
      held: [held],
      credits: 0,
    });
    expect((await worker.frame('welcome')).drop).toEqual([]);
    brake.release();
    way.silence(false);
    await after();
    worker.say(job, 'here');
    worker.say(job, ' and there');
    worker.conclude(job);
    await worker.frame('resultCommitted');
    expect(await session.end(run)).toMatchObject({ answer: 'here and there', jobs: [{ attempts: 1 }] });
    expect(worker.all('cancel')).toEqual([]);
    await worker.cut();
    await session.cut();
  },
);
