// The edge's session against a scripted control plane: what survives a cut, a restart, a wrong key, a silent peer.
import { createServer, type Socket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  ConnectResponseSchema,
  Durability,
  type SignedToolCall,
  ToolProgressSchema,
  ToolResultSchema,
} from '../../gen/bowline/edge/v1/edge_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import type { SessionView, ToolSink } from '../../src/edge/runner/tool-sink.ts';
import type { CallRunner } from '../../src/edge/session/ports.ts';
import { follow, idleRunner, startEdge, type TestEdge, tempHome, until } from './support/edge-parts.ts';
import { type Peer, ScriptedControl } from './support/scripted-control.ts';

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

const accept = (peer: Peer, run: string, sequence: bigint) =>
  peer.send({ case: 'eventOutcome', value: { run, sequence, settledEvent: sequence } });
const text = (peer: Peer, run: string, offset: number, piece: string, epoch = 1n) =>
  peer.send({
    case: 'runText',
    value: { run, chunk: { job: `${run}/0/0`, epoch, offset: BigInt(offset), text: piece } },
  });
const answer = (peer: Peer, run: string, words: string) =>
  peer.send({ case: 'runEnded', value: { run, outcome: { state: RunState.ANSWERED, answer: words } } });

test('a cut in mid-answer: the next session says how far the text came, and goes on from there', async () => {
  const edge = await start();
  const first = await control.welcome();
  const { run } = await edge.ask('q');
  const { sequence } = await first.next('userEvent');
  const watch = follow(edge, run);
  accept(first, run, sequence);
  text(first, run, 0, 'Grüße ');
  await until(() => watch.text() === 'Grüße ', 'the first piece');
  first.cut();
  const second = await control.peer();
  const hello = await second.next('hello');
  expect(hello.follows).toMatchObject([{ run, job: `${run}/0/0`, epoch: 1n, offset: 8n }]);
  second.send({ case: 'welcome', value: control.welcomeInit() });
  text(second, run, 8, 'aus der Ferne');
  answer(second, run, 'Grüße aus der Ferne');
  await watch.done;
  expect(watch.text()).toBe('Grüße aus der Ferne');
});

test('a missing piece is asked for again by its position; a higher epoch begins anew', async () => {
  const edge = await start();
  const peer = await control.welcome();
  const { run } = await edge.ask('q');
  accept(peer, run, (await peer.next('userEvent')).sequence);
  const watch = follow(edge, run);
  text(peer, run, 0, 'ab');
  text(peer, run, 3, 'd');
  expect(await peer.next('followRun')).toMatchObject({ job: `${run}/0/0`, epoch: 1n, offset: 2n });
  text(peer, run, 2, 'cd');
  await until(() => watch.text() === 'abcd', 'the missing piece');
  text(peer, run, 0, 'new', 2n);
  await until(() => watch.text() === 'new', 'the new attempt');
  answer(peer, run, 'new');
  await watch.done;
});

test('under PROCESS durability acknowledged events are presented until the answer is journaled; under POWER they are not', async () => {
  const edge = await start();
  const first = await control.welcome({ durability: Durability.PROCESS });
  const a = await edge.ask('one');
  const eventA = await first.next('userEvent');
  accept(first, a.run, eventA.sequence);
  const b = await edge.ask('two');
  const eventB = await first.next('userEvent');
  await until(() => edge.open.get(a.run)?.accepted === true, 'the outcome');
  first.cut();

  const second = await control.peer();
  expect((await second.next('hello')).firstOpenEvent).toBe(eventA.sequence);
  second.send({ case: 'welcome', value: control.welcomeInit({ durability: Durability.POWER }) });
  expect((await second.next('userEvent')).sequence).toBe(eventB.sequence);
  accept(second, b.run, eventB.sequence);
  await until(() => edge.open.get(b.run)?.accepted === true, 'the outcome');
  second.cut();

  const third = await control.peer();
  expect((await third.next('hello')).firstOpenEvent).toBe(0n);
  third.send({ case: 'welcome', value: control.welcomeInit({ durability: Durability.PROCESS }) });
  expect((await third.next('userEvent')).text).toBe('one');
  expect((await third.next('userEvent')).text).toBe('two');
  answer(third, a.run, 'x');
  await until(() => edge.open.get(a.run) === undefined, 'the answer in the journal');
  third.cut();
  const fourth = await control.peer();
  expect((await fourth.next('hello')).follows.map(({ run }) => run)).toEqual([b.run]);
});

