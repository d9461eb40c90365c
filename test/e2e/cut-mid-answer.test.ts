// An answer under way while the edge's connection, the worker or the control plane goes away: real programs, the edge
// behind a TCP proxy, a model that says what the test dictates. The owner's text never has a letter twice or too few.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Connection } from '../../gen/bowline/local/v1/local_pb.ts';
import { DictatedModel } from '../support/dictated-model.ts';
import { LocalWatch, localClient } from '../support/local-watch.ts';
import type { Program } from '../support/program.ts';
import { Stack } from '../support/stack.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

// Real processes, each with its own start, on a machine that may be busy, and one cut of 30 s.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const HEARTBEAT_MS = 2_000;
/** A peer is found silent after two intervals; a busy machine may take a good part of a third to say so. */
const NOTICED = 2 * HEARTBEAT_MS * 1.4;
/** How long the long cut takes. */
const CUT_MS = 30_000;
const SILENT_MS = 4 * HEARTBEAT_MS;

const PIECES = [
  '绳结要在两次拉紧之间留出一点余量，',
  'so that it holds fast and never jams. ',
  '船上的人管它叫“单套结” 🪢，',
  'naïve Zürcher Œuvre — Ωμέγα — ',
  '𠮷野家の𩸽定食、👩‍👩‍👧‍👦と🏴‍☠️。',
  'Plain words,\n\n而后又是汉字。',
];
const piece = (n: number): string => `${n}:${PIECES[n % PIECES.length]}`;
const upTo = (n: number): string => Array.from({ length: n }, (_, i) => piece(i)).join('');

let stack: Stack;
let model: DictatedModel;
let way: TcpProxy;
let local: ReturnType<typeof localClient>;
let worker: Program;

let questions = 0;

beforeAll(async () => {
  stack = await Stack.create();
  stack.env.BOWLINE_HEARTBEAT_MS = String(HEARTBEAT_MS);
  // Longer than a worker takes to come back, so that what it still writes is adopted.
  stack.env.BOWLINE_RECOVER_AFTER_MS = '20000';
  model = new DictatedModel();
  await model.listen();
  stack.write('home/models.yaml', model.config, 0o600);
  await stack.control();
  worker = await stack.worker();
  way = new TcpProxy({ host: '127.0.0.1', port: stack.port });
  await way.listen();
  await stack.edge('--control', `http://127.0.0.1:${way.port}`);
  local = localClient(stack.home);
});

afterAll(async () => {
  local?.close();
  await stack?.close();
  await way?.cut();
  await model?.close();
});

beforeEach(() => edgeSays(Connection.CONNECTED, 60_000));

/** What the edge says of its connection, as soon as it does; returns how long that took. */
async function edgeSays(connection: Connection, withinMs: number): Promise<number> {
  const from = performance.now();
  await vi.waitFor(async () => expect((await local.client.getStatus({})).connection).toBe(connection), {
    timeout: withinMs,
    interval: 50,
  });
  return performance.now() - from;
}

/** As `edgeSays`, of what is anything but connected. */
async function edgeNotices(withinMs: number): Promise<number> {
  const from = performance.now();
  await vi.waitFor(async () => expect((await local.client.getStatus({})).connection).not.toBe(Connection.CONNECTED), {
    timeout: withinMs,
    interval: 50,
  });
  return performance.now() - from;
}

/** When the control plane no longer lists the edge as connected. */
async function controlNotices(withinMs: number): Promise<number> {
  const from = performance.now();
  await vi.waitFor(
    async () => {
      const { stdout } = await stack.cli(['devices', 'ls', '--json']);
      expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ connected: false })]);
    },
    { timeout: withinMs, interval: 50 },
  );
  return performance.now() - from;
}

/** Asks, and lets the model begin. */
async function asked() {
  const words = `question ${++questions}`;
  const watch = new LocalWatch(local.client, words);
  const answer = await model.answer(`${words}`);
  return { words, watch, answer };
}

/** Says the pieces from one number up to, but not with, another. */
function say(answer: { say(text: string): void }, from: number, to: number): void {
  for (let n = from; n < to; n++) answer.say(piece(n));
}

const sees = (watch: LocalWatch, n: number, withinMs = 60_000) =>
  watch.until(() => watch.text === upTo(n), `${n} pieces`, withinMs);

/** The whole of it, in one writing, without a letter twice or too few. */
async function endsWhole(watch: LocalWatch, answer: { end(): void }, n: number): Promise<void> {
  answer.end();
  await watch.until(() => watch.outcome !== undefined, 'the end');
  expect(watch.wrong).toEqual([]);
  expect(watch.writings.map(({ text }) => text)).toEqual([upTo(n)]);
  expect(watch.outcome?.answer).toBe(upTo(n).trim());
}

