import { create, fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ReadRequestSchema } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { FinishReason } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { CallSpecSchema, type JobFinished, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { deviceTools, failed, failure, methods, read, responses, said } from '../../../../test/support/run-scenario.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';

const readCall = (path = 'notes.md') => ({ name: 'fs_read', args: { path } });
const writeCall = { name: 'fs_write', args: { path: 'a.md', text: 'x' } };
const places = (run: PlayedRun) => [...run.run.jobs.keys()].map((id) => id.slice(3));

test('independent tool calls run in parallel, and the model is asked again when the last of them has ended', () => {
  const run = new PlayedRun();
  expect(run.result('0/0', said({ calls: [readCall('a'), readCall('b')] }))).toEqual([
    'jobFinished',
    'jobQueued',
    'jobQueued',
  ]);
  expect(run.job('0/2')).toMatchObject({ target: 'device', device: 'd1', idempotencyKey: 'r1/0/2', phase: 'queued' });
  expect(fromBinary(ReadRequestSchema, run.job('0/2').params).path).toBe('b');
  expect(run.result('0/2', read('b', 'B'))).toEqual(['jobFinished']);
  expect(run.result('0/1', failed({ reason: 'PATH_NOT_ALLOWED', code: 7 }))).toEqual(['jobFinished', 'jobQueued']);
  expect(run.result('1/0', said({ text: 'B.' }))).toEqual(['jobFinished', 'ended']);
  expect(run.run).toMatchObject({ phase: 'answered', outcome: { answer: 'B.', model: { provider: 'rules' } } });
});

test('bad tool calls become messages for the model and never jobs', () => {
  const run = new PlayedRun();
  const calls = [
    { name: 'sudo', args: {} },
    { name: 'fs_read', args: '{' },
    { name: 'fs_read', args: { path: 'a', other: 1 } },
    { name: 'fs_read', args: {} },
    { name: 'fs_read', args: '[]' },
    readCall(),
  ];
  run.result('0/0', said({ calls }));
  expect(places(run)).toEqual(['0/0', '0/6']);
});

test('when every tool call is bad the model is asked again at once', () => {
  const run = new PlayedRun();
  expect(run.result('0/0', said({ calls: [{ name: 'sudo', args: {} }] }))).toEqual(['jobFinished', 'jobQueued']);
  expect(places(run)).toEqual(['0/0', '1/0']);
});

test('tool arguments may be written in snake_case', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [{ name: 'fs_read', args: { path: 'a', start_line: 3 } }] }));
  expect(fromBinary(ReadRequestSchema, run.job('0/1').params)).toMatchObject({ startLine: 3 });
});

test('no step has more tool calls than allowed', () => {
  const run = new PlayedRun({ limits: { maxParallel: 2 } });
  run.result('0/0', said({ calls: [readCall('a'), readCall('b'), readCall('c')] }));
  expect(places(run)).toEqual(['0/0', '0/1', '0/2']);
});

test('a model that never stops asking for tools answers at its last step with what it has', () => {
  const run = new PlayedRun({ limits: { maxSteps: 3 } });
  for (const step of [0, 1]) {
    run.result(`${step}/0`, said({ text: `Step ${step}.`, calls: [readCall()] }));
    run.result(`${step}/1`, read('notes.md', 'text'));
  }
  run.result('2/0', said({ text: '', calls: [readCall()] }));
  expect(run.run.phase).toBe('answered');
  expect(run.run.outcome).toMatchObject({
    answer: 'Step 1.',
    failure: { reason: 'LIMIT_EXCEEDED', metadata: { setting: 'BOWLINE_MAX_RUN_TURNS' } },
  });
});

test('the limit of jobs leaves room for the last answer', () => {
  const run = new PlayedRun({ limits: { maxJobs: 5, maxParallel: 8 } });
  run.result('0/0', said({ calls: [readCall('a'), readCall('b'), readCall('c'), readCall('d')] }));
  expect(places(run)).toEqual(['0/0', '0/1', '0/2', '0/3']);
  for (const index of [1, 2, 3]) run.result(`0/${index}`, read('x', 'x'));
  run.result('1/0', said({ text: 'Enough.', calls: [readCall()] }));
  expect(run.run.outcome).toMatchObject({ answer: 'Enough.', failure: { reason: 'LIMIT_EXCEEDED' } });
  expect(run.run.jobs.size).toBe(5);
});

