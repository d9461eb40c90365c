// A share that a call asked for, over kills: before it is asked, while it waits, and after the yes.
import { expect, test, vi } from 'vitest';
import { FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { asking, FILES, job, reading, records, TEXT } from '../../../test/support/asked-shares.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { allowedOnce, answer, type Life, pendingOf } from '../../../test/support/held-calls.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';

const { read } = FsService.method;

/** Another start over the same folder, after a kill, of which files are never looked at to their end. */
async function startThatHangs(dir: string) {
  const rig = await edgeRig(dir);
  await rig.runner.recover();
  rig.desk.start();
  let looks = 0;
  rig.parts.texts.look = () => {
    looks++;
    return new Promise(() => {});
  };
  return { ...reading(rig), rig, looks: () => looks };
}

test('a share outlives kills: what waits is not looked at again, and the yes is used however often a kill came in between', async () => {
  const { run, dir, ...first } = await asking();
  await reading(first.rig).send(run, 1, 'docs/a.md');
  const [asked] = pendingOf(first.rig);
  for (const _ of [1, 2, 3]) {
    const { rig, send, session, looks } = await startThatHangs(dir);
    await send(run, 1, 'docs/a.md');
    expect([pendingOf(rig).map(({ id }) => id), session.held.length, looks()]).toEqual([[asked?.id], 1, 0]);
  }
  const answered = await startThatHangs(dir);
  await answer(answered.rig, true);
  for (const epoch of [2n, 3n, 4n, 5n]) {
    const { session, looks } = await startThatHangs(dir);
    void session.send(read, { path: 'docs/a.md' }, { ...job(run, 1), epoch });
    await vi.waitFor(() => expect(looks()).toBe(1));
  }
  const last = await edgeRig(dir);
  await last.runner.recover();
  const { session, texts } = reading(last);
  await session.send(read, { path: 'docs/a.md' }, { ...job(run, 1), epoch: 6n });
  expect([texts(), pendingOf(last)]).toEqual([[TEXT], []]);
  await last.close();
});

/** A Read from its arrival to its answer, over a journal that may die; what the owner is asked is allowed. */
async function readOnce(rig: EdgeRig, run: string, life: ReadLife, epoch: bigint): Promise<void> {
  const { session, texts } = reading(rig);
  await allowedOnce(rig, session, session.send(read, { path: 'docs/a.md' }, { ...job(run, 1), epoch }), life);
  life.told = texts()[0] ?? '';
}

interface ReadLife extends Life {
  told: string;
}

test('a process that dies at any write of the journal neither asks twice nor loses a yes, and lets out nothing that the ledger lacks', async () => {
  let points = 0;
  for (let at = 0, isWhole = false; !isWhole; at++) {
    const dir = edgeFolder(FILES);
    const ready = new MemoryFs();
    const first = await edgeRig(dir, { fs: ready });
    const { run } = await first.ask('Where is the 灯塔?', [], [], undefined, { asksToShare: true });
    await first.close();
    const dying = ready.kill({ fault: (_operation, count) => (count === at ? 'crash' : undefined) });
    const life: ReadLife = { answered: false, told: '' };
    const rig = await edgeRig(dir, { fs: dying }).catch(() => undefined);
    if (rig) await readOnce(rig, run, life, 1n);
    isWhole = rig?.fatal.length === 0;
    const left = life.told;
    const again = await edgeRig(dir, { fs: dying.crash(() => at % 2 === 0) });
    const kinds = (await records(again)).map(({ case: kind }) => kind);
    // The answer and its grant are both there, or neither is.
    expect(kinds.includes('grantMinted')).toBe(kinds.includes('approvalAnswered'));
    const egress = (await records(again)).flatMap((record) =>
      record.case === 'toolOutcome' ? record.value.egress : [],
    );
    if (left !== '') expect(egress.map(({ field }) => field)).toContain('text');
    await again.runner.recover();
    again.desk.start();
    await readOnce(again, run, life, 2n);
    expect([at, life.told, pendingOf(again)], kinds.join()).toEqual([at, TEXT, []]);
    await again.close();
    points++;
  }
  expect(points).toBeGreaterThan(6);
});
