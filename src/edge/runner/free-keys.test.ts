// Keys that are free again: what did not happen and may pass begins anew under its key, once; what was refused for good does not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { FsService, WriteMode, WriteResponseSchema } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { filledError } from '../../../test/support/filled-error.ts';
import { AppError, type Reason } from '../../base/errors.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { MethodRegistry } from '../../contract/registry.ts';
import { RefusedAttempts } from './free-keys.ts';

const { write, read } = FsService.method;
const config = 'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\n';
const request = { path: 'docs/out.txt', text: 'x', mode: WriteMode.APPEND };

test.each<Reason>(['JOURNAL_FULL', 'LEDGER_FULL', 'JOURNAL_BUSY', 'JOURNAL_WRITE', 'DISK_FULL'])(
  'refused because of %s before it began: the key begins anew, the attempt never runs, the effect is there once',
  async (reason) => {
    const dir = edgeFolder();
    const out = () => readFileSync(join(dir, 'docs/out.txt'), 'utf8');
    const first = await edgeRig(dir, { config });
    vi.spyOn(first.journal, 'reserve').mockRejectedValueOnce(filledError(reason));
    const refused = await first.call(write, request, { run: 'r1', key: 'k' });
    expect(refused.result).toMatchObject({ keyFree: true, answer: { case: 'neverStarted', value: { reason } } });
    expect(() => out()).toThrow();
    // Its answer was lost on the way, and the call comes again: it is spent, also after a restart.
    const spent = { keyFree: true, answer: { case: 'neverStarted', value: { reason } } };
    expect((await first.call(write, request, { run: 'r1', key: 'k' })).result).toMatchObject(spent);
    await first.close();
    const second = await edgeRig(dir, { config });
    expect((await second.call(write, request, { run: 'r1', key: 'k' })).result).toMatchObject(spent);
    const anew = await Promise.all(['r2', 'r3'].map((run) => second.call(write, request, { run, key: 'k' })));
    for (const { result } of anew) expect(result).toMatchObject({ keyFree: false, answer: { case: 'done' } });
    // That the control plane has the refusal says nothing of the result.
    await second.runner.settled('k', 'r1/0/0');
    expect(second.journal.calls.get('k')).toMatchObject({ state: 'done', settled: false });
    // The old one comes late, after the new one.
    expect((await second.call(write, request, { run: 'r1', key: 'k' })).result).toMatchObject(spent);
    expect(out()).toBe('x');
    await second.close();
  },
);

test('a time that passed before it began frees the key; a refusal that only a change can help keeps it', async () => {
  const rig = await edgeRig(edgeFolder(), { config });
  vi.spyOn(rig.journal, 'reserve').mockRejectedValueOnce(new AppError('DEADLINE_EXCEEDED', { after: '1 ms' }));
  expect((await rig.call(write, request, { key: 'late' })).result).toMatchObject({ keyFree: true });
  for (const run of ['r1', 'r2']) {
    const denied = await rig.call(write, { ...request, path: 'docs/other.txt' }, { run, key: 'no' });
    expect(denied).toMatchObject({ failure: 'PATH_NOT_ALLOWED', result: { keyFree: false } });
  }
  expect((await rig.call(write, request, { key: 'old', expiresInMs: -1 })).result).toMatchObject({ keyFree: false });
  await rig.close();
});

test('a read that was refused for now is free and its attempt may come again: nothing can happen twice', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': 'a' }), { config });
  vi.spyOn(rig.journal.calls, 'admit').mockImplementationOnce(() => {
    throw new AppError('KEYS_FULL');
  });
  const how = { run: 'r', key: 'k' };
  expect(await rig.call(read, { path: 'docs/a.md' }, how)).toMatchObject({
    failure: 'KEYS_FULL',
    result: { keyFree: true },
  });
  expect((await rig.call(read, { path: 'docs/a.md' }, how)).failure).toBeUndefined();
  await rig.close();
});

test.each<Reason>(['EDGE_BUSY', 'DISK_FULL', 'FILE_CHANGED', 'FILE_UNREADABLE'])(
  'a tool that gives up with %s behind its intent',
  async (reason) => {
    const dir = edgeFolder();
    const free = reason !== 'FILE_UNREADABLE';
    let fails = true;
    let effects = 0;
    const method = new MethodRegistry(edgeCapabilities).byFullName(`${FsService.typeName}/Write`)!;
    const tool = {
      method: write,
      prepare: () => ({
        work: async (emit: (message: ReturnType<typeof response>) => Promise<void>) => {
          if (fails) throw filledError(reason);
          effects++;
          await emit(response());
        },
      }),
    };
    const response = () => create(WriteResponseSchema, { created: true });
    const open = () => edgeRig(dir, { config, tools: () => [{ method, tool: tool as never }] });
    const first = await open();
    const gave = await first.call(write, request, { run: 'r1', key: 'k' });
    expect(gave.result).toMatchObject({ keyFree: free, answer: { case: free ? 'neverStarted' : 'done' } });
    // The owner is told of what did not happen in `status`.
    expect(first.runner.refusals.list().map(({ why }) => why.reason)).toEqual(free ? [reason] : []);
    fails = false;
    await first.close();
    const second = await open();
    expect(await second.runner.recover()).toEqual({ unknown: 0, free: 0 });
    const again = await second.call(write, request, { run: 'r1', key: 'k' });
    expect(again.failure).toBe(reason);
    const anew = await second.call(write, request, { run: 'r2', key: 'k' });
    expect(anew.failure).toBe(free ? undefined : reason);
    expect(effects).toBe(free ? 1 : 0);
    await second.close();
  },
);

test('spent attempts are bounded, and the newest are those that are remembered', () => {
  const spent = new RefusedAttempts();
  const failure = { reason: 'JOURNAL_FULL' } as never;
  for (let n = 0; n < 5000; n++) spent.add({ job: `r${n}/0/0`, epoch: 1n }, failure);
  expect(spent.get({ job: 'r4999/0/0', epoch: 1n })).toBe(failure);
  expect(spent.get({ job: 'r4999/0/0', epoch: 2n })).toBeUndefined();
  expect(spent.get({ job: 'r0/0/0', epoch: 1n })).toBeUndefined();
});
