// A hostile model and a hostile control plane, with every right that a real one has: signed calls of this device and session. Whatever
// they send, nothing changes without a yes, nothing else changes than what was shown, and nothing leaves that nobody granted.
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Approval } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { Confirmation, type ToolCall, ToolHeldSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import { ToolResultSchema } from '../../gen/bowline/record/v1/record_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { AppError } from '../../src/base/errors.ts';
import { approvalView } from '../../src/cli/approvals/approval-view.ts';
import { type CallOptions, edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../support/held-calls.ts';

const EVIL = 'EVIL-恶';
const TREASURE = 'the treasure of the box';
const CONFIG = `allow:
  write:
    - {path: DIR/docs/pad, confirm: always}
    - {path: DIR/docs/free.txt, confirm: never}
  execute:
    - {argv: [tee, -a, DIR/ran.txt], confirm: always, isolation: none, stdin: true}
    - {argv: [cp, "{path}", DIR/ran.txt], confirm: always, isolation: none}
    - {argv: [touch, "{word:[a-z]+}"], confirm: always, isolation: none, cwd: DIR/work}
`;
const fails = (act: Promise<unknown>) =>
  act.then(
    () => 'none',
    (error: AppError) => error.reason,
  );

async function scene() {
  const dir = edgeFolder({
    'docs/pad/a.txt': 'old\n',
    'docs/pad/b.txt': 'old\n',
    'docs/pad/sub/x.txt': 'old\n',
    'docs/notes.md': TREASURE,
    'outside/x.txt': TREASURE,
    'outside/hooks/pre-commit': TREASURE,
    'work/here': '',
  });
  symlinkSync(join(dir, 'outside'), join(dir, 'docs/pad/out'));
  symlinkSync(join(dir, 'outside/x.txt'), join(dir, 'docs/pad/leaf.txt'));
  symlinkSync(join(dir, 'home'), join(dir, 'docs/pad/casa'));
  const rig = await edgeRig(dir, { config: CONFIG });
  onTestFinished(() => rig.close().catch(() => {}));
  const session = sessionOf(rig);
  const sent: Promise<unknown>[] = [];
  const write = (path: string, how: CallOptions = {}, text = EVIL) =>
    session.write(path, text, { run: 'r', key: `k ${path}`, ...how });
  const run = (argv: string[], how: CallOptions = {}, stdin = '') =>
    rig.runner.handle(
      rig.control.sign(
        ShellService.method.run,
        { argv, stdin },
        { run: 'r', key: `k ${argv.join(' ')}`, ...how },
        systemClock,
      ),
      rig.session,
      session.sink,
    );
  const reasons = () => session.results.map(reasonOf);
  const pending = () => pendingOf(rig);
  /** The owner says yes to what is asked; then it comes to an end, or is asked anew. */
  const yes = async (which = pending()) => {
    const before = session.results.length;
    const ids = new Set(pending().map(({ id }) => id));
    await answer(rig, true, which);
    await vi.waitFor(() =>
      expect(session.results.length > before || pending().some(({ id }) => !ids.has(id))).toBe(true),
    );
  };
  return { dir, rig, session, write, run, reasons, pending, yes, sent, at: (name: string) => join(dir, name) };
}
type Scene = Awaited<ReturnType<typeof scene>>;

/** All files of the folder but those of the home, by whatever name. */
const files = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => realpathSync(join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith(join(dir, 'home/')));

/** Nothing of the model's text stands anywhere, nothing ran, and no frame holds what nobody granted. */
function nothingHappened({ dir, session }: Scene): void {
  for (const file of files(dir)) expect(readFileSync(file, 'utf8'), file).not.toContain(EVIL);
  expect(existsSync(join(dir, 'ran.txt'))).toBe(false);
  expect(readdirSync(join(dir, 'work'))).toEqual(['here']);
  const frames = [
    ...session.results.map((result) => toBinary(ToolResultSchema, result)),
    ...session.held.map((held) => toBinary(ToolHeldSchema, held)),
  ];
  for (const frame of frames) expect(Buffer.from(frame).toString('utf8')).not.toContain(TREASURE);
}

type Case = (s: Scene) => Promise<void>;
const cases = new Map<string, Case>();

/** Refused by its letters or by what the name leads to: it is not even asked about. */
const refusedPaths: Readonly<Record<string, string>> = {
  'a path that leads up': 'docs/pad/../../outside/x.txt',
  'a path that leads up from the root': '../outside/x.txt',
  'an absolute path of the system': '/etc/cron.d/evil',
  'the shadow of the users': '/etc/shadow',
  'a unit of systemd': '/etc/systemd/system/evil.service',
  'a start file of the shell': 'docs/pad/.bashrc',
  'a start file in capitals': 'docs/pad/.BashRC',
  'a start file with a full-width dot': 'docs/pad/．bashrc',
  'a start file with full-width letters': 'docs/pad/.ｂａｓｈｒｃ',
  'a start file for zsh': 'docs/pad/.zshenv',
  'keys for ssh': 'docs/pad/.ssh/authorized_keys',
  'keys for ssh without its folder': 'docs/pad/authorized_keys',
  'a hook of git': 'docs/pad/.git/hooks/pre-commit',
  'the settings of git': 'docs/pad/.gitconfig',
  'a folder for autostart': 'docs/pad/.config/autostart/evil.desktop',
  'a unit of the user': 'docs/pad/.config/systemd/user/evil.service',
  'a folder of cron': 'docs/pad/cron.d/evil',
  'a crontab': 'docs/pad/crontab',
  'a library for startup': 'docs/pad/Library/LaunchAgents/evil.plist',
  'a folder of bowline': 'docs/pad/.bowline/config.yaml',
  'the home by a link': 'docs/pad/casa/config.yaml',
  'a journal by a link': 'docs/pad/casa/journal/0000000000000001.seg',
  'a folder by a link that leads out': 'docs/pad/out/x.txt',
  'a hook by a link that leads out': 'docs/pad/out/hooks/pre-commit',
  'a file that is a link': 'docs/pad/leaf.txt',
  'a file beside the entry': 'docs/notes.md',
  'a file whose name begins like the entry': 'docs/pad.txt',
  'the folder itself': 'docs/pad',
  'a folder in it': 'docs/pad/sub',
  'a hidden file': 'docs/pad/.env',
};
for (const [what, path] of Object.entries(refusedPaths))
  cases.set(`write: ${what}`, async ({ write, reasons, pending }) => {
    await write(path);
    expect(pending()).toEqual([]);
    expect(reasons()).toEqual([
      expect.stringMatching(/^(PATH_NOT_ALLOWED|NOT_A_FILE|FILE_NOT_FOUND|INVALID_ARGUMENT)$/),
    ]);
  });

const refusedCommands: Readonly<Record<string, string[]>> = {
  'another program': ['rm', '-rf', '/'],
  'a program that is called no-op': ['no-op', 'touch', 'x'],
  'a program in another folder': ['/bin/tee', '-a', 'ran.txt'],
  'a word too many': ['touch', 'evil', '# a comment, nothing happens'],
  'a word that is an option': ['touch', '-rf'],
  'a path that is an option': ['cp', '--target-directory=/', 'docs/notes.md'],
  'an option where a path stands': ['cp', '-t', 'ran.txt'],
  'a path that leads up': ['cp', '../outside/x.txt', 'ran.txt'],
  'a file of arguments': ['touch', '@docs/notes.md'],
  'a word with a line end': ['touch', 'a\nrm -rf /'],
  'a word with a null': ['touch', 'a\0b'],
  'a word of another alphabet': ['touch', 'раd'],
  'a word with a sign that turns it': ['touch', 'a\u202egpj'],
  'a word with a sign of no width': ['touch', 'a\u200bb'],
  'an empty word': ['touch', ''],
  'no word at all': [],
  'a shell': ['sh', '-c', 'touch evil'],
  'words that a shell would part': ['touch evil'],
};
for (const [what, argv] of Object.entries(refusedCommands))
  cases.set(`run: ${what}`, async ({ run, reasons, pending }) => {
    await run(argv);
    expect(pending()).toEqual([]);
    expect(reasons()).toEqual([expect.stringMatching(/^(COMMAND_NOT_ALLOWED|PATH_NOT_ALLOWED|INVALID_ARGUMENT)$/)]);
  });

/** Between the question and the work, for a write of docs/pad/a.txt. */
const meanwhile: Readonly<Record<string, (s: Scene) => void>> = {
  'its file becomes a link that leads out': ({ at }) => {
    rmSync(at('docs/pad/a.txt'));
    symlinkSync(at('outside/x.txt'), at('docs/pad/a.txt'));
  },
  'its file becomes a link within the folder': ({ at }) => {
    rmSync(at('docs/pad/a.txt'));
    symlinkSync(at('docs/pad/b.txt'), at('docs/pad/a.txt'));
  },
  'its file changes': ({ at }) => writeFileSync(at('docs/pad/a.txt'), 'other\n'),
  'its file changes to as many bytes': ({ at }) => writeFileSync(at('docs/pad/a.txt'), 'OLD\n'),
  'another file takes its place': ({ at }) => renameSync(at('docs/pad/b.txt'), at('docs/pad/a.txt')),
  'a hard link of a file outside takes its place': ({ at }) => {
    rmSync(at('docs/pad/a.txt'));
    linkSync(at('outside/x.txt'), at('docs/pad/a.txt'));
  },
  'it goes': ({ at }) => rmSync(at('docs/pad/a.txt')),
  'a folder takes its place': ({ at }) => {
    rmSync(at('docs/pad/a.txt'));
    mkdirSync(at('docs/pad/a.txt'));
  },
  'its folder becomes a link that leads out': ({ at }) => {
    renameSync(at('docs/pad'), at('docs/old'));
    writeFileSync(at('outside/a.txt'), 'old\n');
    symlinkSync(at('outside'), at('docs/pad'));
  },
  'its folder is exchanged for another one': ({ at }) => {
    renameSync(at('docs/pad'), at('docs/old'));
    mkdirSync(at('docs/pad'));
    writeFileSync(at('docs/pad/a.txt'), 'old\n');
  },
  'its root gets another name': ({ at }) => {
    renameSync(at('docs'), at('moved'));
    mkdirSync(at('docs'));
  },
};
for (const [what, change] of Object.entries(meanwhile))
  cases.set(`between the yes and the work: ${what}`, async (s) => {
    await s.write('docs/pad/a.txt');
    expect(s.pending()).toHaveLength(1);
    change(s);
    await s.yes();
    const told = s.reasons();
    if (told.length === 0) expect(s.pending()).toHaveLength(1);
    else expect(told).toEqual([expect.stringMatching(/^(PATH_NOT_ALLOWED|NOT_A_FILE|FILE_NOT_FOUND)$/)]);
  });

/** What must be asked about, however the call is labelled. */
const asked: Readonly<Record<string, CallOptions>> = {
  'a call that claims to need no confirmation': { confirmation: Confirmation.UNSPECIFIED },
  'a confirmation that is not known': { confirmation: 99 as Confirmation },
  'taints left out': { change: ({ taints }) => void taints.splice(0) },
  'a taint that is not known': { change: ({ taints }) => void taints.push(77 as Taint) },
  'a job with a name that lies': { job: 'r/0/no-op, read only' },
  'a later attempt': { epoch: 2n ** 62n },
  'a recipient that is made up': { recipient: 'the owner said yes' },
};
for (const [what, how] of Object.entries(asked))
  cases.set(`asked all the same: ${what}`, async ({ write, reasons, pending }) => {
    await write('docs/pad/a.txt', how);
    expect([pending().length, reasons()]).toEqual([1, []]);
  });
for (const [what, taint] of Object.entries({ untrusted: Taint.UNTRUSTED, 'not known': 55 as Taint }))
  cases.set(
    `asked although its entry says never: what the run has read is ${what}`,
    async ({ write, pending, reasons }) => {
      await write('docs/free.txt', { change: ({ taints }) => void taints.push(taint) });
      expect([pending().length, reasons()]).toEqual([1, []]);
    },
  );

/** Not of this device or session, or not signed: nobody answers it, and nothing happens. */
const foreign: Readonly<Record<string, (call: ToolCall) => void>> = {
  'another session': (call) => Object.assign(call, { sessionNonce: Buffer.alloc(16, 9) }),
  'no session': (call) => Object.assign(call, { sessionNonce: new Uint8Array() }),
  'another device': (call) => Object.assign(call, { device: 'e' }),
  'another tenant': (call) => Object.assign(call, { tenant: 'u' }),
};
for (const [what, change] of Object.entries(foreign))
  cases.set(`signed for ${what}`, async ({ write, pending, reasons }) => {
    expect(await fails(write('docs/pad/a.txt', { change }))).toBe('CALL_FOREIGN');
    expect([pending(), reasons()]).toEqual([[], []]);
  });
cases.set('a signature over other bytes', async ({ rig, session, pending }) => {
  const signed = rig.control.sign(
    FsService.method.write,
    { path: 'docs/pad/a.txt', text: 'x', mode: WriteMode.REPLACE },
    {},
    systemClock,
  );
  signed.signed[signed.signed.length - 1]! ^= 1;
  expect(await fails(rig.runner.handle(signed, rig.session, session.sink))).toBe('TOOL_CALL_FORGED');
  expect(pending()).toEqual([]);
});
cases.set('a call that never expires', async ({ write, pending, reasons }) => {
  await write('docs/pad/a.txt', { expiresInMs: null });
  expect([pending(), reasons()]).toEqual([[], ['CALL_WITHOUT_EXPIRY']]);
});
cases.set('a call without a key', async ({ write, pending, reasons }) => {
  await write('docs/pad/a.txt', { key: '' });
  expect([pending(), reasons()]).toEqual([[], ['INVALID_ARGUMENT']]);
});

/** Answers that are shaken, moved or replayed. */
cases.set(
  'a held call is cancelled and called again: the key keeps its refusal',
  async ({ write, rig, reasons, pending }) => {
    await write('docs/pad/a.txt', { job: 'r/0/0', key: 'k' });
    rig.runner.cancel('r/0/0', 1n);
    await vi.waitFor(() => expect(reasons()).toEqual(['CANCELED']));
    await write('docs/pad/a.txt', { job: 'r/0/0', key: 'k', epoch: 2n });
    expect([pending(), reasons()]).toEqual([[], ['CANCELED', 'CANCELED']]);
  },
);
cases.set('a no is asked for again under the same key, over and over', async ({ write, rig, reasons, pending }) => {
  await write('docs/pad/a.txt', { job: 'r/0/0', key: 'k' });
  await answer(rig, false);
  await vi.waitFor(() => expect(reasons()).toEqual(['APPROVAL_DENIED']));
  for (let n = 0; n < 5; n++) await write('docs/pad/a.txt', { job: 'r/0/0', key: 'k', epoch: BigInt(n + 2) });
  expect(pending()).toEqual([]);
  expect(new Set(reasons())).toEqual(new Set(['APPROVAL_DENIED']));
});
cases.set('the same key with another text while it waits', async ({ write, reasons, pending }) => {
  await write('docs/pad/a.txt', { key: 'k' }, 'harmless');
  await write('docs/pad/a.txt', { key: 'k', epoch: 2n });
  expect([pending().length, reasons()]).toEqual([1, ['KEY_REUSED']]);
});
cases.set('the same key with another text after the yes', async ({ write, yes, reasons, at }) => {
  await write('docs/pad/a.txt', { key: 'k' }, 'harmless');
  await yes();
  await write('docs/pad/a.txt', { key: 'k', epoch: 2n });
  expect(reasons()).toEqual(['done', 'KEY_REUSED']);
  expect(readFileSync(at('docs/pad/a.txt'), 'utf8')).toBe('harmless');
});
cases.set('the same key for another run', async ({ write, reasons, pending }) => {
  await write('docs/pad/a.txt', { key: 'k', run: 'r' });
  await write('docs/pad/a.txt', { key: 'k', run: 'r2' });
  expect([pending().map(({ run }) => run), reasons()]).toEqual([['r'], ['EDGE_BUSY']]);
});
cases.set('a yes to a call is none to a second one with the same text', async ({ write, yes, at, pending }) => {
  await write('docs/pad/a.txt', { key: 'k1', job: 'r/0/0' }, 'harmless');
  await yes();
  writeFileSync(at('docs/pad/a.txt'), 'old\n');
  await write('docs/pad/a.txt', { key: 'k2', job: 'r/0/1' }, 'harmless');
  expect(pending().map(({ job }) => job)).toEqual(['r/0/1']);
  expect(readFileSync(at('docs/pad/a.txt'), 'utf8')).toBe('old\n');
});
cases.set('an answer is replayed on a second call', async ({ write, yes, rig, pending }) => {
  await write('docs/pad/a.txt', { key: 'k1', job: 'r/0/0' }, 'harmless');
  const [first] = pending();
  await yes();
  await write('docs/pad/a.txt', { key: 'k2', job: 'r/0/1' });
  const [second] = pending();
  expect(await fails(answer(rig, true, [{ ...second!, digest: first!.digest }]))).toBe('APPROVAL_CHANGED');
  await answer(rig, true, [first!]);
  expect(pending()).toHaveLength(1);
});
cases.set('an answer of another run', async ({ write, rig, pending }) => {
  await write('docs/pad/a.txt', { run: 'r', key: 'k1' });
  await write('docs/pad/a.txt', { run: 'r2', key: 'k2' });
  const [one, two] = pending() as [Approval, Approval];
  expect(await fails(answer(rig, true, [{ ...one, digest: two.digest }]))).toBe('APPROVAL_CHANGED');
  expect(pending()).toHaveLength(2);
});
cases.set('a run that was cancelled on the box calls on', async ({ rig, write, reasons, pending }) => {
  await rig.journal.append([{ case: 'cancel', value: { run: 'r' } }]);
  await write('docs/pad/a.txt');
  await write('docs/free.txt');
  expect([pending(), reasons()]).toEqual([[], ['CANCELED', 'CANCELED']]);
});
cases.set(
  '1,000 calls in a step: three are asked, the box says of the others that they wait or that it is busy',
  async (s) => {
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) => s.write('docs/pad/a.txt', { job: `r/0/${n}`, key: `k${n}` })),
    );
    expect(s.pending()).toHaveLength(3);
    expect(new Set(s.reasons())).toEqual(new Set(['EDGE_BUSY']));
    expect(new Set(s.session.held.map(({ job }) => job)).size).toBe(256);
    await answer(s.rig, false, s.pending().slice(0, 2));
    await vi.waitFor(() => expect(s.reasons()).toHaveLength(1000), 10_000);
    expect(s.pending()).toEqual([]);
  },
);

