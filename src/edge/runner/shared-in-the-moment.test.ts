// A call that would tell content which no grant lets out: its owner is asked, and nothing of it leaves before the yes.
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { WithheldReason } from '../../../gen/bowline/run/v1/run_pb.ts';
import { asking, FILES, job, reading, records, TEXT } from '../../../test/support/asked-shares.ts';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf } from '../../../test/support/held-calls.ts';
import { InHand } from './in-hand.ts';

const { read } = FsService.method;
/** 200 lines of 20 bytes. */
const LONG = '灯塔 thirteen low\n'.repeat(200);

test('a yes to what was asked for over a link, or over a folder that is one, lets the file out', async () => {
  const dir = edgeFolder(FILES);
  symlinkSync('a.md', join(dir, 'docs/link'));
  symlinkSync('.', join(dir, 'docs/here'));
  const { rig, run } = await asking(dir);
  const { session, send, texts } = reading(rig);
  await send(run, 1, 'docs/link');
  await answer(rig, true, pendingOf(rig), ApprovalScope.RUN);
  await vi.waitFor(() => expect(session.results).toHaveLength(1), { timeout: 5_000 });
  for (const [at, path] of ['docs/here/a.md', 'docs/a.md'].entries()) await send(run, at + 2, path);
  await vi.waitFor(() => expect(session.results).toHaveLength(3), { timeout: 5_000 });
  expect(texts()).toEqual([TEXT, TEXT, TEXT]);
  await send(run, 4, 'docs/here/b.md');
  expect(pendingOf(rig)[0]?.effect?.effect.value).toMatchObject({ files: [{ path: 'docs/b.md' }] });
  await rig.close();
});

test('nothing leaves before the yes; then exactly what was shown, under a grant that is in the journal with the answer', async () => {
  const { rig, run } = await asking();
  const { session, send, texts } = reading(rig);
  await send(run, 1, 'docs/a.md');
  expect([session.results, session.held.length]).toEqual([[], 1]);
  const [asked] = pendingOf(rig);
  expect(asked?.effect?.effect).toMatchObject({
    case: 'share',
    value: {
      recipient: 'rules',
      recipientIsLocal: true,
      files: [{ path: 'docs/a.md', startLine: 0, endLine: 0, bytes: BigInt(Buffer.byteLength(TEXT)), masked: 0 }],
    },
  });
  expect(rig.grants.list()).toEqual([]);
  await answer(rig, true);
  await vi.waitFor(() => expect(texts()).toEqual([TEXT]));
  const all = await records(rig);
  const kinds = all.map(({ case: kind }) => kind);
  expect(kinds.slice(-4)).toEqual(['approvalRequested', 'grantMinted', 'approvalAnswered', 'toolOutcome']);
  const minted = all.flatMap((record) => (record.case === 'grantMinted' ? [record.value] : []));
  expect(minted).toMatchObject([{ run, job: `${run}/0/1`, approval: asked!.id, recipients: ['rules'] }]);
  const [result] = session.results;
  expect(result?.egress.find(({ field }) => field === 'text')).toMatchObject({
    grant: minted[0]!.id,
    path: 'docs/a.md',
  });
  // Once is once: another call asks again, and another recipient too.
  await send(run, 2, 'docs/a.md');
  expect(pendingOf(rig)).toHaveLength(1);
  expect(texts()).toHaveLength(1);
  await rig.close();
});

test('a no, and silence, leave the content on the box; the call succeeds, and after two noes nothing is asked any more', async () => {
  const { rig, run } = await asking();
  const { session, send, texts } = reading(rig);
  for (const [at, path] of ['docs/a.md', 'docs/b.md'].entries()) {
    await send(run, at, path);
    await answer(rig, false);
    await vi.waitFor(() => expect(session.results).toHaveLength(at + 1));
  }
  await send(run, 3, 'docs/c.md');
  expect(session.results.map(reasonOf)).toEqual(['done', 'done', 'done']);
  expect(texts()).toEqual(['', '', '']);
  expect(session.results[2]?.withheld.map(({ field, why }) => [field, why])).toContainEqual([
    'text',
    WithheldReason.NO_GRANT,
  ]);
  expect(pendingOf(rig)).toEqual([]);
  expect((await records(rig)).filter(({ case: kind }) => kind === 'grantMinted')).toEqual([]);
  // It goes on so after a restart, and the question that got a no is not asked again.
  await rig.close();
  const again = await edgeRig(rig.dir);
  const later = reading(again);
  await later.session.send(read, { path: 'docs/a.md' }, { ...job(run, 0), epoch: 2n });
  await later.send(run, 4, 'docs/d.md');
  expect([later.texts(), pendingOf(again)]).toEqual([['', ''], []]);
  await again.close();
});

