// How far a share reaches that the owner gave when a call asked: in time, in bytes, and to which of those that wait for one answer.
import { fromBinary } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { ApprovalScope } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, ReadResponseSchema } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { ToolHeld } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { ToolSink } from './tool-sink.ts';

const { read, search } = FsService.method;
const TEXT = '灯塔在岛上\nsecond lamp\nthird\n';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The text that was told, or why there is none. */
const told = (result: ToolResult): string => {
  const { case: kind, value } = result.answer;
  const text = kind === 'done' && value.responses[0] ? fromBinary(ReadResponseSchema, value.responses[0]).text : '';
  return text || reasonOf(result);
};

async function asking(text = TEXT) {
  const clock = new ManualClock();
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': text }), { clock });
  const { run } = await rig.ask('Where is the 灯塔?', [], [], undefined, { asksToShare: true });
  const job = `${run}/0/1`;
  const send = (to: EdgeRig, sink: ToolSink, epoch = 1n) => {
    const how = { run, job, key: job, epoch };
    return to.runner.handle(to.control.sign(read, { path: 'docs/a.md' }, how, clock), to.session, sink);
  };
  const found = async (from: EdgeRig) => {
    const { messages } = await from.call(search, { path: 'docs/a.md', terms: ['lamp'] }, { run });
    return messages[0]?.matches.map(({ text }) => text) ?? [];
  };
  return { rig, clock, run, job, send, found };
}

/** Content that left under shares, as the ledger tells. */
async function leftOf(rig: EdgeRig): Promise<number> {
  let sum = 0;
  for await (const { record } of rig.journal.entries()) {
    const lines =
      record.case === 'toolOutcome' ? record.value.egress : record.case === 'ledger' ? record.value.entries : [];
    for (const { grant, bytes } of lines) if (grant !== '' && grant !== 'ask') sum += Number(bytes);
  }
  return sum;
}

test('the time of a yes for the run begins with the yes, also where its call is cancelled before it has read', async () => {
  const { rig, clock, job, send, found } = await asking();
  const { sink, results } = sessionOf(rig);
  const cancels = { ...sink, held: async ({ over }: ToolHeld) => void (over && rig.runner.cancel(job, 9n)) };
  await send(rig, cancels);
  await answer(rig, true, pendingOf(rig), ApprovalScope.RUN);
  await vi.waitFor(() => expect(results.map(reasonOf)).toEqual(['CANCELED']));
  expect(rig.grants.list()).toMatchObject([{ usedBytes: 0, expiresAt: clock.now() + 15 * MINUTE }]);
  clock.advance(15 * MINUTE - 1);
  expect(await found(rig)).toEqual(['second lamp']);
  clock.advance(1);
  expect(await found(rig)).toEqual([]);
  expect(rig.grants.list()).toEqual([]);
  await rig.close();
});

test('a yes for the run has its time where its call never comes back after a restart, and no restart gives it more', async () => {
  const { rig, clock, send, found } = await asking();
  await send(rig, sessionOf(rig).sink);
  await rig.close();
  let again = await edgeRig(rig.dir, { clock });
  await answer(again, true, pendingOf(again), ApprovalScope.RUN);
  clock.advance(10 * MINUTE);
  await again.close();
  again = await edgeRig(rig.dir, { clock });
  expect(await found(again)).toEqual(['second lamp']);
  clock.advance(5 * MINUTE);
  expect(await found(again)).toEqual([]);
  await again.close();
});

test('a yes once waits for its call, at most a day, over restarts; then it lets nothing out', async () => {
  for (const hours of [23, 24]) {
    const { rig, clock, send } = await asking();
    await send(rig, sessionOf(rig).sink);
    await rig.close();
    let again = await edgeRig(rig.dir, { clock });
    await answer(again, true);
    clock.advance(12 * HOUR);
    await again.close();
    again = await edgeRig(rig.dir, { clock });
    clock.advance((hours - 12) * HOUR);
    const { sink, results } = sessionOf(again);
    await send(again, sink, 2n);
    await vi.waitFor(() => expect(results.map(told)).toEqual([hours < 24 ? TEXT : 'done']));
    // Once it has read it has its 15 minutes, and not what is left of the day.
    const left = again.grants.list().map(({ expiresAt }) => expiresAt! - clock.now());
    expect(left).toEqual(hours < 24 ? [15 * MINUTE] : []);
    await again.close();
  }
});

test('of several jobs that wait for one answer a yes once tells the one that was shown; each other is asked for itself', async () => {
  const { rig, run, job } = await asking();
  const { send, results } = sessionOf(rig);
  for (const at of [1, 2, 3]) await send(read, { path: 'docs/a.md' }, { run, job: `${run}/0/${at}`, key: job });
  expect(pendingOf(rig)).toMatchObject([{ job }]);
  await answer(rig, true);
  await vi.waitFor(() => expect(results).toHaveLength(3));
  expect(results.map(told).sort()).toEqual(['EDGE_BUSY', 'EDGE_BUSY', TEXT].sort());
  expect(results.find((result) => told(result) === TEXT)?.job).toBe(job);
  expect(await leftOf(rig)).toBe(rig.grants.list()[0]?.usedBytes);
  await send(read, { path: 'docs/a.md' }, { run, job: `${run}/0/2`, key: job, epoch: 2n });
  expect(pendingOf(rig)).toMatchObject([{ job: `${run}/0/2` }]);
  await rig.close();
});

test('each copy of an answer counts under its share: no more leaves than its cap, and the ledger says the same', async () => {
  const text = 'a line of the lamp\n'.repeat(200);
  const { rig, run, job } = await asking(text);
  const { send, results } = sessionOf(rig);
  for (let at = 1; at <= 5; at++) await send(read, { path: 'docs/a.md' }, { run, job: `${run}/0/${at}`, key: job });
  await answer(rig, true, pendingOf(rig), ApprovalScope.RUN);
  await vi.waitFor(() => expect(results).toHaveLength(5));
  // Twice the file fits, as the question says.
  expect(results.map(told).filter((one) => one === text)).toHaveLength(2);
  expect(results.map(told).filter((one) => one === 'EDGE_BUSY')).toHaveLength(3);
  const [grant] = rig.grants.list();
  expect(grant!.usedBytes).toBeLessThanOrEqual(grant!.capBytes);
  expect(await leftOf(rig)).toBe(grant!.usedBytes);
  // One that asks again is judged anew: what is left is too little, so it is told without the content.
  await send(read, { path: 'docs/a.md' }, { run, job: `${run}/0/5`, key: job, epoch: 2n });
  await vi.waitFor(() => expect(told(results.at(-1)!)).toBe('done'));
  await rig.close();
});

test('copies count under a share that was given with the ask, too', async () => {
  const text = 'a line of the lamp\n'.repeat(5300);
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': text }));
  const { run } = await rig.ask('Where?', ['docs/a.md'], ['rules']);
  const { send, results } = sessionOf(rig);
  const jobs = Array.from({ length: 16 }, (_, at) => ({ run, job: `${run}/0/${at}`, key: run }));
  await Promise.all(jobs.map((how) => send(read, { path: 'docs/a.md' }, how)));
  const [grant] = rig.grants.list();
  const fit = Math.floor(grant!.capBytes / text.length);
  expect([results.length, results.map(told).filter((one) => one === text).length]).toEqual([16, fit]);
  expect([fit < 16, await leftOf(rig)]).toEqual([true, grant!.usedBytes]);
  await rig.close();
});
