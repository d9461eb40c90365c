// A READ that was in hand when the process ended runs again; a request at two ends is refused; nobody else pays for it, and nobody after
// the machine ended.
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FsService, WriteMode, WriteRequestSchema } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { IntentSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { edgeFolder, edgeRig, type RigOptions } from '../../../test/support/edge-rig.ts';
import { systemClock } from '../../base/clock.ts';
import { encodeRecord, type RecordInit } from '../journal/records.ts';
import { toolset } from '../tools/toolset.ts';
import { InHand } from './in-hand.ts';
import { Suspects } from './suspects.ts';
import { paramsDigest } from './verify-call.ts';

const { stat, list, write } = FsService.method;
const FILES = { 'docs/a.md': 'a', 'docs/b.md': 'b' };

/** Tools of which `deadly` never come back; the test then goes on as if the process had ended there. */
function deadlyTools(deadly: (method: string, path: string) => boolean) {
  const runs: string[] = [];
  let begun = () => {};
  const options: RigOptions = {
    config: 'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\n',
    tools: (parts) =>
      toolset(parts).map(({ method, tool }) => ({
        method,
        tool: {
          method: tool.method,
          prepare(request, call) {
            const { change, work } = tool.prepare(request, call);
            const path = 'path' in request ? String(request.path) : '';
            const deadlyWork: typeof work = async (emit) => {
              runs.push(path);
              if (!deadly(method.desc.name, path)) return work(emit);
              begun();
              await new Promise(() => {});
            };
            return { ...(change ? { change } : {}), work: deadlyWork };
          },
        },
      })),
  };
  const hit = () =>
    new Promise<void>((resolve) => {
      begun = resolve;
    });
  return { runs, options, hit };
}

test('a READ that was at work when the process was killed runs again under its key, and is answered', async () => {
  const dir = edgeFolder(FILES);
  let deadly = true;
  const { runs, options, hit } = deadlyTools((_method, path) => deadly && path === 'docs/a.md');
  const first = await edgeRig(dir, options);
  expect((await first.call(stat, { path: 'docs/b.md' }, { key: 'innocent' })).failure).toBeUndefined();
  const died = hit();
  void first.call(stat, { path: 'docs/a.md' }, { run: 'r', key: 'cut' });
  await died;
  deadly = false;
  for (const start of [1, 2]) {
    const rig = await edgeRig(dir, options);
    expect(await rig.runner.recover()).toEqual({ unknown: 0, free: start === 1 ? 1 : 0 });
    expect(rig.runner.openCalls()).toEqual([]);
    const answer = await rig.call(stat, { path: 'docs/a.md' }, { run: 'r', key: 'cut' });
    expect([answer.result.answer.case, answer.failure]).toEqual(['done', undefined]);
    expect(answer.messages).toMatchObject([{ file: { path: 'docs/a.md' } }]);
    expect((await rig.call(stat, { path: 'docs/b.md' }, { key: 'innocent' })).failure).toBeUndefined();
    await rig.close();
  }
  expect(runs.filter((path) => path === 'docs/a.md')).toHaveLength(3);
});

test('a request that came to its end between two ends of the process is not suspected', async () => {
  const dir = edgeFolder(FILES);
  let deadly = true;
  const { options, hit } = deadlyTools((_method, path) => deadly && path === 'docs/a.md');
  for (const key of ['k1', 'k2']) {
    deadly = false;
    const rig = await edgeRig(dir, options);
    await rig.runner.recover();
    expect((await rig.call(stat, { path: 'docs/a.md' }, { key: `${key}-before` })).failure).toBeUndefined();
    deadly = true;
    const died = hit();
    void rig.call(stat, { path: 'docs/a.md' }, { key });
    await died;
  }
  deadly = false;
  const rig = await edgeRig(dir, options);
  await rig.runner.recover();
  expect((await rig.call(stat, { path: 'docs/a.md' }, { key: 'k2' })).failure).toBeUndefined();
  await rig.close();
});

test('the same request that was at work at two ends is refused under every key, until there is another build', async () => {
  const dir = edgeFolder(FILES);
  const { runs, options, hit } = deadlyTools((_method, path) => path === 'docs/a.md');
  for (const key of ['k1', 'k2']) {
    const rig = await edgeRig(dir, options);
    await rig.runner.recover();
    const died = hit();
    void rig.call(stat, { path: 'docs/a.md' }, { key });
    await died;
  }
  const rig = await edgeRig(dir, options);
  await rig.runner.recover();
  expect((await rig.call(stat, { path: 'docs/a.md' }, { key: 'k3' })).failure).toBe('CALL_ENDED_PROCESS');
  expect((await rig.call(stat, { path: 'docs/b.md' }, { key: 'k4' })).failure).toBeUndefined();
  expect(runs.filter((path) => path === 'docs/a.md')).toHaveLength(2);
  await rig.journal.append([{ case: 'started', value: { bootId: 'b', build: 'another' } }]);
  const died = hit();
  void rig.call(stat, { path: 'docs/a.md' }, { key: 'k5' });
  await died;
});

test('an effect that was cut stays unknown; after the machine itself ended nobody is suspected', async () => {
  const dir = edgeFolder(FILES);
  const { options, hit } = deadlyTools((method) => method === 'Write' || method === 'List');
  const first = await edgeRig(dir, options);
  for (const died of [hit()]) {
    void first.call(write, { path: 'docs/out.txt', text: 'x', mode: WriteMode.APPEND }, { key: 'effect' });
    await died;
  }
  const died = hit();
  void first.call(list, { path: 'docs' }, { key: 'read' });
  await died;
  const again = await edgeRig(dir, { ...options, machineBoot: 'next' });
  expect(await again.runner.recover()).toEqual({ unknown: 1, free: 0 });
});

test('a call that ended by itself or was refused leaves nothing behind, and places are used again', async () => {
  const dir = edgeFolder(FILES);
  const rig = await edgeRig(dir);
  await Promise.all(Array.from({ length: 40 }, (_, n) => rig.call(stat, { path: 'docs/a.md' }, { key: `k${n}` })));
  await rig.call(stat, { path: '../../etc/passwd' }, { key: 'refused' });
  const again = await edgeRig(dir);
  expect(await again.runner.recover()).toEqual({ unknown: 0, free: 0 });
});

test('whatever stands in the file, a start reads what it can and goes on', () => {
  const path = join(edgeFolder(), 'in-hand');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9000 }), fc.nat(8191), (noise, at) => {
      rmSync(path, { force: true });
      const one = new InHand(path, 'boot');
      one.begin(create(IntentSchema, { idempotencyKey: 'k' }));
      const two = new InHand(path, 'boot');
      expect(two.left.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['k']);
      two.begin(create(IntentSchema, { idempotencyKey: 'k' }));
      two.close();
      writeFileSync(path, Buffer.concat([Buffer.alloc(at), noise]));
      new InHand(path, 'boot').close();
    }),
  );
});

