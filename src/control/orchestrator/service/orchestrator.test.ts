import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ShareGrantSchema } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { FaultyEventStore } from '../../../../test/support/faults/faulty-event-store.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { MemoryEventStore } from '../../../../test/support/memory-event-store.ts';
import { deviceTools, failed, methods, read, said } from '../../../../test/support/run-scenario.ts';
import { AppError } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { EventStore } from '../../store/unit.ts';
import type { AskCommand, CallCommand } from '../decide/asks.ts';
import { Orchestrator, type OrchestratorParts } from './orchestrator.ts';
import type { Committed } from './run-commits.ts';

const TENANT = 't1';

function setUp(more: Partial<OrchestratorParts> = {}, wrap: (store: EventStore) => EventStore = (store) => store) {
  const clock = new ManualClock();
  const store = new MemoryEventStore(clock);
  const commits: Committed[] = [];
  const replica = () => {
    const tools = async () => deviceTools('fs_read', 'fs_write');
    const service = new Orchestrator({ store: wrap(store), clock, log: silentLogger, methods, tools, ...more });
    service.onCommitted((each) => commits.push(each));
    return service;
  };
  return { clock, store, service: replica(), commits, replica };
}

const ask = (more: Partial<AskCommand> = {}): AskCommand => ({
  run: newId(),
  conversation: newId(),
  device: 'd1',
  deviceName: 'kitchen-pi',
  principal: 'device:d1',
  text: 'What does notes.md say?',
  shares: [],
  source: 'device:d1:j1',
  commandId: newId(),
  ...more,
});

const call = (more: Partial<CallCommand> = {}): CallCommand => ({
  run: newId(),
  device: 'd1',
  deviceName: 'kitchen-pi',
  principal: 'owner:k1',
  method: methods.resolve('fs_read').fullName,
  params: new Uint8Array([10, 1, 97]),
  selector: {},
  target: 'device',
  idempotencyKey: '',
  source: 'api',
  commandId: newId(),
  ...more,
});

const finish = (service: Orchestrator, run: string, job: string, result = said({ text: 'An answer.' }), epoch = 1) =>
  service.command(
    TENANT,
    run,
    { type: 'result', job: `${run}/${job}`, epoch, result },
    { source: 'worker', commandId: `${run}/${job}-${epoch}` },
  );

test('a one-job run is two commits and no look into the store', async () => {
  const { store, service, commits } = setUp();
  const it = ask();
  expect(await service.ask(TENANT, it)).toEqual({ accepted: true });
  expect(commits.map((each) => each.outboxAdded.length)).toEqual([1]);
  expect([...store.outbox.keys()]).toEqual([`${it.run}/0/0-1`]);
  expect(await finish(service, it.run, '0/0', said({ text: 'Hello.' }))).toBe('applied');
  expect(store.units).toHaveLength(2);
  expect(store.loads).toBe(0);
  expect(store.outbox.size + store.timers.size).toBe(0);
  expect(store.runs.get(it.run)).toMatchObject({ state: 'answered', answer: 'Hello.' });
  expect(store.conversations.get(it.conversation)).toMatchObject({ activeRun: null, waiting: [], turns: 1 });
});

test('a run of model, tool, model is four commits', async () => {
  const { store, service } = setUp();
  const it = ask();
  await service.ask(TENANT, it);
  await finish(service, it.run, '0/0', said({ calls: [{ name: 'fs_read', args: { path: 'notes.md' } }] }));
  expect(store.outbox.get(`${it.run}/0/1-1`)).toMatchObject({ target: 'device', device: 'd1' });
  await finish(service, it.run, '0/1', read('notes.md', 'The launch is on Friday.'));
  await finish(service, it.run, '1/0', said({ text: 'On Friday.' }));
  expect(store.units).toHaveLength(4);
  expect(store.loads).toBe(0);
  expect(store.runs.get(it.run)).toMatchObject({ state: 'answered', answer: 'On Friday.' });
  expect([...store.jobs.values()].map((job) => job.state)).toEqual(['done', 'done', 'done']);
  expect(store.outbox.size + store.timers.size).toBe(0);
});

