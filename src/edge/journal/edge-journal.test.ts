import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GrantEndReason, JournalRecordSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, type EdgeJournalOptions, openEdgeJournal } from './edge-journal.ts';
import { openJournal } from './open-journal.ts';
import { decodeRecord, type Entry, encodeRecord, type RecordInit } from './records.ts';

const DIR = '/j';
const clock = () => new ManualClock();
const DAY = 86_400_000;

function open(fs: MemoryFs, more: Partial<EdgeJournalOptions> = {}): Promise<EdgeJournal> {
  const onFatal = () => {};
  return openEdgeJournal(DIR, {
    clock: clock(),
    log: silentLogger,
    onFatal,
    fs,
    segmentBytes: 3000,
    stepBytes: 1024,
    ...more,
  });
}

const expireTime = timestampFromMs(clock().now() + DAY);
const paramsSha256 = new Uint8Array(32).fill(7);
const METHOD = 'bowline.capability.fs.v1.FsService/Write';

const intent = (key: string, bootId = 'boot-1'): RecordInit => ({
  case: 'intent',
  value: { idempotencyKey: key, job: key, run: key.split('/')[0]!, method: METHOD, paramsSha256, bootId, expireTime },
});
const outcome = (key: string, text = 'ok'): RecordInit => ({
  case: 'toolOutcome',
  value: {
    idempotencyKey: key,
    job: key,
    method: METHOD,
    paramsSha256,
    expireTime,
    result: { job: key, idempotencyKey: key, answer: { case: 'done', value: { responses: [Buffer.from(text)] } } },
  },
});
const read = (key: string): RecordInit => ({
  case: 'toolOutcome',
  value: { idempotencyKey: key, job: key, method: METHOD, paramsSha256, expireTime, resultSha256: paramsSha256 },
});
const refused = (key: string): RecordInit => ({
  case: 'toolRefused',
  value: { idempotencyKey: key, job: key, method: METHOD, failure: { reason: 'NOT_ALLOWED' } },
});
const freed = (key: string): RecordInit => ({
  case: 'toolOutcome',
  value: {
    idempotencyKey: key,
    job: key,
    failure: { reason: 'EDGE_BUSY' },
    result: { job: key, keyFree: true, answer: { case: 'neverStarted', value: { reason: 'EDGE_BUSY' } } },
  },
});
const settled = (key: string): RecordInit => ({ case: 'toolSettled', value: { idempotencyKey: key } });
const ask = (run: string): RecordInit => ({
  case: 'ask',
  value: { requestId: `request ${run}`, ask: { run, conversation: 'c', text: `ask of ${run}` } },
});
const accepted = (sequence: number): RecordInit => ({ case: 'askOutcome', value: { sequence: BigInt(sequence) } });
const answered = (run: string): RecordInit => ({ case: 'runAnswered', value: { run } });
const granted = (id: string): RecordInit => ({
  case: 'grantMinted',
  value: { id, collection: 'docs', recipients: ['local'] },
});
const filler = (size: number): RecordInit => ({
  case: 'ledger',
  value: { entries: [{ path: 'x'.repeat(size), field: 'text', bytes: 1n }] },
});

test('the three answers are told apart, and an intent of an earlier boot is nobody’s', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([intent('r/0/0'), intent('r/0/1')]);
  await journal.append([outcome('r/0/0')]);
  await journal.append([refused('r/0/2')]);
  expect(['r/0/0', 'r/0/1', 'r/0/2', 'r/0/3'].map((key) => journal.calls.get(key)?.state)).toEqual([
    'done',
    'intent',
    'never',
    undefined,
  ]);
  const again = await open(fs.kill());
  expect(again.calls.orphans('boot-2').map((call) => call.key)).toEqual(['r/0/1']);
  expect(again.calls.orphans('boot-1')).toEqual([]);
  expect(again.calls.get('r/0/0')).toMatchObject({
    run: 'r',
    bootId: 'boot-1',
    params: '07'.repeat(32),
    expiresAt: clock().now() + DAY,
  });
  const result = (await again.outcome('r/0/0'))!.result!;
  expect(result.answer.case === 'done' && Buffer.from(result.answer.value.responses[0]!).toString()).toBe('ok');
});

test('blobs of remembered answers are needed, others are not', async () => {
  const journal = await open(new MemoryFs(), { calls: { keepMs: 0 } });
  await journal.append([intent('a/0/0')]);
  await journal.append([
    { case: 'toolOutcome', value: { idempotencyKey: 'a/0/0', job: 'a/0/0', blob: 'long', expireTime } },
  ]);
  expect([...journal.calls.blobs()]).toEqual(['long']);
  await journal.append([settled('a/0/0')]);
  journal.calls.forget(journal.now() + 2 * DAY);
  expect([...journal.calls.blobs()]).toEqual([]);
});