test('what was answered is not asked again where another word came of whose machines the provider runs on', async () => {
  const { rig, run } = await asking();
  rig.grants.knowLocal('told');
  const { session } = reading(rig);
  await session.send(read, { path: 'docs/a.md' }, { ...job(run, 1), recipient: 'told' });
  expect(pendingOf(rig)[0]?.effect?.effect.value).toMatchObject({ recipient: 'told', recipientIsLocal: true });
  await answer(rig, false);
  await vi.waitFor(() => expect(session.results).toHaveLength(1), { timeout: 5_000 });
  await rig.close();
  // It runs once more, as it does when the edge ended with it in hand, and the session has not said yet where the provider is.
  const again = await edgeRig(rig.dir);
  const later = reading(again);
  await later.session.send(read, { path: 'docs/a.md' }, { ...job(run, 1), recipient: 'told', epoch: 2n });
  await vi.waitFor(() => expect([later.session.results.length, pendingOf(again)]).toEqual([1, []]));
  expect(later.texts()).toEqual(['']);
  await again.close();
});

test('a yes for the run covers the same file, whole, for its other calls, and what waits for it', async () => {
  const { rig, run } = await asking();
  const { send, texts } = reading(rig);
  await send(run, 1, 'docs/a.md', { startLine: 1, endLine: 1 });
  await send(run, 2, 'docs/a.md', { startLine: 2 });
  const [first, second] = pendingOf(rig);
  expect(first?.effect?.effect.value).toMatchObject({ files: [{ startLine: 1, endLine: 1, runIsWhole: true }] });
  expect(second?.effect?.effect.value).toMatchObject({ files: [{ startLine: 2, endLine: 0 }] });
  await answer(rig, true, [first!], ApprovalScope.RUN);
  await vi.waitFor(() => expect(texts().sort()).toEqual(['second\nthird\n', '灯塔在岛上\n']));
  await send(run, 3, 'docs/a.md');
  expect(texts().at(-1)).toBe(TEXT);
  await rig.close();
});

test('a yes for the run is for whom it was shown with, and lets out no lines but those that it says', async () => {
  const long = `${'a line of text\n'.repeat(200)}`;
  const dir = edgeFolder({ ...FILES, 'docs/long.md': long });
  const rig = await edgeRig(dir, { config: 'limits: {share_bytes: 2000}\n' });
  const { run } = await rig.ask('Where is the 灯塔?', [], [], undefined, { asksToShare: true });
  const { session, send, texts } = reading(rig);
  const other = (at: number, recipient: string) =>
    session.send(read, { path: 'docs/a.md' }, { ...job(run, at), recipient });
  await send(run, 1, 'docs/a.md');
  await other(2, 'evilcorp');
  const [mine, theirs] = pendingOf(rig);
  expect(theirs?.effect?.effect.value).toMatchObject({ recipient: 'evilcorp' });
  await answer(rig, true, [mine!], ApprovalScope.RUN);
  await vi.waitFor(() => expect(texts()).toEqual([TEXT]));
  await other(3, 'evilcorp');
  expect(pendingOf(rig).map(({ id }) => id)).toContain(theirs!.id);
  expect([pendingOf(rig).length, texts(), rig.grants.list().map(({ recipients }) => recipients)]).toEqual([
    2,
    [TEXT],
    [['rules']],
  ]);
  await answer(rig, false);
  // Of a file that is too large to be let out whole: these lines, and no others that wait.
  const again = (await rig.ask('And the 灯塔?', [], [], undefined, { asksToShare: true })).run;
  await send(again, 1, 'docs/long.md', { startLine: 1, endLine: 2 });
  await send(again, 2, 'docs/long.md', { startLine: 100, endLine: 101 });
  const [first, second] = pendingOf(rig);
  expect(first?.effect?.effect.value).toMatchObject({ files: [{ runIsWhole: false }] });
  await answer(rig, true, [first!], ApprovalScope.RUN);
  await vi.waitFor(() => expect(texts().at(-1)).toBe('a line of text\n'.repeat(2)));
  expect(pendingOf(rig).map(({ id }) => id)).toEqual([second!.id]);
  // Words that stand for many are nobody.
  for (const [at, recipient] of ['any', 'local'].entries())
    await session.send(read, { path: 'docs/b.md' }, { ...job(again, 10 + at), recipient });
  expect(pendingOf(rig)).toHaveLength(1);
  await rig.close();
});

