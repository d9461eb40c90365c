import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ShellService } from '../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { Confirmation, type ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { WithheldReason } from '../../../gen/bowline/run/v1/run_pb.ts';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { systemClock } from '../../base/clock.ts';
import { REFUSALS_AN_HOUR } from '../journal/refusal-book.ts';

const { read, write, list, stat } = FsService.method;
const { run } = ShellService.method;
const MINUTE = 60_000;
const DAY = 86_400_000;

/** The rig signs with the machine's clock; the control plane's is right. */
function shiftTimes(call: ToolCall, ms: number): void {
  for (const field of ['issueTime', 'expireTime'] as const) {
    if (call[field]) call[field] = timestampFromMs(timestampMs(call[field]) + ms);
  }
}

const WRITE = 'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\n';

test('a shared file is read by line; the ledger has it before the answer is sent', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/notes.md': 'one\r\ntwo\nthree\n' }));
  const { run, grant } = await rig.ask('read it', ['docs/notes.md']);
  const answer = await rig.call(read, { path: 'notes.md', startLine: 2 }, { run });
  expect(answer.messages[0]).toMatchObject({ text: 'two\nthree\n', firstLine: 2, totalLines: 3, truncated: false });
  expect(answer.result.withheld).toEqual([]);
  const entry = await rig.journal.entry(Number(answer.result.sequence));
  expect(entry?.record.case).toBe('toolOutcome');
  if (entry?.record.case !== 'toolOutcome') throw new Error('no outcome');
  const content = entry.record.value.egress.find(({ field }) => field === 'text');
  expect(content).toMatchObject({ path: 'docs/notes.md', bytes: 10n, grant, recipients: ['rules'] });
  await rig.close();
});

test('without a grant a file is named, not told', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/notes.md': 'the secret\n' }));
  const { run } = await rig.ask('read it');
  const { messages, result } = await rig.call(read, { path: 'docs/notes.md' }, { run });
  expect(messages[0]).toMatchObject({ text: '', firstLine: 0, totalLines: 0 });
  expect(messages[0]?.file).toMatchObject({ path: 'docs/notes.md', sizeBytes: 0n, mediaType: 'text/markdown' });
  expect(result.withheld.find(({ field }) => field === 'text')).toMatchObject({
    name: 'docs/notes.md',
    why: WithheldReason.NO_GRANT,
    hint: "--share 'docs/notes.md'",
  });
  expect((await rig.call(read, { path: 'docs/notes.md', startLine: 1 }, { run })).failure).toBe('RANGE_NEEDS_GRANT');
  expect((await rig.call(read, { path: 'docs/none.md', maxBytes: 1 }, { run })).failure).toBe('RANGE_NEEDS_GRANT');
  await rig.close();
});

test('a file that changed since it was shared is not covered', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/notes.md': 'old text\n' }));
  const { run } = await rig.ask('read it', ['docs/notes.md']);
  writeFileSync(join(rig.dir, 'docs/notes.md'), 'new text\n');
  const { messages, result } = await rig.call(read, { path: 'docs/notes.md' }, { run });
  expect(messages[0]?.text).toBe('');
  expect(result.withheld.find(({ field }) => field === 'text')?.why).toBe(WithheldReason.CHANGED);
  await rig.close();
});

/** The machine's clock, off by as much as is said; monotonic time is right. */
function offClock() {
  const clock = { ...systemClock, offMs: 0 };
  clock.now = () => systemClock.now() + clock.offMs;
  return clock;
}