test('the end of a run starts the next one of its conversation in the same commit, with the turn before as history', async () => {
  const { store, service, commits } = setUp();
  const first = ask();
  const second = ask({ conversation: first.conversation, text: 'And then?' });
  const third = ask({ conversation: first.conversation });
  for (const each of [first, second, third]) await service.ask(TENANT, each);
  expect(store.conversations.get(first.conversation)).toMatchObject({
    activeRun: first.run,
    waiting: [second.run, third.run],
  });
  expect([...store.outbox.keys()]).toEqual([`${first.run}/0/0-1`]);
  await finish(service, first.run, '0/0', said({ text: 'On Friday.' }));
  expect(store.units).toHaveLength(4);
  expect(commits.at(-1)).toMatchObject({ run: second.run, outboxAdded: [{ job: `${second.run}/0/0` }] });
  expect(store.conversations.get(first.conversation)).toMatchObject({ activeRun: second.run, waiting: [third.run] });
  const state = await service.state(TENANT, second.run);
  expect(state?.history).toMatchObject([{ text: first.text, answer: 'On Friday.' }]);
});

test('a waiting run that is cancelled leaves the line and never takes the turn', async () => {
  const { store, service } = setUp();
  const first = ask();
  const second = ask({ conversation: first.conversation });
  const third = ask({ conversation: first.conversation });
  for (const each of [first, second, third]) await service.ask(TENANT, each);
  const cancel = { type: 'cancel', principal: 'owner', requestId: 'x' } as const;
  await service.command(TENANT, second.run, cancel, { source: 'api', commandId: 'x' });
  expect(store.runs.get(second.run)).toMatchObject({ state: 'cancelled' });
  expect(store.conversations.get(first.conversation)).toMatchObject({ activeRun: first.run, waiting: [third.run] });
  await finish(service, first.run, '0/0');
  expect(store.conversations.get(first.conversation)).toMatchObject({ activeRun: third.run, waiting: [] });
});

test('an ask that comes again is accepted again and runs once', async () => {
  const { store, service, replica } = setUp();
  const it = ask();
  const answers = await Promise.all([service, replica(), service].map((each) => each.ask(TENANT, it)));
  expect(answers).toEqual([{ accepted: true }, { accepted: true }, { accepted: true }]);
  expect(await service.ask(TENANT, { ...it, commandId: 'after a journal was lost' })).toEqual({ accepted: true });
  expect(store.units).toHaveLength(1);
});

test('another ask with a run id that is taken is refused', async () => {
  const { service, replica } = setUp();
  const it = ask();
  await service.ask(TENANT, it);
  for (const each of [service, replica()]) {
    const answer = await each.ask(TENANT, ask({ run: it.run, text: 'Something else' }));
    expect(answer).toMatchObject({ refused: { reason: 'RUN_EXISTS' } });
  }
});

test('an ask beyond the bound of its conversation is refused, recorded, and refused again', async () => {
  const { store, service, replica } = setUp({ limits: { maxWaitingRuns: 1 } });
  const first = ask();
  await service.ask(TENANT, first);
  await service.ask(TENANT, ask({ conversation: first.conversation }));
  const third = ask({ conversation: first.conversation });
  for (const each of [service, service, replica()]) {
    expect(await each.ask(TENANT, third)).toMatchObject({ refused: { reason: 'LIMIT_EXCEEDED' } });
  }
  expect(store.runs.get(third.run)).toMatchObject({ state: 'refused', reason: 'LIMIT_EXCEEDED' });
  expect(store.timers.has(`${third.run}/deadline`)).toBe(false);
});

test('what can never be a run is refused without a trace', async () => {
  const { store, service } = setUp();
  for (const bad of [
    ask({ run: 'a/b' }),
    ask({ text: ' ' }),
    ask({ conversation: '' }),
    ask({ text: 'x'.repeat(70_000) }),
  ]) {
    expect(await service.ask(TENANT, bad)).toMatchObject({ refused: { reason: 'INVALID_ARGUMENT' } });
  }
  expect(store.units).toHaveLength(0);
});

test('two clients on two replicas cannot start two runs of one conversation', async () => {
  const { store, service, replica } = setUp({ limits: { summaryTurns: 0 } });
  const other = replica();
  const conversation = newId();
  const asks = Array.from({ length: 12 }, () => ask({ conversation }));
  await Promise.all(asks.map((each, i) => (i % 2 ? service : other).ask(TENANT, each)));
  const running = asks.filter(({ run }) => store.runs.get(run)?.state === 'running');
  expect(running).toHaveLength(1);
  expect(store.conversations.get(conversation)?.waiting).toHaveLength(11);
  for (let i = 0; i < asks.length; i++) {
    const active = store.conversations.get(conversation)?.activeRun ?? '';
    await finish(i % 3 ? other : service, active, '0/0');
  }
  expect(asks.every(({ run }) => store.runs.get(run)?.state === 'answered')).toBe(true);
  expect(store.outbox.size + store.timers.size).toBe(0);
});

