import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Durability } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { GrantedFileSchema } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { AskRequestSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { follow, startEdge, type TestEdge, tempHome, until } from './support/edge-parts.ts';
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
  peer.send({ case: 'askVerdict', value: { run, sequence } });
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
  const { sequence } = await first.next('ask');
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
  accept(peer, run, (await peer.next('ask')).sequence);
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
  const eventA = await first.next('ask');
  accept(first, a.run, eventA.sequence);
  const b = await edge.ask('two');
  const eventB = await first.next('ask');
  await until(() => edge.open.get(a.run)?.accepted === true, 'the outcome');
  first.cut();

  const second = await control.peer();
  await second.next('hello');
  second.send({ case: 'welcome', value: control.welcomeInit({ durability: Durability.POWER }) });
  expect((await second.next('ask')).sequence).toBe(eventB.sequence);
  accept(second, b.run, eventB.sequence);
  await until(() => edge.open.get(b.run)?.accepted === true, 'the outcome');
  second.cut();

  const third = await control.peer();
  await third.next('hello');
  third.send({ case: 'welcome', value: control.welcomeInit({ durability: Durability.PROCESS }) });
  expect((await third.next('ask')).text).toBe('one');
  expect((await third.next('ask')).text).toBe('two');
  answer(third, a.run, 'x');
  await until(() => edge.open.get(a.run) === undefined, 'the answer in the journal');
  third.cut();
  const fourth = await control.peer();
  expect((await fourth.next('hello')).follows.map(({ run }) => run)).toEqual([b.run]);
});

