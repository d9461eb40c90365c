// A run whose history cannot be read is set aside: its device's session, its conversation and everything else goes on; its owner lists
// it, tries it again, ends it.
import type { Pool } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';
import type { FakeEdge } from '../support/fake-edge.ts';

const UNKNOWN = Buffer.from([0x9a, 0x3f, 0x00]);
const DAMAGED = Buffer.from([0xff, 0xff]);

let control: TestControl;
let pool: Pool;

beforeEach(async () => {
  control = await TestControl.start({
    onDatabase: (database) => {
      pool = database.pool;
    },
  });
});

afterEach(() => control.close());

/** Sessions find it on another port after a restart. */
const moved = (device: FakeEdge): FakeEdge => Object.assign(device, { url: control.url });

const runs = () => control.client(RunService);

/** Adds an event of a kind that this version does not know, or one that is no event at all. */
async function poison(run: string, data: Buffer): Promise<void> {
  await pool.query(
    `with s as (update streams set version = version + 1 where id = $1 returning tenant, id, version)
     insert into events (tenant, stream, version, type, at, data) select tenant, id, version, 'newer', now(), $2 from s`,
    [run, data],
  );
}

test.each([
  ['of an unknown kind', UNKNOWN],
  ['that is damaged', DAMAGED],
])(
  'an event %s sets its run aside, and nothing waits behind it',
  async (_what, data) => {
    const device = await control.device();
    const conversation = newId();
    const first = await device.connect();
    const { run } = first.ask('poison', { conversation });
    const next = first.ask('behind it', { conversation });
    await eventually(() => first.all('askVerdict').length === 2);
    await first.cut();
    await poison(run, data);
    // Nothing of it is remembered by a new process.
    await control.stop();
    await control.boot();
    const follows = [run, next.run].map((each) => ({
      $typeName: 'bowline.edge.v1.FollowRun' as const,
      run: each,
      job: '',
      epoch: 0n,
      offset: 0n,
    }));
    const edge = await moved(device).connect({ follows });
    const worker = await control.worker();
    worker.reply(await eventually(() => worker.all('job').find((job) => job.run === next.run)), 'not held up');
    expect((await edge.end(next.run)).answer).toBe('not held up');
    await edge.until(() =>
      edge.all('runUpdate').some((each) => each.run === run && each.waitsFor.includes('set aside')),
    );
    const listed = await runs().listRuns({ setAside: true });
    expect(listed.runs.map(({ id }) => id)).toEqual([run]);
    expect(listed.runs[0]?.setAside).not.toBe('');
    expect((await runs().explainRun({ id: run })).summary).toContain(`bowline runs end ${run}`);
    expect(await refusal(runs().retryRun({ id: run }))).toMatchObject({ reason: 'RUN_SET_ASIDE' });
    expect((await runs().endRun({ id: run })).run).toMatchObject({ state: RunState.FAILED });
    expect(await edge.end(run)).toMatchObject({ state: RunState.FAILED, failure: { reason: 'RUN_SET_ASIDE' } });
    expect((await runs().listRuns({ setAside: true })).runs).toEqual([]);
    expect(edge.isOver).toBe(false);
    await edge.cut();
    await worker.cut();
  },
  60_000,
);

const setAside = async () => (await runs().listRuns({ setAside: true })).runs.map(({ id }) => id);

/** As a newer version that knows the event would read it. */
async function heal(run: string): Promise<void> {
  await pool.query(
    `with s as (update streams set version = version - 1 where id = $1 returning version)
     delete from events where stream = $1 and version > (select version from s)`,
    [run],
  );
}