test('a replica whose memory is behind looks into the store before it ignores a result', async () => {
  const { service, replica } = setUp();
  const it = ask();
  await service.ask(TENANT, it);
  const other = replica();
  await other.state(TENANT, it.run);
  const job = `${it.run}/0/0`;
  const lost = { type: 'attemptLost', job, epoch: 1, why: 'gone' } as const;
  await service.command(TENANT, it.run, lost, { source: 'dispatch', commandId: 'lost' });
  expect(await other.state(TENANT, it.run, { job, epoch: 2 })).toMatchObject({ version: 4 });
  expect(await finish(other, it.run, '0/0', said({ text: 'Second.' }), 2)).toBe('applied');
  expect(await finish(service, it.run, '0/0', said({ text: 'First.' }), 1)).toBe('applied');
  const state = await service.state(TENANT, it.run);
  expect(state?.outcome?.answer).toBe('Second.');
  expect(state?.jobs.get(job)?.settled).toEqual([2, 1]);
});

test('a commit that succeeds and reports a timeout changes nothing, and is told', async () => {
  const lossy = { seed: 7, commitThenTimeout: 1 };
  const { store, service, commits } = setUp({}, (inner) => new FaultyEventStore(inner, lossy));
  const it = ask();
  expect(await service.ask(TENANT, it)).toEqual({ accepted: true });
  expect(commits.flatMap((each) => each.outboxAdded.map((row) => row.dispatchId))).toEqual([`${it.run}/0/0-1`]);
  expect(await finish(service, it.run, '0/0', said({ text: 'Once.' }))).toBe('applied');
  expect(store.units).toHaveLength(2);
  expect(commits.at(-1)?.state.outcome?.answer).toBe('Once.');
});

test('of two replicas that start the same attempt at once only one is told that it may', async () => {
  for (const lossy of [0, 1]) {
    const { service, replica } = setUp(
      {},
      (inner) => new FaultyEventStore(inner, { seed: 3, commitThenTimeout: lossy }),
    );
    const it = call({ method: methods.resolve('fs_write').fullName, target: 'worker' });
    await service.call(TENANT, it);
    const start = { type: 'attemptStarted', job: `${it.run}/0/0`, epoch: 1, targetName: 'worker w1' } as const;
    const id = { source: 'dispatch', commandId: 'start' };
    const said = await Promise.all(
      [service, replica(), replica()].map((each) => each.command(TENANT, it.run, start, id)),
    );
    expect(said.filter((each) => each === 'applied')).toHaveLength(1);
  }
});

