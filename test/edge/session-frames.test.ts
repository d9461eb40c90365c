// How a session begins, is judged and ends: keys, strange frames, silent peers, drain, tool calls over it.
import { createServer, type Socket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  ConnectResponseSchema,
  type SignedToolCall,
  SupersedeReason,
  ToolProgressSchema,
} from '../../gen/bowline/edge/v1/edge_pb.ts';
import { ToolResultSchema } from '../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { toConnectError } from '../../src/contract/errors.ts';
import type { SessionFacts, ToolSink } from '../../src/edge/runner/tool-sink.ts';
import type { CallRunner } from '../../src/edge/session/ports.ts';
import { follow, idleRunner, startEdge, type TestEdge, tempHome, until } from './support/edge-parts.ts';
import { ScriptedControl } from './support/scripted-control.ts';

let control: ScriptedControl;
let place: ReturnType<typeof tempHome>;
const edges: TestEdge[] = [];

beforeEach(async () => {
  control = await ScriptedControl.start();
  place = tempHome();
});

afterEach(async () => {
  for (const edge of edges.splice(0)) await edge.stop();
  await control.close();
  place.dispose();
});

async function start(parts: Parameters<typeof startEdge>[2] = {}): Promise<TestEdge> {
  const edge = await startEdge(place.home, control, parts);
  edges.push(edge);
  return edge;
}

/** Stops an edge as a kill would leave its home, except that the journal's file is closed. */
async function stop(edge: TestEdge): Promise<void> {
  edges.splice(edges.indexOf(edge), 1);
  await edge.stop();
}

test('superseded is terminal and says so', async () => {
  const edge = await start();
  const peer = await control.welcome();
  peer.send({ case: 'superseded', value: { sessionEpoch: 9n, reason: SupersedeReason.SUPERSEDED } });
  await until(() => edge.session.status.connection === 'superseded', 'the status');
  expect(edge.session.status.problem?.reason).toBe('SUPERSEDED');
  await until(() => peer.ended, 'the end of the stream');
  const { run } = await edge.ask('q');
  const watch = follow(edge, run);
  await until(() => watch.events.length > 0, 'waiting');
  const remedy = /Stop the other edge.*`bowline devices adopt box`/;
  expect(edge.session.status.problem?.message).toMatch(remedy);
  expect(watch.events[0]?.event).toMatchObject({
    case: 'waiting',
    value: { sent: false, what: expect.stringMatching(remedy) },
  });
  watch.stop();
  await edge.session.stop();
  expect(edge.session.status.connection).toBe('superseded');
  expect(control.peers).toHaveLength(1);
});

test('superseded by a session of its own process it connects again; by that of another it does not', async () => {
  const edge = await start();
  const peer = await control.peer();
  const { bootId } = await peer.next('hello');
  peer.send({ case: 'welcome', value: control.welcomeInit() });
  await until(() => edge.session.status.connection === 'connected', 'the session');
  peer.send({ case: 'superseded', value: { sessionEpoch: 9n, reason: SupersedeReason.SUPERSEDED, bootId } });
  const second = await control.welcome();
  second.send({
    case: 'superseded',
    value: { sessionEpoch: 10n, reason: SupersedeReason.SUPERSEDED, bootId: newId() },
  });
  await until(() => edge.session.status.connection === 'superseded', 'the status');
  expect(control.peers).toHaveLength(2);
});

test('a session that this side ended leaves no ping behind that would end the process', async () => {
  const edge = await start({ options: { heartbeatMs: 40 } });
  const peer = await control.welcome();
  peer.send({ case: 'superseded', value: { sessionEpoch: 9n, reason: SupersedeReason.SUPERSEDED } });
  await until(() => peer.ended, 'the end of the stream');
  const thrown: unknown[] = [];
  const note = (error: unknown) => void thrown.push(error);
  process.prependOnceListener('uncaughtException', note);
  const later = performance.now() + 200;
  await until(() => performance.now() > later, 'several ping intervals');
  process.off('uncaughtException', note);
  expect(thrown).toEqual([]);
  expect(edge.session.status.connection).toBe('superseded');
});

test('a quarantined device is told so in place of a Welcome', async () => {
  const edge = await start();
  const peer = await control.peer();
  await peer.next('hello');
  peer.send({ case: 'superseded', value: { sessionEpoch: 2n, reason: SupersedeReason.QUARANTINED } });
  await until(() => edge.session.status.connection === 'quarantined', 'the status');
  expect(edge.session.status.problem?.reason).toBe('QUARANTINED');
  expect(edge.session.status.problem?.message).toContain('`bowline devices adopt box`');
});

