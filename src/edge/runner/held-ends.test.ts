// How the waiting of a held call ends by itself or by others: cancelled, expired, its run over, its process gone.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { edgeFolder, edgeRig, type RigOptions } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import { systemClock } from '../../base/clock.ts';
import type { AppError } from '../../base/errors.ts';

const HOUR = 3_600_000;
const entries = (confirm: string, ...names: string[]) =>
  names.map((name) => `{path: DIR/docs/${name}, confirm: ${confirm}}`).join(', ');
const asking = (confirm: string, ...names: string[]) => `allow:\n  write: [${entries(confirm, ...names)}]\n`;
const ONE = asking('always', 'a.txt');
const FOUR = asking('always', 'a.txt', 'b.txt', 'c.txt', 'd.txt');

const start = (dir: string, config: string, more: RigOptions = {}) => edgeRig(dir, { config, ...more });
const fails = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: AppError) => error.reason,
  );
const text = (dir: string, name: string) =>
  existsSync(join(dir, 'docs', name)) ? readFileSync(join(dir, 'docs', name), 'utf8') : undefined;

test('a cancel withdraws: one that is held, one in line, and one whose call has not come back since the start', async () => {
  const dir = edgeFolder();
  const config = `${FOUR}limits: {approvals: 1}\n`;
  const rig = await start(dir, config);
  const session = sessionOf(rig);
  for (const name of ['a', 'b', 'c'])
    await session.write(`docs/${name}.txt`, name, { run: 'r', job: `r/0/${name}`, key: name });
  rig.runner.cancel('r/0/b', 1n);
  await vi.waitFor(() => expect(session.results.map(({ job }) => job)).toEqual(['r/0/b']));
  rig.runner.cancel('r/0/a', 1n);
  await vi.waitFor(() => expect(session.results.map(({ job }) => job)).toEqual(['r/0/b', 'r/0/a']));
  expect(session.results.map(reasonOf)).toEqual(['CANCELED', 'CANCELED']);
  await vi.waitFor(() => expect(pendingOf(rig).map(({ job }) => job)).toEqual(['r/0/c']));
  await rig.close();
  const again = await start(dir, config);
  again.runner.cancel('r/0/c', 1n);
  await vi.waitFor(() => expect(pendingOf(again)).toEqual([]));
  const later = sessionOf(again);
  await again.runner.resend(later.sink);
  expect(later.results.map(({ job }) => job).sort()).toEqual(['r/0/a', 'r/0/b', 'r/0/c']);
  await again.close();
});

test('who comes first ends it: an answer and a cancel, an answer and its time, in the same turn', async () => {
  const clock = { ...systemClock, offMs: 0 };
  clock.now = () => systemClock.now() + clock.offMs;
  clock.monotonic = () => systemClock.monotonic() + clock.offMs;
  const dir = edgeFolder();
  const rig = await start(dir, asking('always', 'a.txt', 'b.txt', 'c.txt'), { clock });
  const session = sessionOf(rig);
  const send = (name: string) => session.write(`docs/${name}.txt`, name, { run: name, key: name }, undefined, clock);
  await send('a');
  const yes = answer(rig, true);
  rig.runner.cancel('a/0/0', 1n);
  await yes;
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['CANCELED']));
  await send('b');
  const waiting = pendingOf(rig);
  rig.runner.cancel('b/0/0', 1n);
  expect(await fails(answer(rig, true, waiting))).toBe('APPROVAL_ENDED');
  await send('c');
  const late = pendingOf(rig);
  clock.offMs = 25 * HOUR;
  expect(await fails(answer(rig, true, late))).toBe('APPROVAL_ENDED');
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['CANCELED', 'CANCELED', 'APPROVAL_EXPIRED']));
  expect(['a', 'b', 'c'].map((name) => text(dir, `${name}.txt`))).toEqual([undefined, undefined, undefined]);
  await rig.close();
});

test('what expired while the process was down is refused at the next start, and told', async () => {
  const clock = { ...systemClock, offMs: 0 };
  clock.now = () => systemClock.now() + clock.offMs;
  const dir = edgeFolder();
  const rig = await start(dir, ONE, { clock });
  await sessionOf(rig).write('docs/a.txt', 'x', { run: 'r', key: 'k' });
  await rig.close();
  clock.offMs = 25 * HOUR;
  const again = await start(dir, ONE, { clock });
  again.desk.start();
  await vi.waitFor(() => expect(pendingOf(again)).toEqual([]));
  const later = sessionOf(again);
  await again.runner.resend(later.sink);
  expect(later.results.map(reasonOf)).toEqual(['APPROVAL_EXPIRED']);
  await again.close();
});

test('a call is held longer than it could wait by itself, and its own time begins with the yes', async () => {
  const dir = edgeFolder();
  const clock = { ...systemClock, offMs: 0 };
  clock.now = () => systemClock.now() + clock.offMs;
  const rig = await start(dir, ONE, { clock });
  const session = sessionOf(rig);
  const times = { expiresInMs: 60_000, deadlineMs: 30_000 };
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'k', ...times }, undefined, clock);
  clock.offMs = 61_000;
  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  // Whatever was signed for the key by then has expired when the key may be forgotten.
  expect(rig.journal.calls.get('k')?.expiresAt).toBeGreaterThan(systemClock.now() + 23 * HOUR);
  await rig.close();
});

test('held calls do not keep the process: it stops, and a new session is told of them again', async () => {
  const rig = await start(edgeFolder(), ONE);
  const session = sessionOf(rig);
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'k' });
  const next = sessionOf(rig);
  await rig.runner.resend(next.sink);
  expect(next.held).toMatchObject([{ job: 'r/0/0', over: false }]);
  expect(await rig.runner.drain(30_000)).toBe(true);
  expect([next.results, pendingOf(rig).length]).toEqual([[], 1]);
  await rig.close();
});

test('a run that ends or is cancelled by its owner takes its approvals with it', async () => {
  const rig = await start(edgeFolder(), `${FOUR}limits: {approvals: 1}\n`);
  const session = sessionOf(rig);
  for (const name of ['a', 'b'])
    await session.write(`docs/${name}.txt`, name, { run: 'r', job: `r/0/${name}`, key: name });
  await rig.journal.append([{ case: 'cancel', value: { run: 'r' } }]);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['CANCELED', 'CANCELED']));
  expect(pendingOf(rig)).toEqual([]);
  await rig.close();
});
