// Two and three replicas of the control plane as real programs, on one Postgres and one Redis: what begins on one is served on
// another, killing any loses nothing, and neither does a rolling restart under load.
import { createClient } from '@connectrpc/connect';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { Cluster } from '../chaos/cluster.ts';
import { type Collected, startCollector } from '../support/collector.ts';
import { eventually } from '../support/control-plane.ts';
import { LocalWatch, localClient } from '../support/local-watch.ts';

const QUESTION = 'What holds the knot? 绳结靠什么？';

let cluster: Cluster;
let collector: Awaited<ReturnType<typeof startCollector>>;
let database: pg.Pool;

beforeAll(async () => {
  collector = await startCollector();
  const env = { BOWLINE_OTLP_URL: collector.url, BOWLINE_EDGE_TELEMETRY: 'control' };
  cluster = await Cluster.start({ controls: 2, workers: 1, edges: 1, redis: true }, { env });
  database = new pg.Pool({ connectionString: cluster.databaseUrl, max: 1 });
}, 120_000);

afterAll(async () => {
  await database?.end();
  await cluster?.close();
  await collector?.close();
}, 60_000);

const one = async (sql: string, values: unknown[] = []): Promise<string | undefined> => {
  const { rows } = await database.query<{ value: string | null }>(sql, values);
  return rows[0]?.value ?? undefined;
};

/** The edge goes to the first replica and the worker to the second. */
async function apart(): Promise<string[]> {
  await cluster.heal(30_000);
  const replicas = cluster.replicas();
  for (const [n, name] of ['edge-1>control', 'worker-1>control'].entries()) {
    const link = cluster.links.get(name)!;
    link.prefer(n);
    link.reset();
  }
  await eventually(async () => (await one(`select replica as value from device`)) === replicas[0]);
  await cluster.heal(30_000);
  return replicas;
}

/** An ask of the edge, from when its answer has begun to be shown. */
async function midAnswer(): Promise<LocalWatch & { close(): void }> {
  const { client, close } = localClient(cluster.part('edge-1').stack.home);
  const watch = new LocalWatch(client, QUESTION);
  await watch.until(() => watch.text.length > 0, 'the beginning of the answer');
  return Object.assign(watch, { close });
}

/** The same, its job held by the replica that the edge is not on: on a busy machine the worker may come back to the other one. */
async function midAnswerApart(): Promise<LocalWatch & { close(): void }> {
  for (let attempt = 1; ; attempt++) {
    const replicas = await apart();
    const watch = await midAnswer();
    const holder = await one('select holder as value from outbox where run = $1', [watch.run]);
    if (holder === replicas[1] || attempt === 4) {
      expect(holder).toBe(replicas[1]);
      return watch;
    }
    await watch.until(() => watch.outcome !== undefined, 'the end');
    watch.close();
  }
}

test('an edge on one replica is answered by a worker on another, piece by piece', async () => {
  const watch = await midAnswerApart();
  expect(cluster.model.answerTo(QUESTION).startsWith(watch.text)).toBe(true);
  expect(watch.text).not.toBe(cluster.model.answerTo(QUESTION));
  await watch.until(() => watch.outcome !== undefined, 'the end');
  watch.close();
  expect(watch.outcome).toMatchObject({ state: RunState.ANSWERED, answer: cluster.model.answerTo(QUESTION) });
  expect(watch.wrong).toEqual([]);
  expect(watch.writings).toHaveLength(1);
}, 60_000);

test('a tool is called through either replica, whichever has the device', async () => {
  await apart();
  // Each act has a connection of its own, and the balancer takes turns.
  for (let n = 0; n < 2; n++) {
    const listed = await cluster.control((transport) =>
      createClient(FsService, transport).list({ path: 'docs' }, { headers: { 'bowline-device': 'edge-1' } }),
    );
    expect(listed.files.map(({ path }) => path).sort()).toEqual(['docs/log.txt', 'docs/notes.md']);
  }
}, 60_000);

test.each([
  ['the worker', 'control-2'],
  ['the edge', 'control-1'],
])(
  'killing the replica that has %s, in mid-answer, loses nothing',
  async (_who, replica) => {
    const watch = await midAnswerApart();
    await cluster.part(replica).kill();
    await watch.until(() => watch.outcome !== undefined, 'the end');
    watch.close();
    expect(watch.outcome).toMatchObject({ state: RunState.ANSWERED, answer: cluster.model.answerTo(QUESTION) });
    expect(watch.wrong).toEqual([]);
    for (const { text } of watch.writings) expect(cluster.model.answerTo(QUESTION).startsWith(text)).toBe(true);
    await mustBeOneTree(watch.run);
    await cluster.heal(60_000);
  },
  120_000,
);

/** The trace of an answered run, with what each of the four processes did, whichever replica ended it. */
async function mustBeOneTree(run: string): Promise<void> {
  const trace = run.replaceAll('-', '');
  const wanted = ['bowline-control', 'bowline-edge', 'bowline-worker'];
  const services = () => [...new Set(collector.spans(trace).map(({ service }) => service))].sort();
  await eventually(() => services().length === wanted.length, 15_000).catch(() => undefined);
  expect(services()).toEqual(wanted);
  const spans = collector.spans(trace);
  const below = (span: Collected | undefined) => spans.filter(({ parent }) => parent === (span?.id ?? ''));
  const [root, ...more] = below(undefined);
  expect([root?.name, more]).toEqual(['invoke_agent bowline', []]);
  const reached = new Set([root]);
  for (const span of reached) for (const each of below(span)) reached.add(each);
  expect(spans.filter((span) => !reached.has(span))).toEqual([]);
  expect(below(root).map(({ name }) => name)).toEqual(['edge ask', 'chat']);
  const last = below(below(root)[1]).at(-1);
  expect(last).toMatchObject({ name: expect.stringMatching(/^attempt \d$/), failed: '' });
  const [work] = below(last);
  expect(work).toMatchObject({ name: expect.stringMatching(/^work .*\/Chat$/), service: 'bowline-worker', failed: '' });
  expect(below(work)).toMatchObject([
    { name: 'chat m', attributes: { 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 10 }, failed: '' },
  ]);
  expect(collector.problems).toEqual([]);
  for (const told of [QUESTION, '绳结', cluster.model.answerTo(QUESTION).slice(0, 6)])
    expect(collector.raw()).not.toContain(told);
}
