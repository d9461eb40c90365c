import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test, vi } from 'vitest';
import { ApprovalScope, GrantWishSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Confirmation } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig, type RigOptions } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import { GrantHistory } from '../approvals/grant-history.ts';

const CONFIG = 'allow:\n  write: [{path: DIR/docs, confirm: always}]\n';
const start = (dir: string, more: RigOptions = {}) => edgeRig(dir, { config: CONFIG, ...more });
const text = (dir: string, name: string) =>
  existsSync(join(dir, 'docs', name)) ? readFileSync(join(dir, 'docs', name), 'utf8') : undefined;

/** Asks once, and answers with a lasting grant. */
async function granted(rig: EdgeRig, pattern: string, more: { uses?: number; expireTime?: number } = {}) {
  const session = sessionOf(rig);
  await session.write('docs/a/first.md', '一\n', { run: 'r', job: 'r/0/0', key: 'first' });
  const { expireTime: at, ...rest } = more;
  const expireTime = at === undefined ? {} : { expireTime: timestampFromMs(at) };
  const wish = create(GrantWishSchema, { pattern, ...rest, ...expireTime });
  await answer(rig, true, undefined, ApprovalScope.PATTERN, wish);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  return rig.callGrants.list()[0]!;
}

/** Sends a write of a new file in a run of its own; `held` or the reason. */
async function write(rig: EdgeRig, name: string, how: { key?: string; taints?: Taint[]; always?: boolean } = {}) {
  const session = sessionOf(rig);
  const { key = name, taints = [], always } = how;
  const confirmation = always ? Confirmation.ALWAYS : Confirmation.UNSPECIFIED;
  await session.write(`docs/${name}`, `${name} 新\n`, {
    run: `run ${key}`,
    job: key,
    key,
    confirmation,
    change: (call) => void call.taints.push(...taints),
  });
  await vi.waitFor(() => expect(session.results.length + session.held.length).toBeGreaterThan(0));
  return session.results[0] ? reasonOf(session.results[0]) : 'held';
}

test('calls that a lasting grant covers run unasked, in other runs and after a restart; others are asked for', async () => {
  const dir = edgeFolder({ 'docs/a/b/x': '', 'docs/c/x': '' });
  const rig = await start(dir);
  const grant = await granted(rig, 'docs/a/**/*.md');
  expect(await write(rig, 'a/b/two.md')).toBe('done');
  expect(text(dir, 'a/b/two.md')).toBe('a/b/two.md 新\n');
  expect(await write(rig, 'c/three.md')).toBe('held');
  expect(await write(rig, 'a/three.txt')).toBe('held');
  // Another kind of change than the one that was shown.
  expect(await write(rig, 'a/b/two.md', { key: 'again' })).toBe('held');
  // After foreign bytes, and where the control plane wants it, no grant counts.
  expect(await write(rig, 'a/four.md', { taints: [Taint.UNTRUSTED] })).toBe('held');
  expect(await write(rig, 'a/five.md', { always: true })).toBe('held');
  const intents = [];
  for await (const { record } of rig.journal.entries()) if (record.case === 'intent') intents.push(record.value);
  expect(intents).toMatchObject([
    { approval: grant.approval, grants: [], unasked: '' },
    { approval: '', grants: [grant.id], unasked: 'a lasting grant of the owner covers it' },
  ]);
  const why = await new GrantHistory(rig.journal).explain('a/b/two.md');
  expect(why).toMatchObject({ began: true, grant: { id: grant.id, pattern: 'docs/a/**/*.md' } });
  await rig.close();

  const again = await start(dir);
  expect(again.callGrants.list()).toEqual([grant]);
  expect(again.callGrants.used(grant.id)).toBe(1);
  expect(await write(again, 'a/b/six.md')).toBe('done');
  expect(again.callGrants.used(grant.id)).toBe(2);
  await again.close();
});

