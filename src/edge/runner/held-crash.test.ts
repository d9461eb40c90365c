// Held calls while the journal fails: a process that dies at any write of it, and one whose journal is full.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { WriteMode } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { allowedOnce, answer, type Life, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';

const CONFIG = 'allow:\n  write: [{path: DIR/docs/a.txt, confirm: always}, {path: DIR/docs/b.txt, confirm: always}]\n';

/** The yes is in the journal of this process: nothing may be asked again. */
interface WriteLife extends Life {
  finished: boolean;
}

/** One call from its arrival to its answer, over a journal that may die; what the owner is asked is allowed. */
async function live(rig: EdgeRig, life: WriteLife, epoch: bigint): Promise<void> {
  const session = sessionOf(rig);
  const how = { run: 'r', key: 'k', epoch };
  await allowedOnce(rig, session, session.write('docs/a.txt', 'x', how, WriteMode.APPEND), life);
  life.finished = session.results.some((result) => reasonOf(result) === 'done');
}

test('a process that dies at any write of the journal neither asks twice nor acts without a yes nor acts twice', async () => {
  let points = 0;
  let ended = '';
  for (let at = 0; ended !== 'whole'; at += 1) {
    const dir = edgeFolder();
    const file = join(dir, 'docs/a.txt');
    const text = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
    const life: WriteLife = { answered: false, finished: false };
    // The journal exists; what follows is the life of the call.
    const ready = new MemoryFs();
    await (await edgeRig(dir, { config: CONFIG, fs: ready })).close();
    const dying = ready.kill({ fault: (_operation, count) => (count === at ? 'crash' : undefined) });
    const rig = await edgeRig(dir, { config: CONFIG, fs: dying }).catch(() => undefined);
    if (rig) await live(rig, life, 1n);
    ended = rig?.fatal.length === 0 ? 'whole' : 'died';
    const before = text();
    const again = await edgeRig(dir, { config: CONFIG, fs: dying.crash(() => at % 2 === 0) });
    await again.runner.recover();
    again.desk.start();
    const yes = [];
    for await (const { record } of again.journal.entries())
      if (record.case === 'approvalAnswered') yes.push(record.value.allowed);
    if (before !== '') expect(yes).toEqual([true]);
    await live(again, life, 2n);
    expect(['x', '']).toContain(text());
    // What nobody can tell is not done again; everything else ends as the owner said.
    const known = again.journal.calls.get('k');
    if (known?.state === 'unknown') expect(text()).toBe(before);
    else expect([known?.state, text()]).toEqual(['done', 'x']);
    expect(pendingOf(again)).toEqual([]);
    await again.close();
    points++;
  }
  expect(points).toBeGreaterThan(8);
});

/** Asks until the journal takes no more of what must be kept. */
async function fill(rig: EdgeRig): Promise<void> {
  for (let size = 8000; size >= 100; size /= 2)
    for (let n = 0; n < 500; n++)
      if (
        await rig.ask('x'.repeat(size)).then(
          () => false,
          () => true,
        )
      )
        break;
}

test('a full journal: nothing new is asked, and what was asked takes its answer; a yes stands until there is room', async () => {
  const dir = edgeFolder();
  const rig = await edgeRig(dir, { config: CONFIG, journalBytes: 256 << 10 });
  const session = sessionOf(rig);
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'a' });
  const [asked] = pendingOf(rig);
  await fill(rig);
  await session.write('docs/b.txt', 'x', { run: 'r', job: 'r/0/1', key: 'b' });
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['JOURNAL_FULL']));
  expect(session.results[0]).toMatchObject({ keyFree: true, answer: { case: 'neverStarted' } });
  expect(pendingOf(rig)).toEqual([asked]);
  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['JOURNAL_FULL', 'JOURNAL_FULL']));
  expect(existsSync(join(dir, 'docs/a.txt'))).toBe(false);
  expect(rig.journal.approvals.ofKey('a')).toMatchObject({ used: false, approval: { state: ApprovalState.ALLOWED } });
  for (const { run } of rig.journal.asks.open()) await rig.journal.append([{ case: 'runAnswered', value: { run } }]);
  await rig.journal.prune(0);
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'a', epoch: 2n });
  expect(session.results.map(reasonOf)).toEqual(['JOURNAL_FULL', 'JOURNAL_FULL', 'done']);
  expect(readFileSync(join(dir, 'docs/a.txt'), 'utf8')).toBe('x');
  await rig.close();
});