test('a settled READ is forgotten, an effect or a refusal is not until it expired', async () => {
  const journal = await open(new MemoryFs(), { calls: { maxSettled: 2 } });
  for (const record of [read('a/0/0'), intent('b/0/0'), outcome('b/0/0'), refused('c/0/0')])
    await journal.append([record]);
  for (const key of ['a/0/0', 'b/0/0', 'c/0/0']) await journal.append([settled(key)]);
  expect(journal.calls.get('a/0/0')).toBeUndefined();
  expect(journal.calls.get('b/0/0')).toMatchObject({ state: 'done', settled: true });
  expect(() => journal.calls.admit(undefined, journal.now())).toThrow(
    expect.objectContaining({
      reason: 'KEYS_FULL',
      message: expect.stringContaining('limits.tool_calls in config.yaml'),
    }),
  );
  journal.calls.admit(undefined, journal.now() + 2 * DAY);
  expect(journal.calls.size).toBe(0);
  expect(() => journal.calls.admit(expireTime, journal.now())).toThrow(
    expect.objectContaining({ reason: 'CALL_EXPIRED' }),
  );
});

test('a busy day fills no journal: what the control plane has falls to digests, and each key is still known', async () => {
  const fs = new MemoryFs();
  const options = { maxBytes: 512 << 10, segmentBytes: 32 << 10, calls: { keepWhole: 16 } };
  let journal = await open(fs, options);
  const text = 'x'.repeat(4096);
  for (let n = 0; n < 1000; n++) {
    await journal.append([intent(`r/${n}/0`)]);
    await journal.append([outcome(`r/${n}/0`, text)]);
    await journal.append([settled(`r/${n}/0`)]);
    journal.calls.admit(expireTime, journal.now());
  }
  expect(journal.bytes).toBeLessThanOrEqual(512 << 10);
  expect(journal.firstSequence).toBeGreaterThan(1);
  for (const _ of ['here', 'after a restart']) {
    for (let n = 0; n < 1000; n += 37) {
      expect(journal.calls.get(`r/${n}/0`), `${n}`).toMatchObject({ state: 'done', effect: true, settled: true });
      expect('07'.repeat(32).startsWith(journal.calls.get(`r/${n}/0`)!.params)).toBe(true);
    }
    expect(journal.calls.get('r/1000/0')).toBeUndefined();
    journal = await open(fs.kill(), options);
  }
});

test('a result that the control plane has not taken outlives pruning whole, until its call expired', async () => {
  const fs = new MemoryFs();
  const manual = clock();
  const journal = await open(fs, { maxBytes: 256 << 10, segmentBytes: 8 << 10, clock: manual });
  await journal.append([intent('kept/0/0')]);
  await journal.append([outcome('kept/0/0', 'the answer')]);
  for (let n = 0; n < 60; n++) await journal.append([filler(3000)]);
  await journal.prune(16 << 10);
  const answer = (await journal.outcome('kept/0/0'))?.result?.answer;
  expect(answer?.case === 'done' && Buffer.from(answer.value.responses[0]!).toString()).toBe('the answer');
  manual.advance(2 * DAY);
  await journal.signedTime(manual.now(), true);
  for (let n = 0; n < 60; n++) await journal.append([filler(3000)]);
  await journal.prune(16 << 10);
  expect(await journal.outcome('kept/0/0')).toBeUndefined();
  expect(journal.calls.get('kept/0/0')).toMatchObject({ state: 'done', sequence: 0 });
});

test('open asks keep their order and end with the answer or the refusal', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  for (const run of ['one', 'two', 'three']) await journal.append([ask(run)]);
  await journal.append([accepted(1)]);
  await journal.append([{ case: 'askOutcome', value: { sequence: 2n, refused: { reason: 'LIMIT_EXCEEDED' } } }]);
  const again = await open(fs.kill());
  for (const { asks } of [journal, again]) {
    expect(asks.open().map(({ run, sequence, accepted }) => [run, sequence, accepted])).toEqual([
      ['one', 1, true],
      ['three', 3, false],
    ]);
    expect(asks.open()[1]?.requestId).toBe('request three');
  }
  await again.append([answered('one')]);
  expect(again.asks.open().map((entry) => entry.run)).toEqual(['three']);
});

