// The owner's yes on the command line: asked at a terminal in the middle of an ask, and with the verbs, against a scripted edge.
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type Approval,
  ApprovalSchema,
  ApprovalScope,
  ApprovalState,
  FileAction,
} from '../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService, DeviceState } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import { OutcomeSchema, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { Channel } from '../../src/base/channel.ts';
import { AppError } from '../../src/base/errors.ts';
import { widthOf } from '../../src/base/text-columns.ts';
import { cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';
import { coloursIn } from '../support/terminal.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

vi.setConfig({ testTimeout: 90_000 });

const MAIN = fileURLToPath(new URL('../../dist/client.cjs', import.meta.url));
const RUN = '01a22c0d-9df4-7268-83c8-904fd414a310';
const idOf = (n: number) => `0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e1${n}`;

const asked = (n: number, more: Partial<Approval> = {}): Approval => ({
  ...create(ApprovalSchema, {
    id: idOf(n),
    run: RUN,
    job: `${RUN}/0/${n}`,
    method: 'bowline.capability.fs.v1.FsService/Write',
    title: '整理我的笔记',
    state: ApprovalState.PENDING,
    createTime: timestampFromMs(Date.now()),
    expireTime: timestampFromMs(Date.now() + 86_400_000),
    reason: 'config.yaml line 12 says confirm: always',
    digest: new Uint8Array(32).fill(n),
    entry: 'notes',
    effect: {
      effect: {
        case: 'file',
        value: {
          action: FileAction.CHANGE,
          path: `notes/笔记-${n}.md`,
          realPath: `/home/ana/notes/笔记-${n}.md`,
          diff: '@@ -1 +1 @@\n-old\n+新的一行\n',
        },
      },
    },
  }),
  ...more,
});

interface Sent {
  readonly ids: string[];
  readonly allow: boolean;
  readonly scope: ApprovalScope;
  readonly digests: number[];
}

/** An edge whose run waits for approvals and ends when none waits any more. */
class ScriptedApprovals {
  readonly sent: Sent[] = [];
  readonly all = new Map<string, Approval>();
  readonly #listeners = new Set<Channel<Approval>>();
  /** Each call in work is ended, as where the edge is stopped. */
  stop = new AbortController();
  /** What an answer is refused with. */
  refuse: AppError | undefined;

  add(...approvals: Approval[]): void {
    for (const each of approvals) this.change(each);
  }

  change(approval: Approval): void {
    this.all.set(approval.id, approval);
    for (const listener of this.#listeners) listener.offer(approval);
  }

  get waits(): boolean {
    return [...this.all.values()].some(({ state }) => state === ApprovalState.PENDING);
  }

  async *stream(signal: AbortSignal): AsyncGenerator<Approval> {
    const listener = new Channel<Approval>(100);
    this.#listeners.add(listener);
    const { signal: stopped } = this.stop;
    AbortSignal.any([signal, stopped]).addEventListener('abort', () => {
      this.#listeners.delete(listener);
      listener.close();
    });
    for (const each of this.all.values()) if (each.state === ApprovalState.PENDING) yield each;
    yield* listener;
    if (stopped.aborted) throw new AppError('CLOSED', { what: 'this edge' });
  }

  answer(approvals: readonly { id: string; digest: Uint8Array }[], allow: boolean, scope: ApprovalScope): Approval[] {
    if (this.refuse) throw this.refuse;
    this.sent.push({
      ids: approvals.map(({ id }) => id),
      digests: approvals.map(({ digest }) => digest[0] ?? -1),
      allow,
      scope,
    });
    return approvals.map(({ id }) => {
      const state = allow ? ApprovalState.ALLOWED : ApprovalState.DENIED;
      const now = { ...this.all.get(id)!, state, scope, answeredBy: 'box' };
      this.change(now);
      return now;
    });
  }
}

let box: ScriptedHome;
let edge: ScriptedApprovals;
beforeEach(async () => {
  box = new ScriptedHome();
  edge = new ScriptedApprovals();
  await box.edge((router) =>
    router.service(LocalService, {
      getStatus: () => ({ device: 'dev-1', deviceName: 'pi', model: { provider: 'rules', local: true } }),
      async *ask(_request, { signal }) {
        yield { event: { event: { case: 'accepted', value: { run: RUN, conversation: 'conv-1' } } } };
        yield { event: { event: { case: 'text', value: { text: 'I will do it.\n' } } } };
        for await (const value of edge.stream(signal)) {
          yield { event: { event: { case: 'approval', value } } };
          if (!edge.waits) break;
        }
        const outcome = create(OutcomeSchema, { state: RunState.ANSWERED, answer: 'I will do it.\nDone: 完成。' });
        yield { event: { event: { case: 'ended', value: { run: RUN, conversation: 'conv-1', outcome } } } };
      },
      listApprovals: ({ all }) => ({
        approvals: [...edge.all.values()].filter(({ state }) => all || state === ApprovalState.PENDING),
      }),
      getApproval({ id }) {
        const approval = edge.all.get(id);
        if (!approval) throw new AppError('NOT_FOUND', { kind: 'approval' });
        return { approval };
      },
      answerApprovals: ({ approvals, allow, scope }) => ({ approvals: edge.answer(approvals, allow, scope) }),
      async *watchApprovals(_request, { signal }) {
        for await (const approval of edge.stream(signal)) yield { approval };
      },
    }),
  );
});
afterEach(() => box.close());

const open: TerminalProgram[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.program.stop();
});

function inTerminal(words: readonly string[], env: Record<string, string> = {}, columns = 80): TerminalProgram {
  const { PATH = '' } = process.env;
  const program = new TerminalProgram(
    [process.execPath, MAIN, ...words],
    { columns, rows: 40 },
    {
      cwd: box.cwd,
      env: { PATH, HOME: box.home, BOWLINE_HOME: box.home, ...env },
    },
  );
  open.push(program);
  return program;
}

const plainText = async (terminal: TerminalProgram) => (await terminal.screen()).join('\n');
const run = (...words: string[]) => cli(words, { cwd: box.cwd, home: box.home });

test.each([80, 120])(
  'at %i columns one call is shown and asked about; y allows it once and the answer follows',
  async (columns) => {
    edge.add(asked(1));
    const terminal = inTerminal(['ask', 'Tidy'], {}, columns);
    const screen = await terminal.until(/allow .*笔记-1.*\? \[y\/N\/r\/w\/\?\]/);
    expect(screen.join('\n')).toMatch(
      /change notes\/笔记-1\.md \(\+1 -1 lines\)\n {2}real path.*\n.*@@.*\n {4}-old\n {4}\+新的一行\n/,
    );
    for (const line of screen) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    terminal.type('y');
    await terminal.until(/Done: 完成。/);
    expect((await terminal.program.ended).code).toBe(0);
    expect(edge.sent).toEqual([{ ids: [idOf(1)], digests: [1], allow: true, scope: ApprovalScope.ONCE }]);
    expect(await plainText(terminal)).toContain('allowed by box: change notes/笔记-1.md');
  },
);

test('three calls of a step: numbered; a key for one, then one for the rest; Enter is no', async () => {
  // They come as the box is ready with them, and are shown as the step has them.
  edge.add(asked(2), asked(1), asked(3));
  const terminal = inTerminal(['ask', 'Tidy']);
  await terminal.until(/allow 1 of 3, .*\[y\/N\/a\/d\/r\/w\/\?\]/);
  terminal.type('\r');
  await terminal.until(/allow 2 of 3, /);
  terminal.type('?');
  await terminal.until(/a +yes to this and the other 1 of this step[\s\S]*allow 2 of 3/);
  terminal.type('a');
  expect((await terminal.program.ended).code).toBe(0);
  expect(edge.sent.map(({ ids, allow }) => [ids, allow])).toEqual([
    [[idOf(1)], false],
    [[idOf(2), idOf(3)], true],
  ]);
});

test('what is typed before the question, and what is pasted into it, answers nothing', async () => {
  const terminal = inTerminal(['ask', 'Tidy'], { NO_COLOR: '1' });
  await terminal.until(/I will do it/);
  terminal.type('y');
  terminal.type('yyy\r');
  edge.add(asked(1));
  await terminal.until(/allow .*\[y/);
  expect(edge.sent).toEqual([]);
  terminal.type('yes\r');
  terminal.type('\x1b[200~y\x1b[201~');
  terminal.type('\x1b[A');
  terminal.type('x');
  const times = (lines: readonly string[]) => lines.filter((line) => line.startsWith('change notes')).length;
  const isAsked = (lines: readonly string[]) => /^allow .*\[y/.test(lines.findLast((line) => line !== '') ?? '');
  // What comes in one piece with other keys is dropped; and while it is typed all the time, nothing is asked.
  await terminal.until((lines) => {
    if (times(lines) < 2 && isAsked(lines)) terminal.type('w');
    return times(lines) > 1;
  });
  await terminal.until(isAsked);
  expect(edge.sent).toEqual([]);
  terminal.type('n');
  expect((await terminal.program.ended).code).toBe(0);
  expect(edge.sent.map(({ allow }) => allow)).toEqual([false]);
  expect(coloursIn(terminal.written)).toEqual([]);
});

test('an answer given elsewhere takes the question away and says by whom; so does its end', async () => {
  edge.add(asked(1), asked(2));
  const terminal = inTerminal(['ask', 'Tidy'], { TERM: 'dumb' });
  await terminal.until(/allow 1 of 2/);
  edge.change({ ...asked(1), state: ApprovalState.ALLOWED, answeredBy: 'key phone' });
  await terminal.until(
    /allowed by key phone, so it is not asked any more: change notes\/笔记-1\.md[\s\S]*allow 2 of 2/,
  );
  edge.change({ ...asked(2), state: ApprovalState.EXPIRED });
  await terminal.until(/nobody answered in time, so it is not asked any more[\s\S]*Done/);
  expect((await terminal.program.ended).code).toBe(0);
  expect(edge.sent).toEqual([]);
});

test('Ctrl-C leaves it open: exit code 3, and what answers it', async () => {
  edge.add(asked(1));
  const terminal = inTerminal(['ask', 'Tidy']);
  await terminal.until(/allow .*\[y/);
  terminal.type('\x03');
  expect((await terminal.program.ended).code).toBe(3);
  expect(edge.sent).toEqual([]);
  const text = await plainText(terminal);
  expect(text).toContain('waits for your approval');
  expect(text).toContain(`bowline approvals show ${idOf(1).slice(-8)}`);
});

test('in a chat the question has the keyboard, and gives it back; after foreign text no yes covers the run', async () => {
  edge.add(asked(1, { taints: [Taint.UNTRUSTED] }));
  const terminal = inTerminal(['chat']);
  await terminal.until(/> ?$/m);
  terminal.type('整理\r');
  await terminal.until(/somebody else wrote[\s\S]*allow .*\[y\/N\/w\/\?\]/);
  terminal.type('y');
  await terminal.until(/Done: 完成。[\s\S]*\n> ?$/m);
  terminal.type('/quit\r');
  expect((await terminal.program.ended).code).toBe(0);
  expect(edge.sent.map(({ scope }) => scope)).toEqual([ApprovalScope.ONCE]);
});

test('where nobody can be asked the command leaves with 3 and says how to answer', async () => {
  edge.add(asked(1));
  const { code, stderr } = await run('ask', 'Tidy');
  expect(code).toBe(3);
  expect(stderr).toContain(`bowline approvals show ${idOf(1).slice(-8)}`);
  const json = await run('ask', '--json', 'Tidy');
  expect([json.code, JSON.parse(json.stdout)]).toMatchObject([3, { state: 'approval', approvals: [{ id: idOf(1) }] }]);
});

test('a call that needs a yes asks for it here, as an ask does; without a terminal it says what waits and where', async () => {
  edge.add(asked(3, { title: '' }));
  await box.controlPlane((router) => {
    router.service(DeviceService, {
      listDevices: () => ({ devices: [{ id: 'dev-1', name: 'pi', state: DeviceState.ACTIVE, connected: true }] }),
    });
    router.service(FsService, {
      async write() {
        // Of an ask, and of another method: not asked about here.
        edge.add(asked(4), asked(5, { title: '', method: 'bowline.capability.fs.v1.FsService/Delete' }));
        edge.add(asked(1, { title: '' }));
        await vi.waitFor(() => expect(edge.all.get(idOf(1))?.state).not.toBe(ApprovalState.PENDING), {
          timeout: 60_000,
        });
        return { created: true };
      },
    });
  });
  const words = ['call', 'fs.Write', '--data', '{"path":"notes/a.md","text":"x"}'];
  const terminal = inTerminal(words);
  await terminal.until(/allow change notes\/笔记-1\.md.*\? \[y/);
  terminal.type('y');
  expect((await terminal.program.ended).code).toBe(0);
  expect(edge.sent.map(({ ids, allow }) => [ids, allow])).toEqual([[[idOf(1)], true]]);
  expect(await plainText(terminal)).toMatch(/"created": true/);

  edge.all.delete(idOf(1));
  const called = run(...words);
  await vi.waitFor(() => expect(edge.all.get(idOf(1))?.state).toBe(ApprovalState.PENDING), { timeout: 60_000 });
  edge.change({ ...asked(1, { title: '' }), state: ApprovalState.ALLOWED, answeredBy: 'key phone' });
  const { code, stderr } = await called;
  expect(code).toBe(0);
  expect(stderr).toContain('waits for your yes: change notes/笔记-1.md');
  expect(stderr).toContain(`bowline approvals show ${idOf(1).slice(-8)}`);
  expect(stderr).not.toContain('笔记-3');
});

test('ls, show, deny, allow: by a part of an id, with a digest, never unseen', async () => {
  edge.add(asked(1), asked(2), asked(3));
  const ls = await run('approvals', 'ls');
  expect(ls.stdout.split('\n')[1]).toContain('change notes/笔记-1.md (+1 -1 lines)  整理我的笔记');
  const show = await run('approvals', 'show', '0a5c2e11');
  expect(show.stdout).toContain('    +新的一行\n');
  expect(JSON.parse((await run('approvals', 'show', '0a5c2e11', '--json')).stdout)).toMatchObject({
    id: idOf(1),
    digest: '01'.repeat(32),
  });
  const unseen = await run('approvals', 'allow', '0a5c2e11');
  expect([unseen.code, edge.sent]).toEqual([2, []]);
  expect(unseen.stderr).toContain('--digest');
  const other = await run('approvals', 'allow', '0a5c2e11', '--digest', '0202020202');
  expect(other.stderr).toContain('no longer what was shown');
  expect(edge.sent).toEqual([]);
  const allowed = await run('approvals', 'allow', '0a5c2e11', '--digest', '0101010101');
  expect([allowed.code, allowed.stdout]).toEqual([0, 'allowed by box: change notes/笔记-1.md (+1 -1 lines)\n']);
  const run2 = await run('approvals', 'allow', '0a5c2e12', '--yes', '--for', 'run', '--json');
  expect(JSON.parse(run2.stdout)).toMatchObject([{ state: 'allowed', scope: 'run' }]);
  expect((await run('approvals', 'deny', '0a5c2e13')).stdout).toContain('denied by box');
  expect(edge.sent.map(({ allow, scope }) => [allow, scope])).toEqual([
    [true, ApprovalScope.ONCE],
    [true, ApprovalScope.RUN],
    [false, ApprovalScope.UNSPECIFIED],
  ]);
  expect((await run('approvals', 'ls')).stdout).toBe('nothing waits for your yes\n');
  expect((await run('approvals', 'show', 'ffffffff')).code).not.toBe(0);
});

test('more than one request takes are denied in pieces, with --all and by their ids, and never allowed in part', async () => {
  const numbers = Array.from({ length: 70 }, (_, at) => at + 1);
  for (const number of numbers) edge.add(asked(number));
  expect((await run('approvals', 'deny', '--all', '0a5c2e11')).code).toBe(2);
  expect((await run('approvals', 'deny')).code).toBe(2);
  const unknown = await run('approvals', 'deny', '不在这里', idOf(1));
  expect(unknown).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/here: 不在这里 \(NOT_FOUND\)\n.*approvals ls --all/),
  });
  expect((await run('approvals', 'allow', '--yes', ...edge.all.keys())).code).toBe(2);
  expect(edge.sent).toHaveLength(0);
  const denied = await run('approvals', 'deny', '--all');
  expect(denied.stdout.match(/denied by box/g)).toHaveLength(70);
  expect(edge.sent.map(({ ids }) => ids.length)).toEqual([64, 6]);
  expect((await run('approvals', 'deny', '--all')).stdout).toBe('nothing waits for your yes\n');
});

test('allow at a terminal shows it and asks; an edge that refuses is told', async () => {
  edge.add(asked(1));
  edge.refuse = new AppError('APPROVAL_CHANGED');
  const terminal = inTerminal(['approvals', 'allow', '0a5c2e11']);
  await terminal.until(/\+新的一行[\s\S]*allow change [^\n]* once\? \[y\/N\]/);
  terminal.type('y');
  await terminal.until(/APPROVAL_CHANGED/);
  expect((await terminal.program.ended).code).not.toBe(0);
  const second = inTerminal(['approvals', 'allow', '0a5c2e11']);
  await second.until(/allow change [^\n]* once\? \[y\/N\]/);
  second.type('\r');
  expect((await second.program.ended).code).toBe(3);
});

test('watch asks about each step as it comes, and a program gets a line for each change', async () => {
  const terminal = inTerminal(['approvals', 'watch']);
  await terminal.until(/is asked here/);
  edge.add(asked(1));
  await terminal.until(/allow .*\[y/);
  terminal.type('y');
  await terminal.until(/allowed by box/);
  edge.add(asked(2));
  await terminal.until(/allow .*笔记-2.*\[y/);
  // An edge that is stopped comes back, and asks again.
  const { stop } = edge;
  edge.stop = new AbortController();
  stop.abort();
  await terminal.until(/the edge went away; waiting for it to come back[\s\S]*allow .*笔记-2.*\[y/);
  terminal.type('\x03');
  expect((await terminal.program.ended).code).toBe(0);
  expect(edge.sent).toHaveLength(1);
});