const WRITE = { path: 'docs/out.txt', text: 'x', mode: WriteMode.APPEND };
const CONFIG = 'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\n';

/** What a start would find if the process were killed now. */
function leftNow(dir: string): string[] {
  const copy = join(dir, 'copy');
  copyFileSync(join(dir, 'home/in-hand'), copy);
  const file = new InHand(copy, 'boot');
  file.close();
  return file.left.map(({ idempotencyKey }) => idempotencyKey);
}

/** The process is killed while it looks at a write. */
function killedAtWrite(dir: string, key: string): void {
  const method = 'bowline.capability.fs.v1.FsService/Write';
  const params = toBinary(WriteRequestSchema, create(WriteRequestSchema, WRITE));
  const call = { idempotencyKey: key, job: 'r/0/0', run: 'r', method, paramsSha256: paramsDigest({ method, params }) };
  new InHand(join(dir, 'home/in-hand'), 'boot').begin(create(IntentSchema, call));
}

test('an effect that was in hand without an intent never began: its key is free, and the request is suspected at two ends', async () => {
  const dir = edgeFolder(FILES);
  for (const key of ['k1', 'k2']) {
    killedAtWrite(dir, key);
    const rig = await edgeRig(dir, { config: CONFIG });
    expect(await rig.runner.recover()).toEqual({ unknown: 0, free: 1 });
    expect(rig.runner.openCalls().map(({ idempotencyKey }) => idempotencyKey)).not.toContain(key);
    expect((await rig.call(write, { ...WRITE, text: '' }, { key: `other-${key}` })).failure).toBeUndefined();
    if (key === 'k2') {
      const answer = await rig.call(write, WRITE, { run: 'r', key });
      expect([answer.result.answer.case, answer.failure]).toEqual(['neverStarted', 'CALL_ENDED_PROCESS']);
    }
    await rig.close();
  }
  const rig = await edgeRig(dir, { config: CONFIG });
  expect(await rig.runner.recover()).toEqual({ unknown: 0, free: 0 });
  await rig.journal.append([{ case: 'started', value: { bootId: 'b', build: 'another' } }]);
  for (const _ of ['begun', 'again'])
    expect((await rig.call(write, WRITE, { run: 'r', key: 'k1' })).failure).toBeUndefined();
  expect(readFileSync(join(dir, 'docs/out.txt'), 'utf8')).toBe('x');
  await rig.close();
});