test('a provider that is down is tried again after a wait, and at last the run fails with its reason', () => {
  const run = new PlayedRun({ limits: { maxAttempts: 3 } });
  const down = failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true });
  // 3, and 3 more because it is away; whatever else is wrong has 3.
  for (const epoch of [1, 2, 3, 4, 5]) {
    expect(run.result('0/0', down)).toEqual(['attemptFailed']);
    expect(run.job('0/0')).toMatchObject({ phase: 'retrying', epoch: epoch + 1 });
    expect(run.ring(`0/0/retry/${epoch + 1}`)).toEqual(['attemptDue']);
  }
  expect(run.result('0/0', down)).toEqual(['jobFinished', 'ended']);
  expect(run.run).toMatchObject({ phase: 'failed', outcome: { failure: { reason: 'PROVIDER_UNAVAILABLE' } } });
  expect(run.job('0/0').attempts).toBe(6);
});

test('what fails for another reason than being away has the attempts that are allowed, whatever failed before', () => {
  const run = new PlayedRun({ limits: { maxAttempts: 3 } });
  const down = failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true });
  for (const epoch of [2, 3]) {
    run.result('0/0', down);
    run.ring(`0/0/retry/${epoch}`);
  }
  expect(run.result('0/0', failed({ reason: 'INTERNAL', code: 13, retryable: true }))).toEqual([
    'jobFinished',
    'ended',
  ]);
});

test('a wait that is longer than the time left is not begun', () => {
  const run = new PlayedRun();
  run.at += 599_900;
  expect(run.result('0/0', failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true }))).toContain('ended');
});

test('a provider says how long to wait', () => {
  const run = new PlayedRun();
  const retryAfter = { seconds: 42n, nanos: 0 };
  run.result('0/0', failed({ reason: 'PROVIDER_RATE_LIMITED', code: 8, retryable: true, retryAfter }));
  expect(run.job('0/0').dueAt).toBe(run.at + 42_000);
});

test('a write that failed is never tried again by itself', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [writeCall] }));
  expect(run.result('0/1', failed({ reason: 'DISK_FULL', code: 8, retryable: true }))).toEqual([
    'jobFinished',
    'jobQueued',
  ]);
});

test('a lost worker costs a new epoch, and the late result of the old one is charged and not used', () => {
  const run = new PlayedRun();
  expect(run.apply({ type: 'attemptLost', job: 'r1/0/0', epoch: 1, why: 'gone' })).toEqual(['attemptLost']);
  expect(run.result('0/0', said({ text: 'Old.' }), 1)).toEqual(['lateResult']);
  expect(run.result('0/0', said({ text: 'Old.' }), 1)).toEqual([]);
  run.result('0/0', said({ text: 'New.' }));
  expect(run.run.outcome?.answer).toBe('New.');
});

test('a job that takes every worker down is given up', () => {
  const run = new PlayedRun({ limits: { maxAttempts: 1 } });
  for (const epoch of [1, 2, 3]) run.apply({ type: 'attemptLost', job: 'r1/0/0', epoch, why: 'gone' });
  expect(run.apply({ type: 'attemptLost', job: 'r1/0/0', epoch: 4, why: 'gone' })).toEqual(['jobFinished', 'ended']);
  expect(run.run.outcome?.failure?.reason).toBe('ATTEMPTS_LOST');
});

test('what workers give back because they leave goes on at once and counts as no failure, but not for ever', () => {
  const run = new PlayedRun({ limits: { maxAttempts: 1 } });
  const back = (epoch: number) =>
    run.apply({ type: 'attemptLost', job: 'r1/0/0', epoch, why: 'worker w1 gave it back', handedBack: 'begun' });
  for (let epoch = 1; epoch <= 64; epoch++) expect(back(epoch)).toEqual(['attemptLost']);
  expect(run.job('0/0')).toMatchObject({ phase: 'queued', failures: 0, losses: 0, handBacks: 64 });
  for (const epoch of [65, 66, 67]) expect(back(epoch)).toEqual(['attemptLost']);
  expect(back(68)).toEqual(['jobFinished', 'ended']);
});

