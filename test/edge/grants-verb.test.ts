// `bowline approvals allow --pattern` and `bowline grants` over the owner's socket, the owner asked in a real terminal.
import { expect, test, vi } from 'vitest';
import { approvalsVerb } from '../../src/cli/verbs/approvals.ts';
import { grantsVerb } from '../../src/cli/verbs/grants.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { pendingOf, reasonOf, sessionOf } from '../support/held-calls.ts';
import { ownerSocket, runVerb } from '../support/owner-socket.ts';
import { inTerminal, screenOf } from '../support/terminal.ts';

vi.setConfig({ testTimeout: 60_000 });

const allowed = (home: string, ...words: string[]) => runVerb(approvalsVerb, home, 'allow', ...words);
const grants = (home: string, ...words: string[]) => runVerb(grantsVerb, home, ...words);

/** A box that three runs have asked to write a file, in this order; the pattern `docs/a/*.md` fits two. */
async function askingBox() {
  const rig = await edgeRig(edgeFolder({ 'docs/a/x': '', 'docs/c/x': '' }), {
    config: 'allow:\n  write: [{path: DIR/docs, confirm: always}]\n',
  });
  await ownerSocket(rig);
  for (const name of ['a/笔记.md', 'c/other.md', 'a/first.md']) await asks(rig, name);
  const [, , last] = pendingOf(rig);
  return { rig, home: rig.home, id: last!.id };
}

/** What a call to write a new file comes to: `held`, or its reason. */
async function asks(rig: EdgeRig, name: string): Promise<string> {
  const session = sessionOf(rig);
  await session.write(`docs/${name}`, '新\n', { run: `run ${name}`, job: `run ${name}/0/0`, key: name });
  await vi.waitFor(() => expect(session.results.length + session.held.length).toBe(1));
  return session.results[0] ? reasonOf(session.results[0]) : 'held';
}

test('allow --pattern tells what else the grant would have covered: with --json in its element, without it beside the answer', async () => {
  const { rig, home, id } = await askingBox();
  const wide = await allowed(home, id, '--pattern', '**', '--yes', '--json');
  expect([wide.failed, wide.out, pendingOf(rig).length]).toEqual([
    expect.stringContaining('must begin with `docs/`'),
    '',
    3,
  ]);
  const { out, failed } = await allowed(home, id, '--pattern', 'docs/a/*.md', '--uses', '2', '--yes', '--json');
  expect(failed).toBe('');
  const [one, ...more] = JSON.parse(out);
  expect(more).toEqual([]);
  expect(one).toMatchObject({
    id,
    state: 'allowed',
    preview: { calls: 1, known: 2, grant: { pattern: 'docs/a/*.md', uses: 2 } },
  });
  expect(one.preview.newest).toMatchObject([{ effect: { file: { path: 'docs/a/笔记.md', diff: '' } } }]);
  const [first] = pendingOf(rig);
  const beside = await allowed(home, first!.id, '--pattern', 'docs/a/*.md', '--yes');
  expect(beside.out).toContain('create docs/a/笔记.md');
  expect(beside.err).toContain('of 2 other calls that you were asked for it would have covered 1');
  // An answer that makes no grant has none to tell of.
  const [other] = pendingOf(rig);
  expect(JSON.parse((await allowed(home, other!.id, '--yes', '--json')).out)[0]).not.toHaveProperty('preview');
});

test('at a terminal the preview stands above the question; the grant is listed, shown, named as the cause, and revoked', async () => {
  const { rig, home, id } = await askingBox();
  const words = ['approvals', 'allow', id, '--pattern', 'docs/a/*.md', '--until', '2h'];
  const ask = (press: string) =>
    inTerminal(words, { cwd: rig.dir, home, columns: 80, keys: [{ after: 'make this grant? [y/N]', press }] });
  const refused = await ask('n');
  expect([refused.code, rig.callGrants.list()]).toEqual([3, []]);
  const { all, code } = await ask('y');
  expect(code).toBe(0);
  expect(screenOf(all)).toMatch(
    /this grant: docs\/a\/\*\.md, for 100 calls, until .*\n.*of 2 other calls .* covered 1\n.*create docs\/a\/笔记\.md[\s\S]*make this grant\? \[y\/N\] yes/,
  );
  const [grant] = rig.callGrants.list();
  expect(await asks(rig, 'a/two.md')).toBe('done');
  expect(await asks(rig, 'c/two.md')).toBe('held');

  expect((await grants(home, 'ls')).out).toMatch(/calls +FsService\/Write docs\/a\/\*\.md +1 of 100 calls/);
  expect(JSON.parse((await grants(home, 'ls', '--json')).out)).toMatchObject([{ id: grant!.id, calls: 1 }]);
  const shown = await grants(home, 'show', grant!.id.slice(-8));
  expect(shown.out).toMatch(
    /calls: FsService\/Write docs\/a\/\*\.md\n {2}like +create docs\/a\/first\.md[\s\S]*by box, with approval/,
  );
  const ran = await grants(home, 'why', 'run a/two.md/0/0');
  expect(ran.out).toMatch(/it ran without being asked for: .*\n +grant .*docs\/a\/\*\.md, made with approval/);
  const held = await grants(home, 'why', 'run c/two.md/0/0');
  expect(held.out).toMatch(/it was asked for: [\s\S]*it has not begun: it waits for your yes/);
  expect((await grants(home, 'why', 'run none/0/0')).failed).not.toBe('');

  expect((await grants(home, 'revoke', grant!.id.slice(-8))).err).toContain('has ended');
  expect((await grants(home, 'ls')).out).toContain('no grant holds');
  expect(await asks(rig, 'a/three.md')).toBe('held');
});