test.each([400 * DAY, 20 * MINUTE, -400 * DAY])(
  'calls are served while the clock of the machine is %d ms off, and when it is right again; the next effect too',
  async (offMs) => {
    const dir = edgeFolder({ 'docs/a.md': 'a' });
    const clock = offClock();
    const serve = async (key: string) => {
      const rig = await edgeRig(dir, { clock, config: WRITE });
      const at = clock.offMs;
      const sign = { change: (call: ToolCall) => shiftTimes(call, -at) };
      const reads = await rig.call(stat, { path: 'docs/a.md' }, sign);
      const request = { path: 'docs/out.txt', text: 'x', mode: WriteMode.APPEND };
      const writes = await rig.call(write, request, { ...sign, key });
      await rig.close();
      return [reads.failure, writes.failure];
    };
    expect(await serve('k0')).toEqual([undefined, undefined]);
    clock.offMs = offMs;
    expect(await serve('k1')).toEqual([undefined, undefined]);
    clock.offMs = 0;
    expect(await serve('k2')).toEqual([undefined, undefined]);
    expect(readFileSync(join(dir, 'docs/out.txt'), 'utf8')).toBe('xxx');
    const rig = await edgeRig(dir, { clock, config: WRITE });
    expect((await rig.call(stat, { path: 'docs/a.md' }, { expiresInMs: -1 })).failure).toBe('CALL_EXPIRED');
    expect(Math.abs(rig.journal.now() - systemClock.now())).toBeLessThan(5_000);
    await rig.close();
  },
);

test('an effect happens once per key: repeats get the recorded answer, also after a restart', async () => {
  const dir = edgeFolder();
  const rig = await edgeRig(dir, { config: WRITE });
  const own = 'r1';
  const request = { path: 'docs/out.txt', text: 'x', mode: WriteMode.APPEND };
  const [first, second] = await Promise.allSettled([
    rig.call(write, request, { run: own, key: 'k' }),
    rig.call(write, request, { run: own, key: 'k', epoch: 2n }),
  ]);
  const third = await rig.call(write, request, { run: own, key: 'k', epoch: 3n });
  expect(readFileSync(join(dir, 'docs/out.txt'), 'utf8')).toBe('x');
  // A newer attempt takes the place of the one before, whose answer nobody would take any more.
  expect(first.status).toBe('rejected');
  if (second.status !== 'fulfilled') throw second.reason;
  expect(third.messages).toEqual(second.value.messages);
  expect(second.value.messages).toMatchObject([{ created: true }]);
  expect(third.result).toMatchObject({ epoch: 3n, idempotencyKey: 'k' });
  expect((await rig.call(write, { ...request, text: 'y' }, { run: own, key: 'k' })).failure).toBe('KEY_REUSED');
  expect((await rig.call(write, request, { run: 'r2', key: 'k' })).messages).toEqual(third.messages);
  expect(rig.runner.openCalls()).toMatchObject([{ idempotencyKey: 'k', running: false }]);
  await rig.close();

  const again = await edgeRig(dir, { config: WRITE });
  expect(await again.runner.recover()).toEqual({ unknown: 0, free: 0 });
  expect(again.runner.openCalls()).toMatchObject([{ idempotencyKey: 'k', running: false }]);
  const results: Parameters<typeof again.sinkFor>[0] = [];
  await again.runner.resend(again.sinkFor(results, []));
  expect(results).toMatchObject([{ job: 'r1/0/0', idempotencyKey: 'k', answer: { case: 'done' } }]);
  expect(results[0]!.epoch).toBeGreaterThan(0n);
  await again.runner.settled('k', 'r1/0/0');
  expect((await again.call(write, request, { run: own, key: 'k' })).messages).toEqual(third.messages);
  expect(readFileSync(join(dir, 'docs/out.txt'), 'utf8')).toBe('x');
  await again.close();
});

test('an intent of an earlier start is unknown for ever', async () => {
  const dir = edgeFolder();
  const rig = await edgeRig(dir, { config: WRITE });
  const signed = { run: 'r', key: 'lost' };
  const request = { path: 'docs/out.txt', text: 'x' };
  // The intent as the runner writes it, then the process dies.
  const probe = await rig.call(write, { ...request, text: 'probe' }, { run: 'r', key: 'probe' });
  const outcome = await rig.journal.outcome('probe');
  expect(probe.failure).toBeUndefined();
  const { createHash } = await import('node:crypto');
  const { create, toBinary } = await import('@bufbuild/protobuf');
  const params = toBinary(write.input, create(write.input, request));
  const paramsSha256 = createHash('sha256').update(outcome!.method).update('\0').update(params).digest();
  const value = {
    idempotencyKey: 'lost',
    job: 'r/0/0',
    run: 'r',
    method: outcome!.method,
    bootId: 'old',
    paramsSha256,
  };
  await rig.journal.append([{ case: 'intent', value }]);
  await rig.close();

  const again = await edgeRig(dir, { config: WRITE });
  expect(await again.runner.recover()).toEqual({ unknown: 1, free: 0 });
  const results: Parameters<typeof again.sinkFor>[0] = [];
  await again.runner.resend(again.sinkFor(results, []));
  expect(results.find(({ idempotencyKey }) => idempotencyKey === 'lost')).toMatchObject({
    job: 'r/0/0',
    epoch: 0n,
    answer: { case: 'unknown' },
  });
  const answer = await again.call(write, request, signed);
  expect(answer.result.answer.case).toBe('unknown');
  expect(answer.failure).toBe('OUTCOME_UNKNOWN');
  expect((await again.call(write, request, signed)).result.answer.case).toBe('unknown');
  expect(readFileSync(join(dir, 'docs/out.txt'), 'utf8')).toBe('probe');
  await again.close();
});