test('an ask that the control plane had acknowledged and has lost is presented again, under POWER too', async () => {
  const edge = await start();
  const first = await control.welcome({ durability: Durability.POWER });
  const { run } = await edge.ask('one');
  const { sequence } = await first.next('ask');
  accept(first, run, sequence);
  await until(() => edge.open.get(run)?.accepted === true, 'the outcome');
  first.cut();

  const second = await control.welcome({ durability: Durability.POWER });
  second.send({ case: 'runUnknown', value: { run } });
  expect(await second.next('ask')).toMatchObject({ run, sequence, text: 'one' });
  accept(second, run, sequence);
  answer(second, run, 'x');
  await until(() => edge.open.get(run) === undefined, 'the answer in the journal');
  // Nothing is open there any more: the same word changes nothing.
  second.send({ case: 'runUnknown', value: { run } });
  const other = await edge.ask('two');
  expect((await second.next('ask')).run).toBe(other.run);
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
  const [first, second] = [await peer.next('ask'), await peer.next('ask')];
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

test('the epoch of the last session and its proof are shown again, also by the next process', async () => {
  const resumeToken = new Uint8Array(64).fill(7);
  const edge = await start();
  const first = await control.peer();
  expect(await first.next('hello')).toMatchObject({ lastSessionEpoch: 0n, resumeToken: new Uint8Array() });
  first.send({ case: 'welcome', value: control.welcomeInit({ sessionEpoch: 41n, resumeToken }) });
  await until(() => edge.session.status.connection === 'connected', 'the session');
  first.cut();
  const second = await control.peer();
  expect(await second.next('hello')).toMatchObject({ lastSessionEpoch: 41n, resumeToken });
  await stop(edge);
  await start();
  const third = await control.peer();
  expect(await third.next('hello')).toMatchObject({ lastSessionEpoch: 41n, resumeToken });
});

test('a cancel is journaled once and sent in every session until the run ends', async () => {
  const edge = await start();
  const first = await control.welcome();
  const { run } = await edge.ask('q');
  accept(first, run, (await first.next('ask')).sequence);
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
  expect(await peer.next('hello')).toMatchObject({ follows: [] });
});

test('a refused ask ends with its reason and does not block the next', async () => {
  const edge = await start();
  const peer = await control.welcome();
  const { run } = await edge.ask('too dear');
  const { sequence } = await peer.next('ask');
  const watch = follow(edge, run);
  const refused = { reason: 'BUDGET_EXCEEDED', code: 8, message: 'no money left' };
  peer.send({ case: 'askVerdict', value: { run, sequence, refused } });
  await watch.done;
  expect(watch.outcome()?.outcome).toMatchObject({ state: RunState.REFUSED, failure: { reason: 'BUDGET_EXCEEDED' } });
  expect(edge.ended).toEqual([run]);
  await edge.ask('next');
  expect((await peer.next('ask')).text).toBe('next');
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

test('of several files that are shared a bad one is told and left out; where none is left nothing is asked', async () => {
  const bad = new AppError('FILE_TOO_LARGE', { limit: 4_194_304, setting: 'limits.file_bytes' });
  const good = create(GrantedFileSchema, { path: 'docs/a.md', realPath: '/docs/a.md', bytes: 3n });
  const files = [good];
  const edge = await start({
    connect: false,
    resolve: async (_shares, left) => {
      for (const path of ['docs/b.md', 'docs/b.md']) left(path, bad);
      return files;
    },
  });
  const request = create(AskRequestSchema, { text: 'q', shares: [{ pattern: 'docs' }] });
  const { shared, commit } = await edge.asks.prepare(request);
  expect(shared?.paths).toEqual(['docs/a.md']);
  expect(shared?.leftOut).toMatchObject([{ path: 'docs/b.md', reason: 'FILE_TOO_LARGE', problem: bad.message }]);
  await commit();
  files.length = 0;
  await expect(edge.asks.prepare(request)).rejects.toMatchObject({
    reason: 'SHARE_NO_MATCH',
    message: expect.stringContaining(`docs/b.md: ${bad.message}`),
  });
  expect(edge.open.size).toBe(1);
});

test('an ask whose caller goes before it is accepted is dropped, and one that is accepted meanwhile ends before it is sent', async () => {
  const late = new AbortController();
  const edge = await start({ connect: false, onEntry: ({ record }) => record.case === 'ask' && late.abort() });
  const request = create(AskRequestSchema, { text: 'q' });
  const early = new AbortController();
  const dropped = await edge.asks.prepare(request, early.signal);
  early.abort(new AppError('CANCELED'));
  await expect(dropped.commit()).rejects.toMatchObject({ reason: 'CANCELED' });
  expect(edge.entries.filter(({ record }) => record.case === 'ask')).toHaveLength(0);
  const prepared = await edge.asks.prepare(request, late.signal);
  const { run } = await prepared.commit();
  expect(edge.entries.map(({ record }) => record.case)).toEqual(expect.arrayContaining(['ask', 'runAnswered']));
  expect(edge.open.size).toBe(0);
  expect(edge.asks.isOpen(run)).toBe(false);
});

test('whoever comes back with the request of an ask whose caller went asks anew, once; what its owner cancelled stays so', async () => {
  const request = create(AskRequestSchema, { text: '灯塔在哪里？', requestId: 'x' });
  const gone = new AbortController();
  let back: Promise<{ run: string }[]> | undefined;
  const edge = await start({
    connect: false,
    onEntry({ record }) {
      if (record.case !== 'ask') return;
      gone.abort();
      // While the first is withdrawn, two come back.
      back ??= Promise.all([edge.ask(request.text, request), edge.ask(request.text, request)]);
    },
  });
  const withdrawn = await (await edge.asks.prepare(request, gone.signal)).commit();
  const [again, andAgain] = (await back) ?? [];
  expect(again?.run).not.toBe(withdrawn.run);
  expect(andAgain).toEqual(again);
  expect(edge.open.all().map(({ record }) => record.ask?.run)).toEqual([again?.run]);
  await edge.asks.cancel(again?.run ?? '');
  expect(await edge.ask(request.text, request)).toEqual(again);
  expect(edge.open.size).toBe(0);
});

test('an ask that is withdrawn leaves its request free for the next process as well, and one that its owner cancelled does not', async () => {
  const gone = new AbortController();
  const first = await start({ connect: false, onEntry: ({ record }) => record.case === 'ask' && gone.abort() });
  const request = create(AskRequestSchema, { text: 'q', requestId: 'x' });
  const withdrawn = await (await first.asks.prepare(request, gone.signal)).commit();
  const cancelled = await first.ask('p', { requestId: 'y' });
  await first.asks.cancel(cancelled.run);
  await stop(first);
  const next = await start({ connect: false });
  expect((await next.ask('q', request)).run).not.toBe(withdrawn.run);
  expect(await next.ask('p', { requestId: 'y' })).toEqual(cancelled);
  expect(next.open.size).toBe(1);
});

test('a full queue refuses the next ask before anything is journaled', async () => {
  const edge = await start({ connect: false, limits: { openAsks: 2 } });
  await edge.ask('1');
  const results = await Promise.allSettled([edge.ask('2'), edge.ask('3')]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(edge.entries.filter(({ record }) => record.case === 'ask')).toHaveLength(2);
});

test('a journal that ran ahead is set back by a time that was signed for this session, and by no other', async () => {
  const edge = await start({ connect: false });
  const ahead = Date.now() + 400 * 86_400_000;
  edge.journal.time.set(ahead);
  await edge.journal.append([{ case: 'started', value: { bootId: 'b', build: 'x' } }]);
  edge.session.start();
  const first = await control.peer();
  const { bootId } = await first.next('hello');
  const { device } = edge.identity;
  const init = control.welcomeInit();
  const told = (sessionNonce: Uint8Array, boot = bootId) => control.signTime({ device, bootId: boot, sessionNonce });
  first.send({
    case: 'welcome',
    value: { ...init, signedTime: told(init.sessionNonce as Uint8Array, 'another boot') },
  });
  await until(() => edge.session.status.connection === 'connected', 'the session');
  expect(edge.journal.now()).toBeGreaterThanOrEqual(ahead);
  first.send({ case: 'signedTime', value: told(new Uint8Array(16)) });
  first.send({
    case: 'signedTime',
    value: { ...told(init.sessionNonce as Uint8Array), signature: new Uint8Array(64) },
  });
  expect(edge.journal.now()).toBeGreaterThanOrEqual(ahead);
  first.send({ case: 'signedTime', value: told(init.sessionNonce as Uint8Array) });
  await until(() => edge.journal.now() < ahead, 'the right time');
  await until(() => edge.entries.some(({ record }) => record.case === 'clockSet'), 'its record');
  await stop(edge);
  const again = await start({ connect: false });
  expect(again.journal.now()).toBeLessThan(ahead);
});

test('the model is the one that was told last in the session; none, or one that breaks its contract, is none', async () => {
  const edge = await start();
  const peer = await control.welcome({ model: {} });
  await until(() => edge.session.status.connection === 'connected', 'the session');
  expect(edge.session.status.model).toBeUndefined();
  const told = async (model: { provider?: string; local?: boolean }, known: string | undefined) => {
    peer.send({ case: 'model', value: model });
    await until(() => edge.session.status.model?.provider === known, `the model ${known}`);
  };
  await told({ provider: 'openai', local: true }, 'openai');
  await told({ provider: 'house' }, 'house');
  await told({ provider: 'p'.repeat(65) }, undefined);
  await told({ provider: 'openai' }, 'openai');
  await told({}, undefined);
  expect(edge.session.status.connection).toBe('connected');
  expect(control.peers).toHaveLength(1);
});

test('an edit that changes nothing that is told begins no session; one that does is no outage, also where its first session only shows', async () => {
  let build = 'old';
  const edge = await start({ build: () => build });
  await control.welcome();
  edge.session.renew();
  build = 'other';
  edge.session.renew();
  const second = await control.peer();
  expect((await second.next('hello')).manifest?.build).toBe('other');
  expect(edge.session.status).toMatchObject({ connection: 'connected', problem: undefined });
  second.send({ case: 'welcome', value: control.welcomeInit() });
  second.out.close();
  const third = await control.peer();
  await third.next('hello');
  expect(edge.session.status).toMatchObject({ connection: 'connected', problem: undefined });
  expect(control.peers).toHaveLength(3);
  third.out.close();
  await until(() => edge.session.status.problem?.reason === 'CLOSED', 'the next that ends so is lost');
});