test('what waits when a grant is made is answered by itself, also after a restart', async () => {
  const dir = edgeFolder({ 'docs/a/x': '' });
  const rig = await start(dir);
  expect(await write(rig, 'a/two.md')).toBe('held');
  const session = sessionOf(rig);
  await session.write('docs/a/first.md', '一\n', { run: 'r', job: 'r/0/0', key: 'first' });
  const wish = create(GrantWishSchema, { pattern: 'docs/a/*.md' });
  const which = pendingOf(rig).filter(({ run }) => run === 'r');
  await answer(rig, true, which, ApprovalScope.PATTERN, wish);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  await rig.close();

  const again = await start(dir);
  expect(await write(again, 'a/two.md')).toBe('held');
  expect([pendingOf(again).length, text(dir, 'a/two.md')]).toEqual([1, undefined]);
  expect(await write(again, 'a/three.md')).toBe('done');
  await again.close();
});

test('a grant ends with its uses, also between two calls at once, and each use is counted before its effect', async () => {
  const dir = edgeFolder({ 'docs/a/x': '' });
  const rig = await start(dir);
  const grant = await granted(rig, 'docs/a/*.md', { uses: 2 });
  expect(await write(rig, 'a/one.md')).toBe('done');
  const both = await Promise.all([write(rig, 'a/two.md'), write(rig, 'a/three.md')]);
  expect(both.sort()).toEqual(['done', 'held']);
  expect([rig.callGrants.list(), rig.callGrants.used(grant.id)]).toEqual([[], 2]);
  const records = [];
  for await (const { record } of rig.journal.entries()) records.push(record);
  const last = records.findLastIndex((record) => record.case === 'intent');
  expect(records[last + 1]).toMatchObject({ case: 'grantEnded', value: { id: grant.id } });
  await rig.close();
  const again = await start(dir);
  expect(await write(again, 'a/four.md')).toBe('held');
  await again.close();
});

test('a use that a crash cut off stays used, and its call does not run again', async () => {
  const dir = edgeFolder({ 'docs/a/x': '' });
  const rig = await start(dir);
  const grant = await granted(rig, 'docs/a/*.md', { uses: 1 });
  // As a process leaves it that is killed between the intent and the effect.
  await rig.journal.append([
    { case: 'intent', value: { idempotencyKey: 'k', job: 'k', run: 'run k', bootId: 'b', grants: [grant.id] } },
  ]);
  await rig.close();
  const again = await start(dir);
  expect(again.callGrants.used(grant.id)).toBe(1);
  expect(await write(again, 'a/two.md')).toBe('held');
  await again.close();
});

test('a revoked grant covers nothing from that moment on, also for a call whose use is taken', async () => {
  const dir = edgeFolder({ 'docs/a/x': '' });
  const rig = await start(dir);
  const grant = await granted(rig, 'docs/a/*.md');
  // In the same turn: the call is on its way, and the owner revokes.
  const call = write(rig, 'a/one.md');
  const use = rig.callGrants.take(grant.id);
  await rig.callGrants.revoke(grant.id);
  use?.written();
  expect(rig.callGrants.holds(grant.id)).toBe(false);
  expect(await call).toBe('held');
  expect(text(dir, 'a/one.md')).toBe(undefined);
  await rig.close();
  const again = await start(dir);
  expect([again.callGrants.list(), await write(again, 'a/two.md')]).toEqual([[], 'held']);
  await again.close();
});

test('a place that is reached over a link is asked for, however well its letters fit', async () => {
  const dir = edgeFolder({ 'docs/a/x': '', 'docs/secret/x': '' });
  const rig = await start(dir);
  await granted(rig, 'docs/a/**');
  symlinkSync(join(dir, 'docs/secret'), join(dir, 'docs/a/link'));
  expect(await write(rig, 'a/link/one.md')).not.toBe('done');
  expect(text(dir, 'secret/one.md')).toBe(undefined);
  expect(await write(rig, 'a/../secret/two.md')).not.toBe('done');
  expect(text(dir, 'secret/two.md')).toBe(undefined);
  await rig.close();
});
