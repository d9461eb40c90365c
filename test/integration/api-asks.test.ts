// Asks over the public API: recorded before anything is answered, one run for one request id, and nobody's who only watches. What one key may hold
// open is bounded.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AskRequestSchema, type AskResponse, RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';

const STREAMS = 8;

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ tenants: ['other'], config: { maxOwnerStreams: STREAMS } });
});
afterAll(() => control.close());

const runs = (key?: string) => control.client(RunService, key);

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const response of stream) seen.push(response);
  return seen;
}

const runOf = (response: AskResponse | undefined) => {
  if (response?.event.case !== 'run') throw new Error('it is no run');
  return response.event.value;
};

/** The first thing that is told; the caller leaves then. A stream that is only not read on stays open. */
async function first(by: ReturnType<typeof runs>, wish: MessageInitShape<typeof AskRequestSchema>) {
  const reader = new AbortController();
  try {
    for await (const response of by.ask(wish, { signal: reader.signal })) return runOf(response);
  } finally {
    reader.abort();
  }
  throw new Error('nothing was told');
}

test('an ask is streamed to its end; a repeat, also at the same time, streams the same run', async () => {
  // Each of two at the same time may have begun a job before the store said which of them is the first.
  const worker = await control.worker({ answer: () => 'an owner' });
  const wish = { text: 'who asks?', requestId: 'r1' };
  const both = Promise.all([all(runs().ask(wish)), all(runs().ask(wish))]);
  const [one, two] = await both;
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
  expect(runOf((await next).at(-1))).toMatchObject({ conversation: run.conversation });
  await worker.cut();
});

test('a request id belongs to all fields of its first request, of an ask and of a cancel', async () => {
  const device = await control.device('hall');
  control.closing(await device.connect());
  const { conversation } = await first(runs(), { text: 'begin' });
  const wish = { text: 'go on', conversation, device: 'hall', timeout: { seconds: 60n }, requestId: 'whole' };
  const { id } = await first(runs(), wish);
  expect((await first(runs(), wish)).id).toBe(id);
  const { conversation: _, ...fresh } = wish;
  for (const other of [{ ...wish, timeout: { seconds: 61n } }, fresh, { ...wish, device: '' }])
    expect(await refusal(runs().ask(other))).toMatchObject({ reason: 'REQUEST_ID_REUSED' });

  const spared = await first(runs(), { text: 'another' });
  expect(await refusal(runs().cancelRun({ id: 'nowhere', requestId: 'end' }))).toMatchObject({ reason: 'NOT_FOUND' });
  await runs().cancelRun({ id, requestId: 'end' });
  expect((await runs().cancelRun({ id, requestId: 'end' })).run).toMatchObject({ id, state: RunState.CANCELLED });
  expect(await refusal(runs().cancelRun({ id: spared.id, requestId: 'end' }))).toMatchObject({
    reason: 'REQUEST_ID_REUSED',
  });
  expect((await runs().getRun({ id: spared.id })).run?.endTime).toBeUndefined();
  for (const { id: open } of (await runs().listRuns({})).runs) await runs().cancelRun({ id: open });
});

test('an ask whose words are no UTF-8 is the fault of its sender', async () => {
  const text = create(AskRequestSchema);
  const bytes = Uint8Array.of(1, 0xff);
  const unknown = { no: 1, wireType: 2, data: bytes };
  expect(await refusal(runs().ask({ ...text, $unknown: [unknown] } as never))).toMatchObject({
    reason: 'INVALID_ARGUMENT',
    message: expect.stringContaining('no UTF-8'),
  });
});

test('a timeout that is none, or beyond a day, is refused', async () => {
  for (const seconds of [-5n, 0n, 86_401n, 315_576_000_000n, 2n ** 63n - 1n])
    expect(await refusal(runs().ask({ text: 'x', timeout: { seconds } }))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
});

test('a run goes on when its caller leaves, and when the control plane ends right after it was recorded', async () => {
  const wish = { text: 'still there?', requestId: 'r2' };
  const { id } = await first(runs(), wish);
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
  const { id } = await first(runs(), { text: 'list it', device: 'kitchen' });
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
  const mine = await first(runs(), wish);
  const theirs = await first(runs(foreign), wish);
  expect(theirs.id).not.toBe(mine.id);
  for (const wrong of [{ device: device.name }, { conversation: mine.conversation }])
    expect(await refusal(runs(foreign).ask({ text: 'x', ...wrong }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await refusal(runs(foreign).getRun({ id: mine.id }))).toMatchObject({ reason: 'NOT_FOUND' });
});

test('a key has a bounded number of streams; one that ends makes room; other keys are unharmed', async () => {
  const wish = { text: 'who watches?', requestId: 'r4' };
  const { id } = await first(runs(), wish);
  const readers: AbortController[] = [];
  const watch = async () => {
    const reader = new AbortController();
    const stream = runs().watchRun({ id }, { signal: reader.signal })[Symbol.asyncIterator]();
    await stream.next();
    readers.push(reader);
    return stream;
  };
  // The streams of those who left are counted out when the word of it has come.
  const watchSoon = () => eventually(() => watch().catch(() => undefined));
  const watches: Awaited<ReturnType<typeof watch>>[] = [];
  while (watches.length < STREAMS) watches.push(await watchSoon());
  for (const refused of [runs().watchRun({ id }), runs().ask(wish), runs().ask({ text: 'one more?' })])
    expect(await refusal(refused)).toMatchObject({
      reason: 'LIMIT_EXCEEDED',
      code: 'ResourceExhausted',
      message: expect.stringContaining('BOWLINE_MAX_OWNER_STREAMS'),
    });
  // What was refused was not begun, and calls that do not stream go on.
  const { runs: listed } = await runs().listRuns({});
  expect(listed.map(({ text }) => text)).not.toContain('one more?');
  const foreign = runs(control.ownerKeys.get('other'));
  expect((await first(foreign, { text: 'unharmed?' })).text).toBe('unharmed?');

  readers[0]!.abort();
  watches[0] = await watchSoon();
  expect(await refusal(runs().watchRun({ id }))).toMatchObject({ reason: 'LIMIT_EXCEEDED' });
  await runs().cancelRun({ id });
  for (const ended of watches) while (!(await ended.next()).done);
  await eventually(() => all(runs().watchRun({ id })).catch(() => undefined));
});

test('a tenant with many jobs waiting holds up another one by a handful', async () => {
  const slots = 2;
  const worker = await control.worker({ slots });
  const wish = (n: number) => ({ text: `one of many ${n}`, requestId: `many-${n}` });
  const mine = await Promise.all(Array.from({ length: 6 }, (_, n) => first(runs(), wish(n))));
  for (let n = 6; n < 40; n += 6)
    mine.push(...(await Promise.all(Array.from({ length: 6 }, (_, i) => first(runs(), wish(n + i))))));
  const foreign = runs(control.ownerKeys.get('other'));
  await first(foreign, { text: 'just one', requestId: 'just-one' });
  let place = 0;
  for (let n = 0; place === 0; n++) {
    const job = await worker.job(n);
    if (job.tenant === 'other') place = n + 1;
    worker.reply(job, 'done');
  }
  // What is running, what is in hand for the next free slots, and what other tests left of both; in one line for all it would be the last of 41.
  expect(place).toBeLessThanOrEqual(10);
  for (const { id } of mine) await runs().cancelRun({ id });
  await worker.cut();
});