test('calls that are late, without expiry, unconfirmed, unknown, foreign or forged do not start', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': 'a' }), { config: WRITE });
  const request = { path: 'docs/out.txt', text: 'x' };
  expect((await rig.call(write, request, { expiresInMs: -1 })).failure).toBe('CALL_EXPIRED');
  expect((await rig.call(write, request, { expiresInMs: null })).failure).toBe('CALL_WITHOUT_EXPIRY');
  expect((await rig.call(write, request, { expiresInMs: 9e9 })).failure).toBe('CALL_WITHOUT_EXPIRY');
  const asked = { confirmation: Confirmation.ALWAYS };
  expect((await rig.call(stat, { path: 'a.md' }, asked)).failure).toBe('CONFIRMATION_NEEDED');
  expect((await rig.call(stat, { path: '' })).failure).toBe('INVALID_ARGUMENT');
  const change = (method: string) => ({
    change: (call: { method: string }) => {
      call.method = method;
    },
  });
  expect((await rig.call(stat, { path: 'a.md' }, change('x.y/Z'))).result.answer.case).toBe('neverStarted');
  await expect(
    rig.call(
      stat,
      { path: 'a.md' },
      {
        change: (call) => {
          call.device = 'e';
        },
      },
    ),
  ).rejects.toThrow('another device');
  await expect(
    rig.call(
      stat,
      { path: 'a.md' },
      {
        change: (call) => {
          call.sessionNonce = new Uint8Array(16);
        },
      },
    ),
  ).rejects.toThrow('another device or session');
  const forged = { ...rig.session, key: { keyId: 'k1', publicKey: Buffer.alloc(32, 1) } };
  const signed = rig.control.sign(
    stat,
    { path: 'a.md' },
    {},
    { now: () => Date.now(), monotonic: () => 0, after: () => () => {} },
  );
  await expect(rig.runner.handle(signed, forged, rig.sinkFor([], []))).rejects.toMatchObject({
    reason: 'TOOL_CALL_FORGED',
  });
  await rig.close();
});

test('a refused effect stays refused under its key; failures carry a reason and no words of the disk', async () => {
  const rig = await edgeRig(edgeFolder(), { config: WRITE });
  const request = { path: 'docs/other.txt', text: 'x' };
  const answers = [
    await rig.call(write, request, { run: 'r', key: 'k' }),
    await rig.call(write, request, { run: 'r', key: 'k' }),
  ];
  for (const { result, failure } of answers) {
    expect(result.answer.case).toBe('neverStarted');
    expect(failure).toBe('PATH_NOT_ALLOWED');
    if (result.answer.case === 'neverStarted') expect(result.answer.value).toMatchObject({ message: '', metadata: {} });
  }
  await rig.close();
});

test('repeats at the same time, for other runs and eyes, still make one effect', async () => {
  const dir = edgeFolder();
  const rig = await edgeRig(dir, { config: WRITE });
  const request = { path: 'docs/out.txt', text: 'x', mode: WriteMode.APPEND };
  const who = Array.from({ length: 8 }, (_, i) => ({ run: `r${i}`, key: 'k', recipient: i % 2 ? 'rules' : '' }));
  const answers = await Promise.all(who.map((how) => rig.call(write, request, how)));
  expect(readFileSync(join(dir, 'docs/out.txt'), 'utf8')).toBe('x');
  for (const { messages, result } of answers) {
    expect(messages).toEqual(answers[0]?.messages);
    expect(result.answer.case).toBe('done');
  }
  await rig.close();
});

