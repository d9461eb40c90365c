// A call that ended the process is answered failed, not run again; nobody else pays for it, and nobody after the machine ended.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { IntentSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { edgeFolder, edgeRig, type RigOptions } from '../../../test/support/edge-rig.ts';
import { toolset } from '../tools/toolset.ts';
import { InHand } from './in-hand.ts';

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
            const work = tool.prepare(request, call);
            const path = 'path' in request ? String(request.path) : '';
            return async (emit) => {
              runs.push(path);
              if (!deadly(method.desc.name, path)) return work(emit);
              begun();
              await new Promise(() => {});
            };
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

test('a READ that was at work when the process ended is failed under its key, for ever, and others run', async () => {
  const dir = edgeFolder(FILES);
  const { runs, options, hit } = deadlyTools((_method, path) => path === 'docs/a.md');
  const first = await edgeRig(dir, options);
  expect((await first.call(stat, { path: 'docs/b.md' }, { key: 'innocent' })).failure).toBeUndefined();
  const died = hit();
  void first.call(stat, { path: 'docs/a.md' }, { run: 'r', key: 'deadly' });
  await died;
  for (const start of [1, 2, 3]) {
    const rig = await edgeRig(dir, options);
    expect(await rig.runner.recover()).toEqual({ unknown: 0, failed: start === 1 ? 1 : 0 });
    const answer = await rig.call(stat, { path: 'docs/a.md' }, { key: 'deadly' });
    expect([answer.result.answer.case, answer.failure]).toEqual(['done', 'CALL_ENDED_PROCESS']);
    expect((await rig.call(stat, { path: 'docs/b.md' }, { key: 'innocent' })).failure).toBeUndefined();
    if (start === 2) await rig.runner.settled('deadly', 'r/0/0');
    await rig.close();
  }
  expect(runs.filter((path) => path === 'docs/a.md')).toHaveLength(1);
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
  expect(await again.runner.recover()).toEqual({ unknown: 1, failed: 0 });
});

test('a call that ended by itself or was refused leaves nothing behind, and places are used again', async () => {
  const dir = edgeFolder(FILES);
  const rig = await edgeRig(dir);
  await Promise.all(Array.from({ length: 40 }, (_, n) => rig.call(stat, { path: 'docs/a.md' }, { key: `k${n}` })));
  await rig.call(stat, { path: '../../etc/passwd' }, { key: 'refused' });
  const again = await edgeRig(dir);
  expect(await again.runner.recover()).toEqual({ unknown: 0, failed: 0 });
});

test('whatever stands in the file, a start reads what it can and goes on', () => {
  const path = join(edgeFolder(), 'in-hand');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9000 }), fc.nat(8191), (noise, at) => {
      rmSync(path, { force: true });
      const one = new InHand(path, 'boot');
      one.begin(create(IntentSchema, { idempotencyKey: 'k' }));
      one.close();
      const two = new InHand(path, 'boot');
      expect(two.left.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['k']);
      two.begin(create(IntentSchema, { idempotencyKey: 'k' }));
      two.close();
      writeFileSync(path, Buffer.concat([Buffer.alloc(at), noise]));
      new InHand(path, 'boot').close();
    }),
  );
});