test('another signing key is refused: nothing but Hello is sent, and the status says why', async () => {
  const edge = await start();
  const { run } = await edge.ask('secret words');
  const peer = await control.peer();
  await peer.next('hello');
  const signingKey = { keyId: 'k1', publicKey: new Uint8Array(32).fill(7) };
  peer.send({ case: 'welcome', value: control.welcomeInit({ signingKey }) });
  await until(() => peer.ended, 'the end of the stream');
  expect(peer.frames.map(({ frame }) => frame.case)).toEqual(['hello']);
  await until(() => edge.session.status.problem?.reason === 'SIGNING_KEY_CHANGED', 'the status');
  expect(edge.open.get(run)?.sent).toBe(false);
  expect((await control.welcome()).authorization).toContain('bwd_');
});

test('a frame of a newer version is answered in-frame and the session goes on', async () => {
  const edge = await start();
  const peer = await control.welcome();
  const frame = create(ConnectResponseSchema, { header: { seq: 2n } });
  frame.$unknown = [{ no: 500, wireType: 2, data: new Uint8Array([2, 1, 2]) }];
  peer.skip();
  peer.sendRaw(frame);
  expect((await peer.next('unimplemented')).seq).toBe(2n);
  await edge.ask('still here');
  expect((await peer.next('ask')).text).toBe('still here');
});

test('what frames cause and is not done holds the stream: a control plane that is fast cannot fill this edge', async () => {
  const pending: (() => void)[] = [];
  let most = 0;
  const edge = await start({
    onSummary: () =>
      new Promise((resolve) => {
        pending.push(resolve);
        most = Math.max(most, pending.length);
      }),
  });
  const peer = await control.welcome({ heartbeat: { nanos: 200_000_000 } });
  const { run, conversation } = await edge.ask('q');
  const count = 600;
  const text = 'y'.repeat(60_000);
  for (let n = 0; n < count; n++) peer.send({ case: 'conversationSummary', value: { run, conversation, text } });
  await until(() => pending.length > 50, 'summaries that wait');
  // Two heartbeats in which nothing is read: that is no silence of the other side.
  const later = performance.now() + 700;
  await until(() => performance.now() > later, 'several heartbeats');
  expect(most).toBeLessThan(150);
  let done = 0;
  await until(() => {
    for (const resolve of pending.splice(0)) {
      resolve();
      done++;
    }
    return done === count;
  }, 'all of them, one bound after the other');
  expect(most).toBeLessThan(150);
  expect(peer.ended).toBe(false);
});

test.each([
  [
    'out of order',
    () => create(ConnectResponseSchema, { header: { seq: 9n }, frame: { case: 'ping', value: { nonce: 1n } } }),
    'FRAME_OUT_OF_ORDER',
  ],
  ['without a body', () => create(ConnectResponseSchema, { header: { seq: 2n } }), 'FRAME_MALFORMED'],
  [
    'a second Welcome',
    () => create(ConnectResponseSchema, { header: { seq: 2n }, frame: { case: 'welcome', value: {} } }),
    'FRAME_MALFORMED',
  ],
])(
  'a frame %s ends the session with a clear line in the log, and the edge connects again',
  async (_name, make, reason) => {
    const edge = await start();
    const peer = await control.welcome();
    peer.sendRaw(make());
    await control.welcome();
    expect(edge.lines.some((line) => line.includes(reason))).toBe(true);
  },
);

test('a peer that stops answering is noticed within two heartbeats', async () => {
  await start();
  const peer = await control.welcome({ heartbeat: { nanos: 200_000_000 } });
  peer.pongs = false;
  await peer.next('ping');
  const second = await control.welcome({ heartbeat: { nanos: 200_000_000 } });
  await until(() => peer.ended, 'the end of the silent stream');
  // A peer that answers keeps its session.
  for (let i = 0; i < 5; i++) await second.next('ping');
  expect(second.ended).toBe(false);
});

test('a listener that accepts and never answers does not hold the edge', async () => {
  const sockets: Socket[] = [];
  const mute = createServer((socket) => sockets.push(socket));
  const edge = await start({ connect: false, options: { helloTimeoutMs: 100 } });
  const port = Number(new URL(control.url).port);
  await control.close();
  await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve));
  edge.session.start();
  await until(() => sockets.length >= 2, 'a second try');
  expect(edge.session.status.problem?.reason).toBe('SESSION_SILENT');
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => mute.close(resolve));
});

/** A runner that hands out the sinks of its calls. */
function openRunner(): CallRunner & {
  sinks: ToolSink[];
  sessions: SessionFacts[];
  finish: (() => void)[];
} {
  const runner = {
    ...idleRunner,
    sinks: [] as ToolSink[],
    sessions: [] as SessionFacts[],
    finish: [] as (() => void)[],
    handle(_call: SignedToolCall, session: SessionFacts, sink: ToolSink): Promise<void> {
      runner.sinks.push(sink);
      runner.sessions.push(session);
      return new Promise((resolve) => runner.finish.push(resolve));
    },
  };
  return runner;
}

const CALL = { signed: new Uint8Array([1]), signature: new Uint8Array(64), keyId: 'k1' };