test('refused and failed calls, however many, take a bounded room in the journal, also after a restart', async () => {
  const dir = edgeFolder({ 'docs/notes.md': 'x' });
  const flood = async (rig: Awaited<ReturnType<typeof edgeRig>>) => {
    const before = rig.journal.head.sequence;
    for (let call = 0; call < 200; call++) {
      const how = { run: 'r', key: `${before}-${call}` };
      expect((await rig.call(read, { path: '/etc/passwd' }, how)).failure).toBe('PATH_NOT_ALLOWED');
      expect((await rig.call(read, { path: 'docs/notes.md', startLine: 1 }, how)).failure).toBe('RANGE_NEEDS_GRANT');
      const unconfirmed = (call: ToolCall) => {
        call.confirmation = Confirmation.ALWAYS;
      };
      await rig.call(read, { path: 'docs/notes.md' }, { ...how, change: unconfirmed });
    }
    return rig.journal.head.sequence - before;
  };
  const first = await edgeRig(dir);
  expect(await flood(first)).toBe(REFUSALS_AN_HOUR);
  await first.runner.drain(1000);
  await first.close();
  const second = await edgeRig(dir);
  expect(await flood(second)).toBe(0);
  const sums = new Map<string, bigint>();
  for await (const { record } of second.journal.entries()) {
    if (record.case === 'toolRefused' && record.value.count > 0n)
      sums.set(record.value.failure?.reason ?? '', record.value.count);
  }
  expect([...sums.values()].reduce((all, count) => all + count, 0n)).toBe(600n - BigInt(REFUSALS_AN_HOUR));
  await second.close();
});

test('calls beyond the places wait, beyond the line are refused for now; a waiting one can be cancelled', async () => {
  const dir = edgeFolder();
  const gate = join(dir, 'docs/gate');
  const argv = ['/bin/sh', '-c', `while [ ! -e ${gate} ]; do sleep 0.05; done`];
  const config = `allow:\n  execute: [{argv: ${JSON.stringify(argv)}, confirm: never, isolation: none}]\nlimits: {parallel: 1, queue: 2}\n`;
  const rig = await edgeRig(dir, { config });
  const calls = ['a', 'b', 'c', 'd'].map((key) => rig.call(run, { argv }, { run: key, key }));
  const busy = await calls[3]!;
  expect(busy.failure).toBe('EDGE_BUSY');
  if (busy.result.answer.case === 'neverStarted') expect(busy.result.answer.value.retryable).toBe(true);
  expect(rig.runner.openCalls().map(({ running }) => running)).toEqual([true, true, true]);
  rig.runner.cancel('c/0/0', 0n);
  rig.runner.cancel('b/0/0', 1n);
  expect((await calls[1]!).result.answer.case).toBe('neverStarted');
  writeFileSync(gate, '');
  expect((await calls[0]!).failure).toBeUndefined();
  expect((await calls[2]!).failure).toBeUndefined();
  // Refused for now leaves the key free, but not the attempt; cancelled before it began is the key's answer for ever.
  expect((await rig.call(run, { argv }, { run: 'd', key: 'd' })).failure).toBe('EDGE_BUSY');
  expect((await rig.call(run, { argv }, { run: 'e', key: 'd' })).failure).toBeUndefined();
  expect((await rig.call(run, { argv }, { run: 'b', key: 'b' })).failure).toBe('CANCELED');
  await rig.close();
  expect((await rig.call(run, { argv })).failure).toBe('EDGE_STOPPING');
});