test('wherever it is killed once a call is decided or answered, the next start does not find it in hand', async () => {
  const dir = edgeFolder(FILES);
  const rig = await edgeRig(dir, { config: CONFIG });
  const found: string[][] = [];
  const append = rig.journal.append.bind(rig.journal);
  rig.journal.append = async (records, how) => {
    if (records.some(({ case: kind }) => kind === 'toolRefused')) found.push(leftNow(dir));
    return append(records, how);
  };
  const told: string[] = [];
  const send = (method: typeof write | typeof stat, request: object, how: { key: string; expiresInMs?: number }) =>
    rig.runner.handle(rig.control.sign(method, request, how, systemClock), rig.session, {
      ...rig.sinkFor([], []),
      result: async ({ answer }) => {
        found.push(leftNow(dir));
        told.push(answer.case === 'neverStarted' ? answer.value.reason : String(answer.case));
      },
    });
  await send(write, WRITE, { key: 'done' });
  await send(stat, { path: 'docs/a.md' }, { key: 'read' });
  await send(stat, { path: 'docs/none.md' }, { key: 'absent' });
  await send(write, WRITE, { key: 'expired', expiresInMs: -86_400_000 });
  await rig.runner.drain(0);
  await send(write, WRITE, { key: 'stopping' });
  expect(told).toEqual(['done', 'done', 'done', 'CALL_EXPIRED', 'EDGE_STOPPING']);
  expect(found.length).toBeGreaterThan(told.length);
  expect(found.flat()).toEqual([]);
  await rig.close();
});

test('a clean end blames nobody: calls that are still at work leave nothing in the file', async () => {
  const dir = edgeFolder(FILES);
  const path = join(dir, 'home/in-hand');
  const one = new InHand(path, 'boot');
  const [over] = ['a', 'b'].map((key) => one.begin(create(IntentSchema, { idempotencyKey: key })));
  expect(leftNow(dir)).toEqual(['a', 'b']);
  one.close();
  over?.();
  one.begin(create(IntentSchema, { idempotencyKey: 'late' }));
  expect(new InHand(path, 'boot').left).toEqual([]);
});

test('several calls that were at work keep what is theirs: the digest of one is not that of another', () => {
  const path = join(edgeFolder({}), 'in-hand');
  const first = new InHand(path, 'boot');
  const digests = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
  for (const [at, paramsSha256] of digests.entries()) {
    first.begin(create(IntentSchema, { idempotencyKey: `k${at}`, method: 'm', paramsSha256 }));
  }
  const { left } = new InHand(path, 'boot');
  expect(left.map(({ paramsSha256 }) => [...paramsSha256])).toEqual(digests.map((digest) => [...digest]));
});

test('of a request that the owner was asked about more ends are needed, and not without limit', () => {
  const suspects = new Suspects();
  const paramsSha256 = new Uint8Array(32).fill(7);
  const apply = (record: RecordInit) => suspects.apply({ sequence: 1, at: 0, record: encodeRecord(record, 0).record });
  const end = () => apply({ case: 'toolOutcome', value: { paramsSha256, failure: { reason: 'CALL_ENDED_PROCESS' } } });
  const judged = () => [false, true].map((wasAsked) => suspects.has(paramsSha256, () => wasAsked));
  end();
  apply({ case: 'approvalRequested', value: { paramsSha256 } });
  end();
  // What came to its end for the question does not count any more.
  expect(judged()).toEqual([false, false]);
  end();
  expect(judged()).toEqual([true, false]);
  for (let n = 0; n < 5; n++) end();
  expect(judged()).toEqual([true, false]);
  end();
  expect(judged()).toEqual([true, true]);
  apply({ case: 'toolOutcome', value: { paramsSha256 } });
  expect(judged()).toEqual([false, false]);
});