test('an effect that its leaving worker had not begun goes on elsewhere; it is not given to one that may be taken away', () => {
  const call = create(CallSpecSchema, { method: methods.resolve('fs_write').fullName, target: TargetKind.WORKER });
  const run = new PlayedRun({ call });
  expect(run.job('0/0').selector).toEqual({ spot: 'false' });
  run.apply({ type: 'attemptStarted', job: 'r1/0/0', epoch: 1, targetName: 'worker w1' });
  const lost = { type: 'attemptLost', job: 'r1/0/0', epoch: 1, why: 'w1 gave it back', handedBack: 'unbegun' } as const;
  expect(run.apply(lost)).toEqual(['attemptLost']);
  const chosen = create(CallSpecSchema, { ...call, selector: { spot: 'true' } });
  expect(new PlayedRun({ call: chosen }).job('0/0').selector).toEqual({ spot: 'true' });
  const chat = create(CallSpecSchema, { method: methods.resolve('llm_chat').fullName, target: TargetKind.WORKER });
  expect(new PlayedRun({ call: chat }).job('0/0').selector).toEqual({});
});

test('a started effect on a lost worker is unknown; one that never started is given to another', () => {
  const call = () =>
    create(CallSpecSchema, { method: methods.resolve('fs_write').fullName, target: TargetKind.WORKER });
  const started = new PlayedRun({ call: call() });
  started.apply({ type: 'attemptStarted', job: 'r1/0/0', epoch: 1, targetName: 'worker w1' });
  expect(started.apply({ type: 'attemptLost', job: 'r1/0/0', epoch: 1, why: 'gone' })).toEqual([
    'jobFinished',
    'ended',
  ]);
  expect(started.run).toMatchObject({ phase: 'failed', outcome: { failure: { reason: 'OUTCOME_UNKNOWN' } } });
  const waiting = new PlayedRun({ call: call() });
  expect(waiting.apply({ type: 'attemptLost', job: 'r1/0/0', epoch: 1, why: 'gone' })).toEqual(['attemptLost']);
});

test('a cancelled write stays cancelling until the device tells; the run has ended meanwhile', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [writeCall, readCall()] }));
  const cancel = { type: 'cancel', principal: 'owner', requestId: 'x' } as const;
  expect(run.apply(cancel)).toEqual(['cancelRequested', 'jobCancelling', 'jobCancelled', 'ended']);
  expect(run.run.phase).toBe('cancelled');
  expect(run.result('0/1', responses())).toEqual(['jobFinished']);
  expect(run.job('0/1').phase).toBe('done');
  expect(run.apply(cancel)).toEqual([]);
});

test('a cancelled write of which nobody tells is unknown in the end', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [writeCall] }));
  run.apply({ type: 'cancel', principal: 'owner', requestId: 'x' });
  expect(run.ring('0/1/cancel')).toEqual(['jobFinished']);
  expect(run.job('0/1')).toMatchObject({ phase: 'unknown', lastFailure: { reason: 'OUTCOME_UNKNOWN' } });
  expect(run.result('0/1', responses())).toEqual([]);
});

test('a tool call that takes too long fails, and the model goes on without it', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [readCall()] }));
  expect(run.ring('0/1/timeout')).toEqual(['jobFinished', 'jobQueued']);
  expect(run.job('0/1').lastFailure?.reason).toBe('DEADLINE_EXCEEDED');
  expect(run.result('0/1', read('a', 'late'))).toEqual([]);
});

test('a write that takes too long is stopped, and the model goes on when its effect is known', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [writeCall] }));
  expect(run.ring('0/1/timeout')).toEqual(['jobCancelling']);
  expect(run.run.phase).toBe('running');
  const never = { case: 'neverStarted', value: failure({ reason: 'CANCELED', code: 1 }) } as const;
  expect(run.result('0/1', never)).toEqual(['jobFinished', 'jobQueued']);
  expect(run.job('0/1').phase).toBe('cancelled');
});

test('an answer that cannot be read is tried again like any failure', () => {
  const run = new PlayedRun();
  for (const broken of [responses(), responses(new Uint8Array([255, 255])), { case: undefined } as const]) {
    expect(run.result('0/0', broken)).toEqual(['attemptFailed']);
    expect(run.job('0/0').lastFailure?.reason).toBe('MODEL_OUTPUT_INVALID');
    run.ring(`0/0/retry/${run.job('0/0').epoch}`);
  }
});