test('what runs when its session ends answers the next one, although it does not come again', async () => {
  const dir = edgeFolder();
  const argv = ['/bin/sh', '-c', 'while :; do sleep 0.05; done'];
  const rig = await edgeRig(dir, {
    config: `allow:\n  execute: [{argv: ${JSON.stringify(argv)}, confirm: never, isolation: none}]\n`,
  });
  const began = rig.call(run, { argv }, { run: 'r', key: 'k' }).catch((error: unknown) => error);
  await expect.poll(() => rig.journal.calls.get('k')?.state).toBe('intent');
  // A new session, in which the control plane says that it wants this no more.
  const results: Parameters<typeof rig.sinkFor>[0] = [];
  await rig.runner.resend(rig.sinkFor(results, []));
  rig.runner.cancel('r/0/0', 1n);
  await began;
  expect(results).toMatchObject([{ job: 'r/0/0', idempotencyKey: 'k', epoch: 1n }]);
  await rig.close();
});

test('a long answer is kept in a file and given again only under the permissions of today', async () => {
  const dir = edgeFolder();
  const argv = ['/bin/sh', '-c', 'yes secret | head -c 150000; echo x >> count'];
  const config = (output: string) =>
    `allow:\n  execute: [{argv: ${JSON.stringify(argv)}, cwd: DIR/docs, confirm: never, isolation: none, output: ${output}}]\n`;
  const sizeOf = (messages: { event: { value?: object | undefined } }[]) =>
    messages.reduce(
      (sum, { event }) => sum + (event.value && 'data' in event.value ? (event.value.data as Uint8Array).length : 0),
      0,
    );
  const rig = await edgeRig(dir, { config: config('share') });
  expect(sizeOf((await rig.call(run, { argv }, { run: 'r', key: 'k' })).messages)).toBe(150_000);
  await rig.close();
  const again = await edgeRig(dir, { config: config('share') });
  const repeated = await again.call(run, { argv }, { run: 'r', key: 'k', epoch: 2n });
  expect(sizeOf(repeated.messages)).toBe(150_000);
  expect(repeated.result.egress.find(({ field }) => field === 'output.data')?.grant).toMatch(/^config:execute/);
  await again.close();
  const withheld = await edgeRig(dir, { config: config('withhold') });
  const last = await withheld.call(run, { argv }, { run: 'r', key: 'k', epoch: 3n });
  expect(sizeOf(last.messages)).toBe(0);
  expect(last.result.withheld.length).toBeGreaterThan(0);
  await withheld.close();
  expect(readFileSync(join(dir, 'docs/count'), 'utf8')).toBe('x\n');
});

test('what cannot be written into the ledger does not leave', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': 'secret' }));
  const { run: own } = await rig.ask('read', ['docs/a.md']);
  await rig.journal.close();
  const { result, failure } = await rig.call(read, { path: 'docs/a.md' }, { run: own });
  expect(result.answer.case).toBe('neverStarted');
  expect(failure).toBe('CLOSED');
  expect(result.egress).toEqual([]);
  expect(rig.runner.refusals.list()).toMatchObject([{ why: { reason: 'CLOSED' }, count: 1 }]);
});

test('listing is paged in a fixed order; hidden and secret files are left out', async () => {
  const files = {
    'docs/b.md': '',
    'docs/a/x.md': '',
    'docs/a.md': '',
    'docs/.hidden': '',
    'docs/.other': '',
    'docs/.env': 'S=1',
    'docs/k.pem': '',
  };
  const rig = await edgeRig(edgeFolder(files), { config: "allow: {hidden: ['.hidden']}\n" });
  const names: string[] = [];
  let pageToken = '';
  do {
    const { messages } = await rig.call(list, { recursive: true, pageSize: 2, pageToken });
    names.push(...messages[0]!.files.map(({ path }) => path));
    pageToken = messages[0]!.nextPageToken;
  } while (pageToken !== '');
  expect(names).toEqual(['docs', 'docs/.hidden', 'docs/a', 'docs/a/x.md', 'docs/a.md', 'docs/b.md']);
  const page = async (request: { path?: string; glob?: string }) =>
    (await rig.call(list, request)).messages[0]!.files.map(({ path }) => path);
  expect(await page({ path: 'docs', glob: '*.md' })).toEqual(['docs/a.md', 'docs/b.md']);
  expect(await page({ path: 'docs', glob: '*.MD' })).toEqual([]);
  expect(await page({ path: 'docs', glob: '.*' })).toEqual(['docs/.hidden']);
  expect((await rig.call(list, { path: 'docs/a.md' })).failure).toBe('NOT_A_FOLDER');
  await rig.close();
});
