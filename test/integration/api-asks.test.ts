// Asks over the public API: recorded before anything is answered, one run for one request id, and nobody's who only watches.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AskResponse, RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ tenants: ['other'] });
});
afterAll(() => control.close());

const runs = (key?: string) => control.client(RunService, key);

async function all(stream: AsyncIterable<AskResponse>): Promise<AskResponse[]> {
  const seen: AskResponse[] = [];
  for await (const response of stream) seen.push(response);
  return seen;
}

const runOf = (response: AskResponse | undefined) => {
  if (response?.event.case !== 'run') throw new Error('it is no run');
  return response.event.value;
};

/** The first thing that is told; the caller leaves then. */
async function first(stream: AsyncIterable<AskResponse>) {
  for await (const response of stream) return runOf(response);
  throw new Error('nothing was told');
}

test('an ask is streamed to its end; a repeat, also at the same time, streams the same run', async () => {
  const worker = await control.worker();
  const wish = { text: 'who asks?', requestId: 'r1' };
  const both = [all(runs().ask(wish)), all(runs().ask(wish))];
  worker.reply(await worker.job(), 'an owner');
  const [one, two] = await Promise.all(both);
  const run = runOf(one!.at(-1));
  expect(run).toMatchObject({
    state: RunState.ANSWERED,
    text: 'who asks?',
    device: '',
    outcome: { answer: 'an owner' },
  });
  expect(run.principal).toMatch(/^owner:/);
  expect(one!.some(({ event }) => event.case === 'job')).toBe(true);
  expect(runOf(two!.at(-1)).id).toBe(run.id);
  expect(runOf((await all(runs().ask(wish))).at(-1)).id).toBe(run.id);
  expect((await runs().listRuns({})).runs).toHaveLength(1);
  expect(await refusal(runs().ask({ ...wish, text: 'who else?' }))).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  const next = all(runs().ask({ text: 'and now?', conversation: run.conversation }));
  worker.reply(await worker.job(1), 'the same one');
  expect(runOf((await next).at(-1))).toMatchObject({ conversation: run.conversation });
  await worker.cut();
});

test('a run goes on when its caller leaves, and when the control plane ends right after it was recorded', async () => {
  const wish = { text: 'still there?', requestId: 'r2' };
  const { id } = await first(runs().ask(wish));
  expect((await runs().getRun({ id })).run?.endTime).toBeUndefined();
  await control.stop(0);
  await control.boot();
  const again = all(runs().ask(wish));
  const worker = await control.worker();
  worker.reply(await worker.job(), 'yes');
  expect(runOf((await again).at(-1))).toMatchObject({ id, outcome: { answer: 'yes' } });
  await worker.cut();
});

test('a device that is named must be there, and its tools are offered; unknown names are told', async () => {
  const device = await control.device('kitchen');
  const offline = await refusal(runs().ask({ text: 'x', device: 'kitchen' }));
  expect(offline).toMatchObject({ reason: 'DEVICE_OFFLINE', code: 'Unavailable' });
  for (const wrong of [{ device: 'nobody' }, { conversation: 'nowhere' }])
    expect(await refusal(runs().ask({ text: 'x', ...wrong }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await refusal(runs().ask({ text: '' }))).toMatchObject({ reason: 'INVALID_ARGUMENT' });
  expect(await refusal(runs().ask({ text: 'x'.repeat(70_000) }))).toMatchObject({ reason: 'INVALID_ARGUMENT' });
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { id } = await first(runs().ask({ text: 'list it', device: 'kitchen' }));
  worker.useTool(await worker.job(), 'fs_list', { path: 'docs' });
  expect(await edge.call()).toMatchObject({ method: expect.stringContaining('fs.v1.FsService/List') });
  expect((await runs().getRun({ id })).run?.device).toBe(device.device);
  await runs().cancelRun({ id });
  await eventually(async () => (await runs().getRun({ id })).run?.state === RunState.CANCELLED);
  await worker.cut();
});

test('another tenant has its own request ids, and finds neither device nor conversation', async () => {
  const foreign = control.ownerKeys.get('other');
  const device = await control.device();
  control.closing(await device.connect());
  const wish = { text: 'whose?', requestId: 'r3' };
  const mine = await first(runs().ask(wish));
  const theirs = await first(runs(foreign).ask(wish));
  expect(theirs.id).not.toBe(mine.id);
  for (const wrong of [{ device: device.name }, { conversation: mine.conversation }])
    expect(await refusal(runs(foreign).ask({ text: 'x', ...wrong }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await refusal(runs(foreign).getRun({ id: mine.id }))).toMatchObject({ reason: 'NOT_FOUND' });
});