test('drain: the edge comes back at once; a call that runs goes on, and its answer comes with the next session', async () => {
  const runner = openRunner();
  const edge = await start({ runner, options: { backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
  const peer = await control.welcome();
  peer.send({ case: 'toolCall', value: CALL });
  await until(() => runner.sinks.length === 1, 'the call');
  expect(runner.sessions[0]).toMatchObject({ tenant: 'default', device: 'device-1' });
  peer.send({ case: 'drain', value: { timeout: { seconds: 2n } } });
  await peer.next('goodbye');
  const { run } = await edge.ask('not on that one');
  const next = await control.welcome();
  expect((await next.next('ask')).run).toBe(run);
  next.send({ case: 'toolCall', value: CALL });
  await until(() => runner.sinks.length === 2, 'the call again');
  await runner.sinks[0]!.result(create(ToolResultSchema, { job: 'j', epoch: 1n, idempotencyKey: 'old' }));
  await runner.sinks[1]!.result(create(ToolResultSchema, { job: 'j', epoch: 1n, idempotencyKey: 'k' }));
  expect((await next.next('toolResult')).idempotencyKey).toBe('k');
  for (const finish of runner.finish) finish();
});

test('only what the gate made leaves as a payload, and a result that is too large says so instead of killing the stream', async () => {
  const runner = openRunner();
  await start({ runner });
  const peer = await control.welcome({ limits: { maxFrameBytes: 64 << 10 } });
  peer.send({ case: 'toolCall', value: CALL });
  await until(() => runner.sinks.length === 1, 'the call');
  const sink = runner.sinks[0]!;
  await sink.progress(
    create(ToolProgressSchema, { job: 'j', epoch: 1n, response: new TextEncoder().encode('smuggled') }),
  );
  const responses = [new Uint8Array(100 << 10)];
  await sink.result(
    create(ToolResultSchema, {
      job: 'j',
      epoch: 1n,
      idempotencyKey: 'k',
      answer: { case: 'done', value: { responses } },
    }),
  );
  expect((await peer.next('toolProgress')).response).toHaveLength(0);
  const { answer: given } = await peer.next('toolResult');
  expect(given).toMatchObject({ case: 'done', value: { responses: [], failure: { reason: 'LIMIT_EXCEEDED' } } });
  runner.finish[0]!();
});

test('after a cut, a running tool call does not hang on its dead stream', async () => {
  const runner = openRunner();
  await start({ runner });
  const peer = await control.welcome();
  peer.send({ case: 'toolCall', value: CALL });
  await until(() => runner.sinks.length === 1, 'the call');
  peer.cut();
  await control.welcome();
  const sink = runner.sinks[0]!;
  for (let i = 0; i < 100; i++)
    await sink.progress(create(ToolProgressSchema, { job: 'j', epoch: 1n, index: BigInt(i) }));
  await sink.result(create(ToolResultSchema, { job: 'j', epoch: 1n, idempotencyKey: 'k' }));
  runner.finish[0]!();
});

test('the anchor of the control plane is proved in the next Hello, also after a start', async () => {
  const edge = await start();
  const peer = await control.peer();
  const { journal } = await peer.next('hello');
  expect(journal?.anchoredSequence).toBe(0n);
  await edge.ask('q');
  const { sequence, hash } = edge.journal.head;
  const anchor = { journalId: edge.journal.id, sequence: BigInt(sequence), headSha256: hash };
  peer.send({ case: 'welcome', value: control.welcomeInit({ anchor }) });
  await peer.next('ask');
  await stop(edge);
  await start();
  const next = await control.peer();
  const position = (await next.next('hello')).journal;
  expect(position).toMatchObject({ journalId: edge.journal.id, anchoredSequence: BigInt(sequence) });
  expect(Buffer.from(position!.anchoredSha256).equals(hash)).toBe(true);
});

test('a control plane whose database is away for a moment is asked again with the same keys; one that is not there is told at once', async () => {
  let refusals = 2;
  control.onJoin = (request) => {
    if (refusals-- === 0) return;
    control.joins.push(request);
    throw toConnectError(new AppError('STORE_UNAVAILABLE', { problem: 'a test' }));
  };
  await start({ connect: false });
  expect(control.joins).toHaveLength(3);
  expect(new Set(control.joins.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))).size).toBe(1);
  const { url } = control;
  await control.close();
  const there = tempHome();
  try {
    await expect(startEdge(there.home, control, { connect: false })).rejects.toMatchObject({
      reason: 'CONTROL_UNREACHABLE',
      metadata: { control: url },
    });
  } finally {
    there.dispose();
  }
});

test('joining again with the same home keeps the device; a cut before the answer keeps the keys', async () => {
  control.onJoin = () => {
    throw new Error('the answer is lost');
  };
  await expect(startEdge(place.home, control)).rejects.toMatchObject({ name: 'AppError' });
  const lost = control.joins.length;
  control.onJoin = () => {};
  const edge = await start({ connect: false });
  expect(control.joins.length).toBe(lost + 1);
  await stop(edge);
  const again = await start({ connect: false });
  expect(control.joins.length).toBe(lost + 1);
  expect(again.identity.keys).toEqual(edge.identity.keys);
});
