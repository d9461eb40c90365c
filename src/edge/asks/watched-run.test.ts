import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ApprovalSchema, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { EndedSchema, type RunEvent, WaitingSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { JobSchema, JobState, TextChunkSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { silentLogger } from '../../base/logger.ts';
import { ApprovalBook } from '../journal/approval-book.ts';
import { WatchedRun } from './watched-run.ts';
import { WatchedRuns } from './watched-runs.ts';

const RUN = 'r';
const chunk = (text: string, offset: number, epoch = 1, job = `${RUN}/0/0`) =>
  create(TextChunkSchema, { job, epoch: BigInt(epoch), offset: BigInt(offset), text });
const ended = create(EndedSchema, { run: RUN });
const job = (id: string, state: JobState) => create(JobSchema, { id, state });

async function all(view: WatchedRun): Promise<RunEvent['event'][]> {
  const events: RunEvent['event'][] = [];
  for await (const { event } of view.follow(new AbortController().signal)) events.push(event);
  return events;
}

test('a late follower gets the current text from its beginning, in one piece', async () => {
  const view = new WatchedRun(RUN, 'c');
  expect(view.addText(chunk('日', 0))).toBe('added');
  expect(view.addText(chunk('本', 3))).toBe('added');
  view.end(ended);
  const events = await all(view);
  expect(events.map(({ case: kind }) => kind)).toEqual(['text', 'ended']);
  expect(events[0]?.value).toMatchObject({ offset: 0n, text: '日本' });
});

test('a slow follower gets what it missed as one piece, and no queue grows for it', async () => {
  const view = new WatchedRun(RUN, 'c');
  const reader = view.follow(new AbortController().signal);
  view.addText(chunk('a', 0));
  expect((await reader.next()).value?.event.value).toMatchObject({ text: 'a' });
  for (let i = 1; i <= 1000; i++) view.addText(chunk('b', i));
  expect((await reader.next()).value?.event.value).toMatchObject({ offset: 1n, text: 'b'.repeat(1000) });
  await reader.return();
  expect(view.followers).toBe(0);
});

test('text of two epochs is never spliced: a higher epoch begins again, a lower one is dropped', async () => {
  const view = new WatchedRun(RUN, 'c');
  view.addText(chunk('old text', 0, 1));
  const reader = view.follow(new AbortController().signal);
  await reader.next();
  expect(view.addText(chunk('tail', 4, 2))).toBe('gap');
  expect(view.addText(chunk('new', 0, 2))).toBe('added');
  expect(view.addText(chunk('more old', 8, 1))).toBe('old');
  expect((await reader.next()).value?.event.value).toMatchObject({ epoch: 2n, offset: 0n, text: 'new' });
  await reader.return();
});

test('what was shown already is dropped, what overlaps is cut at a code point, a hole is a gap', () => {
  const view = new WatchedRun(RUN, 'c');
  view.addText(chunk('añ', 0));
  expect(view.addText(chunk('ñ', 1))).toBe('old');
  expect(view.addText(chunk('ñz', 1))).toBe('added');
  expect(view.position).toMatchObject({ offset: 4 });
  expect(view.addText(chunk('x', 9))).toBe('gap');
});

test('text beyond what is kept is refused whole, and the end still comes', async () => {
  const view = new WatchedRun(RUN, 'c', { textBytes: 4, jobs: 10, followers: 2 });
  expect(view.addText(chunk('abcd', 0))).toBe('added');
  expect(view.addText(chunk('e', 4))).toBe('full');
  view.end(ended);
  expect((await all(view)).at(-1)?.case).toBe('ended');
});

test('a later job takes over the text; jobs are told in the order of their last change', async () => {
  const view = new WatchedRun(RUN, 'c');
  view.updateJob(job('r/0/0', JobState.RUNNING));
  view.addText(chunk('thinking', 0));
  view.updateJob(job('r/0/0', JobState.DONE));
  view.updateJob(job('r/10/0', JobState.RUNNING));
  expect(view.addText(chunk('answer', 0, 1, 'r/10/0'))).toBe('added');
  expect(view.addText(chunk('!', 8))).toBe('old');
  view.end(ended);
  const events = await all(view);
  expect(events.map(({ case: kind }) => kind)).toEqual(['job', 'job', 'text', 'ended']);
  expect(events[2]?.value).toMatchObject({ job: 'r/10/0', text: 'answer' });
});

test('waiting is told when it changes, not when it is repeated', async () => {
  const view = new WatchedRun(RUN, 'c');
  const what = (text: string) => create(WaitingSchema, { what: text });
  view.setWaiting(what('a worker'));
  const reader = view.follow(new AbortController().signal);
  expect((await reader.next()).value?.event.case).toBe('waiting');
  view.setWaiting(what('a worker'));
  view.setWaiting(what('a slot'));
  expect((await reader.next()).value?.event.value).toMatchObject({ what: 'a slot' });
  await reader.return();
});

test('a follower that leaves wakes up and is forgotten; too many are refused', async () => {
  const view = new WatchedRun(RUN, 'c', { textBytes: 10, jobs: 1, followers: 1 });
  const stop = new AbortController();
  const reader = view.follow(stop.signal);
  const next = reader.next();
  await expect(view.follow(new AbortController().signal).next()).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
  stop.abort();
  expect((await next).done).toBe(true);
  expect(view.followers).toBe(0);
});

test('approvals that wait when it is begun to be followed are told, then each change; the run waits for the owner meanwhile', async () => {
  const view = new WatchedRun(RUN, 'c');
  const approval = (id: string, state: ApprovalState) => create(ApprovalSchema, { id, run: RUN, method: 'm', state });
  view.updateApproval(approval('over', ApprovalState.PENDING));
  view.updateApproval(approval('over', ApprovalState.DENIED));
  view.updateApproval(approval('a', ApprovalState.PENDING));
  const reader = view.follow(new AbortController().signal);
  const next = async () => (await reader.next()).value?.event;
  expect(await next()).toMatchObject({ case: 'approval', value: { id: 'a', state: ApprovalState.PENDING } });
  expect(await next()).toMatchObject({ case: 'waiting', value: { approval: true, sent: true } });
  // What else it waits for goes before, and the owner's answer is waited for again after that.
  view.setWaiting(create(WaitingSchema, { what: 'a worker' }));
  expect(await next()).toMatchObject({ case: 'waiting', value: { what: 'a worker', approval: false } });
  view.setWaiting(undefined);
  expect(await next()).toMatchObject({ case: 'waiting', value: { approval: true } });
  view.updateApproval(approval('a', ApprovalState.ALLOWED));
  expect(await next()).toMatchObject({ case: 'approval', value: { id: 'a', state: ApprovalState.ALLOWED } });
  view.end(ended);
  expect((await next())?.case).toBe('ended');
});

test('a run waits for the owner of another box until that job goes on, whatever its other jobs do', async () => {
  const view = new WatchedRun(RUN, 'c');
  const waits = async () => {
    const stop = new AbortController();
    for await (const { event } of view.follow(stop.signal)) {
      if (event.case === 'waiting') return event.value.approval;
      if (event.case === 'text') break;
    }
    return false;
  };
  view.updateJob(job('r/0/1', JobState.APPROVAL));
  view.updateJob(job('r/0/2', JobState.DONE));
  view.setWaiting(undefined);
  view.addText(chunk('text', 0));
  expect(await waits()).toBe(true);
  view.updateJob(job('r/0/1', JobState.RUNNING));
  view.addText(chunk('!', 4));
  expect(await waits()).toBe(false);
});

test('an ask behind one that waits for a yes says so until that is answered; one of another conversation does not', async () => {
  const runs = new WatchedRuns(silentLogger, () => {});
  const book = new ApprovalBook();
  runs.showApprovals(book);
  const first = runs.open('first', 'c');
  const id = '0191f3c2-7d3a-7c11-9f00-1b6d11a5432d';
  const change = (state: ApprovalState) =>
    first.updateApproval(create(ApprovalSchema, { id, run: 'first', method: 'm', state }));
  change(ApprovalState.PENDING);
  const waits = async (run: string, conversation: string) => {
    const leave = new AbortController();
    const reader = runs.open(run, conversation).follow(leave.signal);
    const next = reader.next();
    leave.abort();
    const { value } = await next;
    return value?.event.case === 'waiting' ? value.event.value.what : undefined;
  };
  expect(await waits('second', 'c')).toBe(
    'the ask before it, which waits for your yes: bowline approvals show 11a5432d',
  );
  expect(await waits('other', 'd')).toBeUndefined();
  change(ApprovalState.DENIED);
  expect(await waits('third', 'c')).toBeUndefined();
  runs.close('first', ended);
  expect(await waits('second', 'c')).toBeUndefined();
});