test('everything is rebuilt from the journal after a start: same sequence, same journal, cancel included', async () => {
  const before = await start({ connect: false });
  const a = await before.ask('first', { requestId: 'r1' });
  const b = await before.ask('second');
  await stop(before);
  const edge = await start({ connect: false });
  expect(await edge.ask('first', { requestId: 'r1' })).toEqual(a);
  await edge.asks.cancel(b.run);
  edge.session.start();
  const peer = await control.welcome();
  const [first, second] = [await peer.next('userEvent'), await peer.next('userEvent')];
  expect([first.text, second.text]).toEqual(['first', 'second']);
  expect(first.journalId).toBe(edge.journal.id);
  expect(second.sequence).toBeGreaterThan(first.sequence);
  const cancel = await peer.next('cancelRun');
  expect(cancel.run).toBe(b.run);
  // What may have left before is in the ledger again before it leaves again.
  expect(edge.entries.filter(({ record }) => record.case === 'ledger')).not.toHaveLength(0);
  answer(peer, a.run, 'done');
  peer.send({ case: 'runEnded', value: { run: b.run, outcome: { state: RunState.CANCELLED } } });
  await until(() => edge.open.size === 0, 'both ends');
  await stop(edge);
  const last = await start({ connect: false });
  expect(last.open.size).toBe(0);
  const watch = follow(last, a.run);
  await watch.done;
  expect(watch.outcome()).toMatchObject({ conversation: a.conversation, outcome: { answer: 'done' } });
});