test('connections that break again and again, anywhere in a frame or a letter: nothing twice, nothing missing', async () => {
  const { watch, answer } = await asked();
  let said = 0;
  for (let round = 0; round < 4; round++) {
    say(answer, said, said + 15);
    said += 15;
    // Some of it has come by now, and the cut falls into the rest.
    way.resetAfter(400 + 97 * round);
    say(answer, said, said + 15);
    said += 15;
    await sees(watch, said);
    await edgeSays(Connection.CONNECTED, 60_000);
  }
  await endsWhole(watch, answer, said);
});

test('a worker that is killed in mid-answer: the text begins anew with the next epoch, and is never spliced', async () => {
  const { words, watch, answer } = await asked();
  say(answer, 0, 20);
  await sees(watch, 20);
  await worker.kill();
  worker = await stack.worker();
  const again = await model.answer(words, 1);
  // The second time it says something else.
  for (let n = 100; n < 110; n++) again.say(piece(n));
  const second = Array.from({ length: 10 }, (_, i) => piece(100 + i)).join('');
  await watch.until(() => watch.text === second, 'the second text');
  again.end();
  await watch.until(() => watch.outcome !== undefined, 'the end');
  expect(watch.wrong).toEqual([]);
  expect(watch.writings.map(({ epoch, text }) => ({ epoch, text }))).toEqual([
    { epoch: 1, text: upTo(20) },
    { epoch: 2, text: second },
  ]);
  expect(watch.outcome?.answer).toBe(second.trim());
});

test('a control plane that is killed and started again in mid-answer: the answer of the same worker goes on where it was', async () => {
  const { watch, answer } = await asked();
  say(answer, 0, 20);
  await sees(watch, 20);
  await stack.running('control').kill();
  say(answer, 20, 40);
  await edgeNotices(60_000);
  await stack.control();
  await sees(watch, 40, 90_000);
  say(answer, 40, 60);
  await endsWhole(watch, answer, 60);
});

test('a control plane and a worker that are both killed in mid-answer: a clean beginning with the next epoch', async () => {
  const { words, watch, answer } = await asked();
  say(answer, 0, 20);
  await sees(watch, 20);
  await Promise.all([stack.running('control').kill(), worker.kill()]);
  // Nobody comes back who could go on with it, here or in a test below.
  stack.env.BOWLINE_RECOVER_AFTER_MS = '1000';
  await stack.control();
  worker = await stack.worker();
  const again = await model.answer(words, 1, 90_000);
  say(again, 0, 30);
  await sees(watch, 30, 90_000);
  again.end();
  await watch.until(() => watch.outcome !== undefined, 'the end');
  expect(watch.wrong).toEqual([]);
  expect(watch.writings.map(({ epoch }) => epoch)).toEqual([1, 2]);
  expect(watch.writings.at(-1)?.text).toBe(upTo(30));
  expect(watch.outcome?.answer).toBe(upTo(30));
});

test('a connection that falls silent both ways: noticed within two heartbeats, the answer goes on where it was', async () => {
  const { watch, answer } = await asked();
  say(answer, 0, 20);
  await sees(watch, 20);
  const cutAt = performance.now();
  way.silence('both');
  say(answer, 20, 30);
  const [edge, control] = await Promise.all([edgeNotices(60_000), controlNotices(60_000)]);
  expect(edge).toBeLessThan(NOTICED);
  expect(control).toBeLessThan(NOTICED);
  say(answer, 30, 40);
  await vi.waitUntil(() => performance.now() - cutAt >= SILENT_MS, { timeout: 2 * SILENT_MS, interval: 100 });
  expect(watch.text).toBe(upTo(20));
  way.silence(false);
  await sees(watch, 40, 90_000);
  say(answer, 40, 60);
  await endsWhole(watch, answer, 60);
});

test('a connection that is broken and refused for 30 s in mid-answer: noticed, made anew, the answer goes on where it was', async () => {
  const { watch, answer } = await asked();
  say(answer, 0, 20);
  await sees(watch, 20);
  const cutAt = performance.now();
  await way.cut();
  const [edge, control] = await Promise.all([edgeNotices(60_000), controlNotices(60_000)]);
  expect(edge).toBeLessThan(NOTICED);
  expect(control).toBeLessThan(NOTICED);
  // The model goes on meanwhile.
  say(answer, 20, 40);
  await vi.waitUntil(() => performance.now() - cutAt >= CUT_MS, { timeout: 2 * CUT_MS, interval: 100 });
  expect(watch.text).toBe(upTo(20));
  await way.listen();
  await sees(watch, 40, 90_000);
  say(answer, 40, 60);
  await endsWhole(watch, answer, 60);
});