test('an empty answer is a failure with its own reason, a cut one says so', () => {
  const empty = new PlayedRun();
  empty.result('0/0', said({ text: ' ' }));
  expect(empty.run).toMatchObject({ phase: 'failed', outcome: { failure: { reason: 'ANSWER_EMPTY' } } });
  const cut = new PlayedRun();
  cut.result('0/0', said({ text: 'And so', reason: FinishReason.LENGTH }));
  expect(cut.run).toMatchObject({
    phase: 'answered',
    outcome: { answer: 'And so', failure: { reason: 'ANSWER_CUT' } },
  });
});

test('a result that no commit could hold is recorded as a failure', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [readCall()] }));
  run.result('0/1', responses(new Uint8Array(17 << 20)));
  expect(run.job('0/1')).toMatchObject({ phase: 'failed', lastFailure: { reason: 'LIMIT_EXCEEDED' } });
});

test('what a call failed with is how its run ended', () => {
  const method = methods.resolve('fs_read').fullName;
  const cases = [
    [toFailure(new AppError('DEADLINE_EXCEEDED', { after: '1 s' })), 'timed_out'],
    [toFailure(new AppError('PERMISSION_DENIED', { what: 'x' })), 'refused'],
    [toFailure(new AppError('NOT_FOUND', { kind: 'file' })), 'failed'],
  ] as const;
  for (const [value, phase] of cases) {
    const run = new PlayedRun({ call: create(CallSpecSchema, { method, target: TargetKind.DEVICE }) });
    run.result('0/0', { case: 'failure', value });
    expect(run.run).toMatchObject({ phase, outcome: { failure: { reason: value.reason } } });
  }
});

test('a run without tools is one model turn', () => {
  const run = new PlayedRun({ tools: [] });
  run.result('0/0', said({ text: 'Hi.', calls: [readCall()] }));
  expect(run.run).toMatchObject({ phase: 'answered', outcome: { answer: 'Hi.' } });
  expect(run.run.outcome?.failure).toBeUndefined();
});

test('tools of a worker go to a worker', () => {
  const [tool] = deviceTools('fs_read');
  const run = new PlayedRun({ tools: [{ ...tool!, target: TargetKind.WORKER }] });
  run.result('0/0', said({ calls: [readCall()] }));
  expect(run.job('0/1')).toMatchObject({ target: 'worker', device: '' });
});

const paid = (run: PlayedRun, place: string, result: JobFinished['result'], costMicros: bigint): string[] =>
  run.apply({
    type: 'result',
    job: `r1/${place}`,
    epoch: run.job(place).epoch,
    result,
    usage: create(UsageSchema, { costMicros }),
  });

test('a run that has spent its money ends with what it has', () => {
  const run = new PlayedRun({ limits: { maxCostMicros: 100 } });
  expect(paid(run, '0/0', said({ text: 'I look.', calls: [readCall()] }), 99n)).toEqual(['jobFinished', 'jobQueued']);
  expect(paid(run, '0/1', read('a', 'x'), 1n)).toEqual(['jobFinished', 'ended']);
  expect(run.run).toMatchObject({
    phase: 'answered',
    outcome: { answer: 'I look.', failure: { reason: 'LIMIT_EXCEEDED' } },
  });
  expect(run.run.outcome?.failure?.message).toContain('the money of this run');
  const silent = new PlayedRun({ limits: { maxCostMicros: 100 } });
  paid(silent, '0/0', said({ calls: [readCall()] }), 100n);
  expect(silent.run).toMatchObject({ phase: 'refused', outcome: { failure: { reason: 'LIMIT_EXCEEDED' } } });
});

test('an answer that cost more than allowed is still an answer, and a failed attempt that did is not tried again', () => {
  const run = new PlayedRun({ limits: { maxCostMicros: 100 } });
  paid(run, '0/0', said({ text: 'Dear.' }), 500n);
  expect(run.run).toMatchObject({ phase: 'answered', outcome: { answer: 'Dear.' } });
  expect(run.run.outcome?.failure).toBeUndefined();
  const failing = new PlayedRun({ limits: { maxCostMicros: 100 } });
  const down = failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true });
  expect(paid(failing, '0/0', down, 100n)).toEqual(['jobFinished', 'ended']);
});