test('a run that can be read again goes on where it stood, also one that waited for its turn', async () => {
  const edge = await (await control.device()).connect();
  const conversation = newId();
  const [active, waits] = [edge.ask('has the turn', { conversation }), edge.ask('waits', { conversation })];
  await eventually(() => edge.all('askVerdict').length === 2);
  for (const { run } of [active, waits]) await poison(run, UNKNOWN);
  for (const { run } of [active, waits]) await runs().explainRun({ id: run });
  await eventually(async () => (await setAside()).length === 2);
  const worker = await control.worker();
  // A third is not held up.
  const third = edge.ask('is not held up', { conversation });
  worker.reply(await eventually(() => worker.all('job').find(({ run }) => run === third.run)), 'third');
  expect((await edge.end(third.run)).answer).toBe('third');
  for (const { run } of [active, waits]) {
    await heal(run);
    await runs().retryRun({ id: run });
    worker.reply(await eventually(() => worker.all('job').find((job) => job.run === run), 20_000), 'at last');
    expect((await edge.end(run)).answer).toBe('at last');
  }
  expect(await setAside()).toEqual([]);
  expect(await refusal(runs().retryRun({ id: active.run }))).toMatchObject({ reason: 'RUN_NOT_SET_ASIDE' });
  expect(await refusal(runs().endRun({ id: active.run }))).toMatchObject({ reason: 'RUN_NOT_SET_ASIDE' });
  await Promise.all([edge.cut(), worker.cut()]);
}, 60_000);

test('a call of a device, timers and a cancel of an unreadable run end no session; the cancel ends the run, for good', async () => {
  const edge = await (await control.device()).connect();
  const worker = await control.worker();
  const { run, conversation } = edge.ask('calls a device');
  worker.useTool(await worker.job(), 'fs_read', { path: 'docs/a.md' });
  const call = await edge.call();
  await poison(run, DAMAGED);
  await pool.query(`update timers set wake = now() where stream = $1`, [run]);
  const timersWait = async () =>
    (await pool.query(`select 1 from timers where stream = $1 and wake < now() + interval '1 day'`, [run])).rowCount ===
    0;
  edge.done(call, ReadResponseSchema, { text: 'a' });
  await eventually(async () => (await setAside()).length === 1, 20_000);
  await eventually(timersWait, 20_000);
  expect((await runs().getRun({ id: run })).run?.setAside).not.toBe('');
  expect(
    (await control.client(ConversationService).getConversation({ id: conversation })).runs.map(({ id }) => id),
  ).toEqual([run]);
  // The session of its device lives, and serves others.
  const other = edge.ask('another');
  worker.reply(await eventually(() => worker.all('job').find((job) => job.run === other.run)), 'served');
  expect((await edge.end(other.run)).answer).toBe('served');
  edge.send({ case: 'cancelRun', value: { run, sequence: BigInt(++edge.edge.sequence) } });
  expect(await edge.end(run)).toMatchObject({ state: RunState.CANCELLED });
  expect((await runs().getRun({ id: run })).run).toMatchObject({ state: RunState.CANCELLED, setAside: '' });
  expect((await runs().cancelRun({ id: run })).run).toMatchObject({ state: RunState.CANCELLED });
  // No version takes it up again, also one that could read what this one cannot.
  await pool.query(`update set_aside set ended_at = null where run = $1`, [run]);
  expect(await refusal(runs().retryRun({ id: run }))).toMatchObject({ reason: 'RUN_SET_ASIDE' });
  expect((await runs().explainRun({ id: run })).summary).toContain('ended');
  await control.client(ConversationService).deleteConversation({ id: conversation });
  expect(await setAside()).toEqual([]);
  expect(edge.isOver).toBe(false);
  await Promise.all([edge.cut(), worker.cut()]);
}, 60_000);

test('whoever waits for a run is told when it cannot be read any more', async () => {
  const edge = await (await control.device()).connect();
  const { run } = edge.ask('watched');
  await eventually(() => edge.all('askVerdict').length === 1);
  const watched = refusal(
    (async () => {
      for await (const _ of runs().watchRun({ id: run }));
    })(),
  );
  await eventually(() => edge.all('runUpdate').some((each) => each.run === run));
  await poison(run, UNKNOWN);
  expect(await watched).toMatchObject({ reason: 'RUN_SET_ASIDE' });
  await edge.until(() => edge.all('runUpdate').some((each) => each.run === run && each.waitsFor.includes('set aside')));
  await runs().endRun({ id: run });
  expect(await edge.end(run)).toMatchObject({ state: RunState.FAILED });
  await edge.cut();
}, 60_000);