test('a yes once is for this very call and the bytes that were shown, whatever comes under the same job', async () => {
  const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/long.md': LONG }), { config: 'limits: {read_bytes: 1024}\n' });
  const { run } = await rig.ask('Where is the 灯塔?', [], [], undefined, { asksToShare: true });
  const { session, texts } = reading(rig);
  const shown = () => pendingOf(rig).map(({ effect }) => effect?.effect.value);
  const cut = { path: 'docs/long.md', maxBytes: 5 };
  await session.send(read, cut, job(run, 1));
  expect(shown()).toMatchObject([{ files: [{ startLine: 1, endLine: 1, bytes: 3n, isCut: true, runIsWhole: true }] }]);
  await answer(rig, true);
  await vi.waitFor(() => expect(texts()).toEqual(['灯']));
  // Another key of the same job, other lines, more of the same line, and changes of it: nothing of the first yes is theirs.
  for (const [at, request] of [cut, { path: 'docs/long.md', startLine: 9 }, { path: 'docs/long.md' }].entries())
    await session.send(read, request, { ...job(run, 1), key: `other-${at}`, epoch: BigInt(at + 2) });
  // The same question does not come again.
  expect(shown()).toHaveLength(2);
  expect(session.results.map(reasonOf)).toEqual(['done', 'RANGE_NEEDS_GRANT']);
  // The same call again is the same answer.
  await session.send(read, cut, { ...job(run, 1), epoch: 9n });
  await vi.waitFor(() => expect(texts()).toEqual(['灯', undefined, '灯']));
  // Where the box itself tells no more at once, that is what is shown, and what leaves.
  const last = pendingOf(rig).at(-1)!;
  const [whole] = last.effect?.effect.case === 'share' ? last.effect.effect.value.files : [];
  expect(whole).toMatchObject({ startLine: 1, endLine: 51, bytes: 1020n, isCut: false, runBytes: 4000n });
  await answer(rig, true, [last]);
  await vi.waitFor(() => expect(texts().at(-1)).toBe('灯塔 thirteen low\n'.repeat(51)));
  await rig.close();
});

test('what changed since the yes is asked anew, and the old yes lets nothing of it out', async () => {
  const { rig, run, dir } = await asking();
  const { session, send, texts } = reading(rig);
  await send(run, 1, 'docs/a.md');
  const [asked] = pendingOf(rig);
  writeFileSync(join(dir, 'docs', 'a.md'), 'something else\n');
  await answer(rig, true);
  await vi.waitFor(() => expect(pendingOf(rig)).toHaveLength(1));
  const [anew] = pendingOf(rig);
  expect([session.results, anew?.id === asked?.id]).toEqual([[], false]);
  expect(anew?.reason).toContain('changed since your yes');
  expect((await rig.approvals.get(asked!.id)).state).toBe(ApprovalState.CHANGED);
  await answer(rig, true);
  await vi.waitFor(() => expect(texts()).toEqual(['something else\n']));
  await rig.close();
});