test('a cancel is journaled once and sent in every session until the run ends', async () => {
  const edge = await start();
  const first = await control.welcome();
  const { run } = await edge.ask('q');
  accept(first, run, (await first.next('userEvent')).sequence);
  await edge.asks.cancel(run);
  await edge.asks.cancel(run);
  const cancel = await first.next('cancelRun');
  first.cut();
  const second = await control.welcome();
  expect(await second.next('cancelRun')).toMatchObject({ run, sequence: cancel.sequence });
  expect(edge.entries.filter(({ record }) => record.case === 'cancel')).toHaveLength(1);
  await expect(edge.asks.cancel('unknown')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
});

test('an ask that was never sent can be cancelled without a control plane', async () => {
  const edge = await start({ connect: false });
  const { run } = await edge.ask('q');
  const watch = follow(edge, run);
  await edge.asks.cancel(run);
  await watch.done;
  expect(watch.outcome()?.outcome?.state).toBe(RunState.CANCELLED);
  edge.session.start();
  const peer = await control.peer();
  expect(await peer.next('hello')).toMatchObject({ firstOpenEvent: 0n, follows: [] });
});

test('a refused ask ends with its reason and does not block the next', async () => {
  const edge = await start();
  const peer = await control.welcome();
  const { run } = await edge.ask('too dear');
  const { sequence } = await peer.next('userEvent');
  const watch = follow(edge, run);
  const refused = { reason: 'BUDGET_EXCEEDED', code: 8, message: 'no money left' };
  peer.send({ case: 'eventOutcome', value: { run, sequence, refused, settledEvent: sequence } });
  await watch.done;
  expect(watch.outcome()?.outcome).toMatchObject({ state: RunState.REFUSED, failure: { reason: 'BUDGET_EXCEEDED' } });
  expect(edge.ended).toEqual([run]);
  await edge.ask('next');
  expect((await peer.next('userEvent')).text).toBe('next');
});

test('without a control plane an ask waits visibly, and ends by its timeout', async () => {
  const edge = await start({ connect: false });
  const { run } = await edge.ask('q', { timeout: { seconds: 0n, nanos: 150_000_000 } });
  const watch = follow(edge, run);
  await watch.done;
  expect(watch.events[0]?.event).toMatchObject({ case: 'waiting', value: { sent: false } });
  expect(watch.outcome()?.outcome?.state).toBe(RunState.TIMED_OUT);
});

test('one request id is one ask, also at the same time; another text under it is refused', async () => {
  const edge = await start({ connect: false });
  const [a, b] = await Promise.all([edge.ask('q', { requestId: 'x' }), edge.ask('q', { requestId: 'x' })]);
  expect(a).toEqual(b);
  expect(edge.open.size).toBe(1);
  await expect(edge.ask('other', { requestId: 'x' })).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
});

test('a full queue refuses the next ask before anything is journaled', async () => {
  const edge = await start({ connect: false, limits: { openAsks: 2 } });
  await edge.ask('1');
  const results = await Promise.allSettled([edge.ask('2'), edge.ask('3')]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(edge.entries.filter(({ record }) => record.case === 'ask')).toHaveLength(2);
});

test('superseded is terminal and says so', async () => {
  const edge = await start();
  const peer = await control.welcome();
  peer.send({ case: 'superseded', value: { sessionEpoch: 9n, reason: 'SUPERSEDED' } });
  await until(() => edge.session.status.connection === 'superseded', 'the status');
  expect(edge.session.status.problem?.reason).toBe('SUPERSEDED');
  await until(() => peer.ended, 'the end of the stream');
  const { run } = await edge.ask('q');
  const watch = follow(edge, run);
  await until(() => watch.events.length > 0, 'waiting');
  expect(watch.events[0]?.event).toMatchObject({ case: 'waiting', value: { sent: false } });
  watch.stop();
  await edge.session.stop();
  expect(edge.session.status.connection).toBe('superseded');
  expect(control.peers).toHaveLength(1);
});

test('a quarantined device is told so in place of a Welcome', async () => {
  const edge = await start();
  const peer = await control.peer();
  await peer.next('hello');
  peer.send({ case: 'superseded', value: { sessionEpoch: 2n, reason: 'QUARANTINED' } });
  await until(() => edge.session.status.connection === 'quarantined', 'the status');
  expect(edge.session.status.problem?.reason).toBe('QUARANTINED');
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
  expect((await peer.next('userEvent')).text).toBe('still here');
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
  sessions: SessionView[];
  finish: (() => void)[];
} {
  const runner = {
    ...idleRunner,
    sinks: [] as ToolSink[],
    sessions: [] as SessionView[],
    finish: [] as (() => void)[],
    handle(_call: SignedToolCall, session: SessionView, sink: ToolSink): Promise<void> {
      runner.sinks.push(sink);
      runner.sessions.push(session);
      return new Promise((resolve) => runner.finish.push(resolve));
    },
  };
  return runner;
}

const CALL = { signed: new Uint8Array([1]), signature: new Uint8Array(64), keyId: 'k1' };

test('drain: running tool calls end first, then the edge says goodbye and comes back', async () => {
  const runner = openRunner();
  const edge = await start({ runner });
  const peer = await control.welcome();
  peer.send({ case: 'toolCall', value: CALL });
  await until(() => runner.sinks.length === 1, 'the call');
  expect(runner.sessions[0]).toMatchObject({ tenant: 'default', device: 'device-1' });
  peer.send({ case: 'drain', value: { deadline: { seconds: 20n } } });
  peer.send({ case: 'ping', value: { nonce: 5n } });
  await peer.next('pong');
  const { run } = await edge.ask('not on this one');
  await runner.sinks[0]!.result(create(ToolResultSchema, { job: 'j', epoch: 1n, idempotencyKey: 'k' }));
  runner.finish[0]!();
  expect((await peer.next('goodbye')).returns).toBe(true);
  expect(peer.frames.map(({ frame }) => frame.case)).not.toContain('userEvent');
  expect(peer.frames.findIndex(({ frame }) => frame.case === 'toolResult')).toBeGreaterThan(0);
  const next = await control.welcome();
  expect((await next.next('userEvent')).run).toBe(run);
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
  const anchor = { journalId: edge.journal.id, sequence: BigInt(sequence), headHash: hash };
  peer.send({ case: 'welcome', value: control.welcomeInit({ anchor }) });
  await peer.next('userEvent');
  await stop(edge);
  await start();
  const next = await control.peer();
  const position = (await next.next('hello')).journal;
  expect(position).toMatchObject({ journalId: edge.journal.id, anchoredSequence: BigInt(sequence) });
  expect(Buffer.from(position!.anchoredHash).equals(hash)).toBe(true);
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