test('when the store stays away the command fails as retryable, and works when it is sent again', async () => {
  let away = true;
  const clock = {
    ...new ManualClock(),
    now: () => 1000,
    monotonic: () => 0,
    after: (_: number, run: () => void) => {
      setImmediate(run);
      return () => {};
    },
  };
  const { store, service } = setUp({ clock }, (inner) => ({
    commit: (unit) =>
      away ? Promise.reject(new AppError('STORE_UNAVAILABLE', { problem: 'away' })) : inner.commit(unit),
    outcome: (...id) => inner.outcome(...id),
    load: (...at) => inner.load(...at),
  }));
  const it = ask();
  await expect(service.ask(TENANT, it)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE', retryable: true });
  away = false;
  expect(await service.ask(TENANT, it)).toEqual({ accepted: true });
  expect(store.units).toHaveLength(1);
});

test('a call is a run of one job; the same command again gives the first run', async () => {
  const { store, service, replica } = setUp();
  const it = call();
  expect(await service.call(TENANT, it)).toEqual({ run: it.run });
  expect(await replica().call(TENANT, { ...it, run: newId() })).toEqual({ run: it.run });
  expect(store.outbox.get(`${it.run}/0/0-1`)).toMatchObject({ target: 'device', device: 'd1', state: 'ready' });
  await finish(service, it.run, '0/0', read('a', 'text'));
  expect(store.units).toHaveLength(2);
  expect(store.runs.get(it.run)).toMatchObject({ state: 'answered', kind: 'call', conversation: null });
});

test('a call that a policy refuses ends refused', async () => {
  const { store, service } = setUp();
  const it = call();
  await service.call(TENANT, it);
  await finish(service, it.run, '0/0', failed({ reason: 'PATH_NOT_ALLOWED', code: 7 }));
  expect(store.runs.get(it.run)).toMatchObject({ state: 'refused', reason: 'PATH_NOT_ALLOWED' });
});

test('a timer that no state knows is removed when it rings', async () => {
  const { store, service } = setUp();
  const it = ask();
  await service.ask(TENANT, it);
  store.timers.set('stray', { id: 'stray', stream: it.run, kind: 'retry', dueInMs: 0, tenant: TENANT, due: 0 });
  const timer = { type: 'timer', id: 'stray', kind: 'retry' } as const;
  expect(await service.command(TENANT, it.run, timer, { source: 'timer', commandId: 'stray' })).toBe('ignored');
  expect([...store.timers.keys()]).toEqual([`${it.run}/deadline`]);
});

test('the deadline ends a run with what it has and starts the next', async () => {
  const { clock, store, service } = setUp({ limits: { runTimeoutMs: 5000 } });
  const first = ask();
  const second = ask({ conversation: first.conversation, timeoutMs: 60_000 });
  await service.ask(TENANT, first);
  await service.ask(TENANT, second);
  await finish(
    service,
    first.run,
    '0/0',
    said({ text: 'Let me look.', calls: [{ name: 'fs_read', args: { path: 'a' } }] }),
  );
  clock.advance(5000);
  for (const { id, kind, stream } of store.due()) {
    await service.command(TENANT, stream, { type: 'timer', id, kind }, { source: 'timer', commandId: id });
  }
  expect(store.runs.get(first.run)).toMatchObject({ state: 'timed_out', answer: 'Let me look.' });
  expect(store.runs.get(second.run)).toMatchObject({ state: 'running' });
  expect([...store.outbox.keys()]).toEqual([`${second.run}/0/0-1`]);
});

test('what was shared binds its run and the later turns that are shown its answer', async () => {
  const { store, service } = setUp();
  const grant = (id: string, ...recipients: string[]) => create(ShareGrantSchema, { id, recipients });
  const first = ask({ shares: [grant('g1', 'rules', 'openai'), grant('g2', 'rules')] });
  const second = ask({ conversation: first.conversation });
  const third = ask({ conversation: first.conversation, shares: [grant('g3', 'openai')] });
  for (const each of [first, second, third]) await service.ask(TENANT, each);
  await finish(service, first.run, '0/0', said({ calls: [{ name: 'fs_read', args: { path: 'a' } }] }));
  expect(store.outbox.get(`${first.run}/0/1-1`)).toMatchObject({ recipients: ['rules'] });
  await finish(service, first.run, '0/1', read('a', 'secret'));
  await finish(service, first.run, '1/0', said({ text: 'The secret.' }));
  expect(store.outbox.get(`${second.run}/0/0-1`)).toMatchObject({ recipients: ['rules'] });
  await finish(service, second.run, '0/0');
  const state = await service.state(TENANT, third.run);
  expect(state?.history).toEqual([]);
  expect(store.outbox.get(`${third.run}/0/0-1`)).toMatchObject({ recipients: ['openai'] });
});

test('an error of who offers the tools leaves nothing behind', async () => {
  let broken = true;
  const tools = async () => {
    if (broken) throw new AppError('STORE_UNAVAILABLE', { problem: 'no manifest' });
    return deviceTools('fs_read');
  };
  const { store, service } = setUp({ tools });
  const it = ask();
  await expect(service.ask(TENANT, it)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(store.units).toHaveLength(0);
  broken = false;
  expect(await service.ask(TENANT, it)).toEqual({ accepted: true });
});

test('another tenant sees no run of this one', async () => {
  const { service } = setUp();
  const it = ask();
  await service.ask(TENANT, it);
  expect(await service.state('t2', it.run)).toBeUndefined();
  const cancel = { type: 'cancel', principal: 'owner', requestId: 'x' } as const;
  expect(await service.command('t2', it.run, cancel, { source: 'api', commandId: 'x' })).toBe('ignored');
});