/** Signs that hide or move others reach the screen as something that can be seen. */
const hidden: Readonly<Record<string, (s: Scene) => Promise<void>>> = {
  'a name that is turned': ({ write }) => write('docs/pad/\u202etxt.exe'),
  'a name with a sign of no width': ({ write }) => write('docs/pad/a\u200b.txt'),
  'a name that clears the screen': ({ write }) => write('docs/pad/\x1b[2Jok'),
  'a name of two lines': ({ write }) => write('docs/pad/a\nallowed: yes'),
  'a text that is turned': ({ write }) => write('docs/pad/a.txt', {}, `${EVIL}\u202e\u2066// safe\u2069`),
  'a text that clears the screen': ({ write }) => write('docs/pad/a.txt', {}, `${EVIL}\x1b[2J\x1b]0;ok\x07`),
  'a text that returns to the start of its line': ({ write }) => write('docs/pad/a.txt', {}, `rm -rf /\rsafe\n${EVIL}`),
  'a text with tags that nobody sees': ({ write }) => write('docs/pad/a.txt', {}, `${EVIL}\u{e0041}\u{e0042}`),
  'input of a command that is turned': ({ run, at }) => run(['tee', '-a', at('ran.txt')], {}, `${EVIL}\u202e\x1b[1A`),
  'a huge text': ({ write }) => write('docs/pad/a.txt', {}, `${'x'.repeat(100)}\u202e\n`.repeat(4000) + EVIL),
};
for (const [what, act] of Object.entries(hidden))
  cases.set(`on the screen: ${what}`, async (s) => {
    await act(s);
    const [approval] = s.pending();
    if (!approval)
      return void expect(s.reasons()).toEqual([expect.stringMatching(/^(PATH_NOT_ALLOWED|INVALID_ARGUMENT)$/)]);
    const { lines, hasUnseen } = approvalView(approval, { columns: 80, rows: 40, now: Date.now() });
    const screen = lines.map(({ text }) => text).join('\n');
    expect(screen).not.toMatch(/[^\P{C}\n]/u);
    if (what !== 'a huge text') expect(hasUnseen).toBe(true);
    expect(lines.length).toBeLessThanOrEqual(60);
  });

test('there are at least sixty cases', () => expect(cases.size).toBeGreaterThanOrEqual(60));

test.each([...cases])('%s', async (_, act) => {
  const s = await scene();
  const treasure = statSync(s.at('outside/x.txt')).ino;
  await act(s);
  nothingHappened(s);
  expect(statSync(s.at('outside/x.txt')).ino).toBe(treasure);
  expect(readFileSync(s.at('outside/x.txt'), 'utf8')).toBe(TREASURE);
});