test('time on the edge never goes back, also not over a restart with a wrong clock', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([ask('now')]);
  const behind = await open(fs.kill(), { clock: new ManualClock(0) });
  expect(behind.now()).toBe(clock().now());
  await behind.append([ask('later')]);
  const entries: Entry[] = [];
  for await (const entry of behind.entries()) entries.push(entry);
  expect(entries.map((entry) => entry.at)).toEqual([clock().now(), clock().now()]);
});

test('a record that this version does not know stops the start', async () => {
  const fs = new MemoryFs();
  const plain = await openJournal(DIR, { clock: clock(), log: silentLogger, onFatal: () => {}, fs });
  await plain.append([Uint8Array.of(0xfa, 0x7f, 1, 0)]);
  await expect(open(fs.kill())).rejects.toMatchObject({ reason: 'JOURNAL_NEWER' });
  expect(() => decodeRecord(1, Uint8Array.of(0xff))).toThrow(expect.objectContaining({ reason: 'JOURNAL_DAMAGED' }));
});

test('old segments that went without a checkpoint stop the start', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  for (let i = 0; i < 12; i++) await journal.append([filler(900)]);
  const less = fs.kill();
  await less.unlink(less.paths()[0]!);
  await expect(open(less)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED' });
});

test('the journal prunes itself before it is full and goes on for ever', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs, { maxBytes: 20_000 });
  await journal.append([ask('open'), intent('keep/0/0')]);
  const session = { sessionEpoch: 41n, resumeToken: Uint8Array.of(7) };
  await journal.append([{ case: 'sessionOpened', value: session }]);
  for (let i = 0; i < 100; i++) await journal.append([filler(900)]);
  expect(journal.bytes).toBeLessThan(20_000);
  expect(journal.firstSequence).toBeGreaterThan(50);
  const again = await open(fs.kill(), { maxBytes: 20_000 });
  expect(again.asks.open().map(({ run, sequence }) => [run, sequence])).toEqual([['open', 1]]);
  expect(again.calls.get('keep/0/0')).toMatchObject({ state: 'intent', bootId: 'boot-1' });
  expect(again.session).toEqual({ epoch: 41n, resumeToken: Uint8Array.of(7) });
});

test('a full journal still takes what makes room in it: answers, refusals, settled results; and then new work', async () => {
  const fs = new MemoryFs();
  const manual = clock();
  const options = { maxBytes: 64_000, segmentBytes: 4000, clock: manual };
  let journal = await open(fs, options);
  const text = 'q'.repeat(500);
  const put = async (n: number) => {
    if (n % 2) return journal.append([outcome(`r${n}/0/0`, text)]);
    return journal.append([
      { case: 'ask', value: { requestId: `${n}`, ask: { run: `r${n}`, conversation: 'c', text } } },
    ]);
  };
  let n = 0;
  const refused = await (async () => {
    for (; n < 1000; n++) await put(n);
  })().catch((error: unknown) => error);
  expect(refused).toMatchObject({ reason: 'JOURNAL_FULL', metadata: { limit: '64000', folder: DIR } });
  expect(journal.bytes).toBeLessThanOrEqual(64_000);
  // A full one can start again, connect, and be emptied by what the control plane says.
  journal = await open(fs.kill(), options);
  await journal.append([{ case: 'started', value: { bootId: 'b2' } }]);
  await journal.append([{ case: 'sessionOpened', value: { sessionEpoch: 2n } }]);
  await journal.append([{ case: 'ledger', value: { entries: [{ field: 'hello.device', bytes: 4n }] } }], {
    ending: true,
  });
  await expect(put(n)).rejects.toMatchObject({ reason: 'JOURNAL_FULL' });
  for (let i = 0; i < n; i++) await journal.append([i % 2 ? settled(`r${i}/0/0`) : answered(`r${i}`)]);
  manual.advance(1_000);
  await put(n);
  expect(journal.bytes).toBeLessThan(60_000);
  for (let i = 1; i < n; i += 2) expect(journal.calls.get(`r${i}/0/0`)).toMatchObject({ state: 'done', settled: true });
  expect(journal.asks.open().map(({ run }) => run)).toEqual(n % 2 ? [] : [`r${n}`]);
  expect(await journal.verify()).toMatchObject({ ok: true });
});

const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('intent', 'outcome', 'freed', 'read', 'refused', 'settled'), key: fc.nat(7) }),
  fc.record({ kind: fc.constantFrom('ask', 'accepted', 'answered', 'session'), key: fc.nat(7) }),
  fc.record({ kind: fc.constantFrom('granted', 'revoked'), key: fc.nat(7) }),
  fc.record({ kind: fc.constant('filler' as const), key: fc.nat(1500) }),
  fc.record({ kind: fc.constant('prune' as const), key: fc.nat(5000) }),
);

