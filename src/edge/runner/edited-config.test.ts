// An edit of the configuration counts for every call that begins after it, also for those that were judged or allowed before.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig, type RigOptions } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import { toolset } from '../tools/toolset.ts';

const one = (confirm: string, name = 'a.txt') => `allow: {write: [{path: DIR/docs/${name}, confirm: ${confirm}}]}\n`;

async function scene(config: string, more: RigOptions = {}) {
  const dir = edgeFolder({ 'docs/a.txt': 'old', 'docs/b.txt': 'old' });
  const rig = await edgeRig(dir, { config, ...more });
  onTestFinished(() => rig.close());
  const session = sessionOf(rig);
  const text = (name = 'a.txt') => readFileSync(join(dir, 'docs', name), 'utf8');
  const write = (n: number, name = 'a.txt') =>
    session.write(`docs/${name}`, `新 ${n}`, { run: 'r', job: `r/0/${n}`, key: `k${n}` });
  const reasons = () => session.results.map(reasonOf);
  return { dir, rig, session, write, text, reasons };
}

test('a held call whose entry is gone is refused after the yes, and one whose entry only asks more is done', async () => {
  const { rig, write, text, reasons } = await scene(one('first'));
  await write(1);
  rig.edit('');
  await answer(rig, true);
  await vi.waitFor(() => expect(reasons()).toEqual(['PATH_NOT_ALLOWED']));
  expect(text()).toBe('old');
  rig.edit(one('first'));
  await write(2);
  rig.edit(one('always'));
  await answer(rig, true);
  await vi.waitFor(() => expect(reasons()).toEqual(['PATH_NOT_ALLOWED', 'done']));
  expect(text()).toBe('新 2');
});

test('while the configuration cannot be used nothing is allowed; a yes that was given holds when it can be again', async () => {
  const { rig, session, write, text, reasons } = await scene(one('always'));
  await write(1);
  rig.edit(undefined);
  await answer(rig, true);
  await vi.waitFor(() => expect(reasons()).toEqual(['PERMISSIONS_UNKNOWN']));
  await session.send(FsService.method.list, { path: 'docs' }, { run: 'r' });
  expect(reasons()).toEqual(['PERMISSIONS_UNKNOWN', 'PERMISSIONS_UNKNOWN']);
  expect(text()).toBe('old');
  rig.edit(one('always'));
  await session.write('docs/a.txt', '新 1', { run: 'r', job: 'r/0/1', key: 'k1', epoch: 2n });
  await vi.waitFor(() => expect(reasons()).toHaveLength(3));
  expect(reasons()[2]).toBe('done');
  expect(text()).toBe('新 1');
  expect(pendingOf(rig)).toEqual([]);
});

test('a call that waits for a place when the owner saves is judged by what was saved; one that runs goes on', async () => {
  const [began, running] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { rig, write, text, reasons } = await scene(
    `${one('never').trimEnd().replace(']}', ', {path: DIR/docs/b.txt, confirm: never}]}')}\nlimits: {parallel: 1}\n`,
    {
      tools: (parts) =>
        toolset(parts).map(({ method, tool }) => ({
          method,
          tool: {
            ...tool,
            prepare: (request, call) => {
              const prepared = tool.prepare(request, call);
              const work: typeof prepared.work = async (...words) => {
                began.resolve();
                if (call.key === 'k1') await running.promise;
                return prepared.work(...words);
              };
              return { ...prepared, work };
            },
          },
        })),
    },
  );
  const first = write(1, 'b.txt');
  await began.promise;
  const second = write(2);
  const third = write(3, 'b.txt');
  await vi.waitFor(() => expect(rig.runner.openCalls()).toHaveLength(3));
  rig.edit(one('always'));
  running.resolve();
  await Promise.all([first, third]);
  await second;
  expect(text('b.txt')).toBe('新 1');
  await vi.waitFor(() => expect(reasons().sort()).toEqual(['PATH_NOT_ALLOWED', 'done']));
  // What needed no yes when it came needs one now.
  expect(pendingOf(rig)).toMatchObject([{ job: 'r/0/2' }]);
  expect(text()).toBe('old');
  const kinds: string[] = [];
  for await (const { record } of rig.journal.entries()) kinds.push(record.case);
  expect(kinds.filter((kind) => kind === 'intent')).toHaveLength(1);
});

test('a save between the intent and its effect gives the attempt up, without an effect and without a spent key', async () => {
  const { dir, rig, write, text, reasons } = await scene(one('never'));
  const append = rig.journal.append.bind(rig.journal);
  let edits = 1;
  rig.journal.append = async (records, ...more) => {
    const done = await append(records, ...more);
    if (records.some((record) => record.case === 'intent') && edits-- > 0) rig.edit(one('never', 'b.txt'));
    return done;
  };
  await write(1);
  await vi.waitFor(() => expect(reasons()).toEqual(['PATH_NOT_ALLOWED']));
  expect(text()).toBe('old');
  rig.edit(one('never'));
  edits = 1;
  rig.journal.append = async (records, ...more) => {
    const done = await append(records, ...more);
    if (records.some((record) => record.case === 'intent') && edits-- > 0) rig.edit(one('always'));
    return done;
  };
  await write(2);
  await vi.waitFor(() => expect(pendingOf(rig)).toHaveLength(1));
  expect(text()).toBe('old');
  await answer(rig, true);
  await vi.waitFor(() => expect(reasons()).toEqual(['PATH_NOT_ALLOWED', 'done']));
  expect(text()).toBe('新 2');
  expect(existsSync(join(dir, 'docs/b.txt'))).toBe(true);
});