test('it is not asked where nobody is there, no one is named, or its name is denied; after foreign bytes it says so', async () => {
  const { rig, run } = await asking(edgeFolder({ ...FILES, 'docs/.env': 'A=b\n' }));
  const { session, send, texts } = reading(rig);
  const quiet = (await rig.ask('Where is the 灯塔?')).run;
  await send(quiet, 1, 'docs/a.md');
  await session.send(read, { path: 'docs/a.md' }, { ...job(run, 1), recipient: '' });
  await send(run, 3, 'docs/.env');
  await send(run, 4, 'docs/none.md', { startLine: 4 });
  await send('of-the-mesh', 5, 'docs/a.md');
  expect(pendingOf(rig)).toEqual([]);
  expect(texts()).toEqual(['', '', undefined, undefined, '']);
  expect(session.results.map(reasonOf)).toEqual(['done', 'done', 'PATH_NOT_ALLOWED', 'RANGE_NEEDS_GRANT', 'done']);
  const how = { ...job(run, 6), change: (call: { taints: Taint[] }) => void call.taints.push(Taint.UNTRUSTED) };
  await session.send(read, { path: 'docs/b.md' }, how);
  expect(pendingOf(rig)[0]).toMatchObject({ taints: [Taint.UNTRUSTED] });
  expect(pendingOf(rig)[0]?.reason).toContain('what others wrote');
  await rig.close();
});

test('whether a call waits, and how it ends after a no, tells nothing of what is in the file', async () => {
  const dir = edgeFolder({
    'docs/text.md': 'one\ntwo\n',
    'docs/key.md': '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n',
    'docs/image.md': new Uint8Array([0x89, 0x50, 0, 1]),
    'docs/left-out.md': 'one\ntwo\n',
    'docs/.bowlineignore': 'left-out.md\n',
  });
  const rig = await edgeRig(dir);
  const paths = ['docs/text.md', 'docs/key.md', 'docs/image.md', 'docs/left-out.md'];
  for (const startLine of [0, 2, 40]) {
    const told = [];
    for (const path of paths) {
      const { run } = await rig.ask('Where is the 灯塔?', [], [], undefined, { asksToShare: true });
      const { session, send, texts } = reading(rig);
      await send(run, 1, path, { startLine });
      const [asked] = pendingOf(rig);
      const file = asked?.effect?.effect.case === 'share' ? asked.effect.effect.value.files[0] : undefined;
      expect(file?.whyNothing === '').toBe(path === 'docs/text.md' && startLine < 40);
      expect([session.held.length, session.results]).toEqual([1, []]);
      // A yes to what cannot be shared lets out nothing either.
      await answer(rig, file?.whyNothing !== '', [asked!], ApprovalScope.RUN);
      await vi.waitFor(() => expect(session.results).toHaveLength(1), { timeout: 10_000 });
      const withheld = session.results[0]!.withheld.map(({ field, why }) => [field, why]);
      told.push([session.results.map(reasonOf), texts(), withheld, session.held.length]);
    }
    expect(new Set(told.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(told[0]?.[0]).toEqual([startLine > 0 ? 'RANGE_NEEDS_GRANT' : 'done']);
  }
  expect(rig.grants.list()).toEqual([]);
  await rig.close();
});

test('a call stands in one place of those in hand at most: two would count as two ends of the process', async () => {
  const begin = InHand.prototype.begin;
  let [now, most] = [0, 0];
  const spy = vi.spyOn(InHand.prototype, 'begin').mockImplementation(function (this: InHand, call) {
    const over = begin.call(this, call);
    most = Math.max(most, ++now);
    let isOpen = true;
    return () => {
      if (isOpen) now--;
      isOpen = false;
      over();
    };
  });
  onTestFinished(() => spy.mockRestore());
  const { rig, run } = await asking();
  const { session, send } = reading(rig);
  for (const [at, allow] of [true, false].entries()) {
    await send(run, at, at === 0 ? 'docs/a.md' : 'docs/b.md');
    await answer(rig, allow);
    await vi.waitFor(() => expect(session.results).toHaveLength(at + 1), { timeout: 5_000 });
  }
  expect([most, now]).toEqual([1, 0]);
  await rig.close();
});