test('whatever was pruned, a restart remembers the same keys, answers, asks, standing grants and anchor', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const fs = new MemoryFs();
      const journal = await open(fs);
      const pending: Promise<unknown>[] = [];
      const revoked = new Set<string>();
      for (const { kind, key } of steps) {
        const name = `k${key}/0/0`;
        const call = journal.calls.get(name);
        if (kind === 'prune') pending.push(journal.prune(key));
        else if (kind === 'filler') await journal.append([filler(key)]);
        else if (kind === 'intent' && !call) await journal.append([intent(name)]);
        else if (kind === 'outcome' && call?.state === 'intent')
          await journal.append([outcome(name, `answer ${name}`)]);
        else if (kind === 'freed' && call?.state === 'intent') await journal.append([freed(name)]);
        else if (kind === 'read' && !call) await journal.append([read(name)]);
        else if (kind === 'refused' && !call) await journal.append([refused(name)]);
        else if (kind === 'settled' && call && call.state !== 'intent') await journal.append([settled(name)]);
        else if (kind === 'ask' && !journal.asks.get(name)) await journal.append([ask(name)]);
        else if (kind === 'accepted' && journal.asks.get(name))
          await journal.append([accepted(journal.asks.get(name)!.sequence)]);
        else if (kind === 'answered' && journal.asks.get(name)) await journal.append([answered(name)]);
        else if (kind === 'granted' && !revoked.has(name)) await journal.append([granted(name)]);
        else if (kind === 'revoked' && journal.standing.get(name)) {
          revoked.add(name);
          await journal.append([{ case: 'grantEnded', value: { id: name, why: GrantEndReason.REVOKED } }]);
        } else if (kind === 'session') {
          const { sequence, hash } = journal.head;
          await journal.append([
            { case: 'sessionOpened', value: { anchor: { sequence: BigInt(sequence), headSha256: hash } } },
          ]);
        }
      }
      await Promise.all(pending);
      const names = Array.from({ length: 8 }, (_, key) => `k${key}/0/0`);
      const answers = new Map(
        await Promise.all(names.map(async (name) => [name, await journal.outcome(name)] as const)),
      );
      const again = await open(fs.kill());
      for (const name of names) {
        const [before, after] = [journal.calls.get(name), again.calls.get(name)];
        // What is settled may be sent once more after a restart, and a settled READ may come back; nothing else changes.
        if (before || after?.effect)
          expect(after).toMatchObject({ ...before, settled: after?.settled ?? true, bootId: after?.bootId ?? '' });
        // A key that was free, or never known, is not taken for one that may have happened.
        else expect(after?.state).not.toBe('intent');
        if (before) expect(await again.outcome(name)).toEqual(answers.get(name));
      }
      expect(again.asks.open()).toEqual(journal.asks.open());
      const standing = ({ standing: book }: EdgeJournal) =>
        book
          .list()
          .map(({ id }) => id)
          .sort();
      expect(standing(again)).toEqual(standing(journal));
      for (const id of revoked) expect(again.standing.get(id)).toBeUndefined();
      expect(again.anchor?.sequence).toBe(journal.anchor?.sequence);
      expect(Buffer.from(again.anchor?.hash ?? [])).toEqual(Buffer.from(journal.anchor?.hash ?? []));
      expect(await again.verify()).toMatchObject({ ok: true });
    }),
    { numRuns: Number(process.env.CRASH_RUNS ?? 150) },
  );
});

test('a key that becomes free while a checkpoint is made stays free', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([intent('k/0/0')]);
  for (let n = 0; n < 12; n++) await journal.append([filler(1000)]);
  const pruned = journal.prune(0);
  await journal.append([freed('k/0/0')]);
  expect(await pruned).toBeGreaterThan(0);
  expect(journal.calls.get('k/0/0')).toBeUndefined();
  expect((await open(fs.kill())).calls.get('k/0/0')).toBeUndefined();
});

test('encoding costs at most what a reservation adds', () => {
  const { bytes } = encodeRecord(outcome('k', 'x'.repeat(70_000)), Date.UTC(2200, 0, 1) + 0.5);
  const alone = encodeRecord(outcome('k', 'x'.repeat(70_000)), 0).bytes;
  expect(bytes.length - alone.length).toBeLessThan(20);
  expect(create(JournalRecordSchema).record.case).toBeUndefined();
});
