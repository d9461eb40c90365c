// The verb `chat` over a pipe, against a scripted edge.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AskRequest, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { JobState, OutcomeSchema, RunState, SizeClass, WithheldReason } from '../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { CliRun, cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';

// Each command is a process that starts anew; on a machine that is busy that takes its time.
vi.setConfig({ testTimeout: 90_000 });

let box: ScriptedHome;
let seen: AskRequest[];
beforeEach(async () => {
  box = new ScriptedHome();
  seen = [];
  mkdirSync(join(box.folder, 'notes'));
  writeFileSync(join(box.folder, 'notes', 'a.md'), 'x');
  await box.edge((router) =>
    router.service(LocalService, {
      getStatus: () => ({
        deviceName: 'pi',
        roots: [join(box.folder, 'notes')],
        model: { provider: 'rules', local: true },
        sensitiveAnsweredBy: 'tiny at 127.0.0.1:8080 on this box',
      }),
      previewShares({ shares }) {
        if (shares.some(({ pattern }) => pattern.includes('nomatch')))
          throw new AppError('SHARE_NO_MATCH', { pattern: 'nomatch', why: 'no such file' });
        if (shares.some(({ pattern }) => pattern.includes('secret'))) throw new AppError('PATH_NOT_ALLOWED');
        return {
          shared: {
            paths: ['notes/a.md', 'notes/b.md'],
            bytes: 1_500n,
            leftOut: [{ path: 'c', problem: 'too large' }],
          },
        };
      },
      // An answer that lacks a file until it is shared.
      async *ask(request) {
        seen.push(request);
        const run = `run-${seen.length}`;
        yield { event: { event: { case: 'accepted', value: { run, conversation: 'conv-1' } } } };
        const name = 'notes/a.md';
        const missing = {
          field: 'text',
          size: SizeClass.UNDER_1K,
          why: WithheldReason.NO_GRANT,
          name,
          hint: `--share '${name}'`,
        };
        const shared = request.shares.length > 0;
        yield {
          event: {
            event: {
              case: 'ended',
              value: {
                run,
                conversation: 'conv-1',
                outcome: create(OutcomeSchema, {
                  state: RunState.ANSWERED,
                  answer: shared ? `It says x (${request.text}).` : 'I may not read it.',
                  withheld: shared ? [] : [missing],
                  jobs: [{ id: `${run}/0/0`, method: 'bowline.capability.fs.v1.FsService/Read', state: JobState.DONE }],
                }),
                egress: shared ? [{ path: name, field: 'text', bytes: 9n, grant: 'g' }] : [],
              },
            },
          },
        };
      },
    }),
  );
});
afterEach(() => box.close());

const chat = (input: string[]) => cli(['chat'], { cwd: box.cwd, home: box.home, input: `${input.join('\n')}\n` });
const sharesOf = () => seen.map(({ shares }) => shares.map(({ pattern }) => pattern));

test('the first line, and /sensitive, say who answers: for a sensitive conversation what answers it on the box', async () => {
  const who = 'answers: tiny at 127.0.0.1:8080 on this box; nothing of it leaves the box';
  const sensitive = await cli(['chat', '--sensitive'], { cwd: box.cwd, home: box.home, input: '' });
  expect(sensitive.stderr.split('\n')[0]).toBe(`pi; ${who}; /help`);
  const later = await chat(['/sensitive']);
  expect(later.stderr.split('\n')[0]).toBe('pi; answers: rules (local); /help');
  expect(later.stderr).toContain(`a new conversation, sensitive; ${who}. To talk`);
});

test('sharing once asks again with the file and shares nothing afterwards', async () => {
  const { code, stdout, stderr } = await chat(['first', 'o', 'second', 'n', '/quit']);
  const path = join(box.folder, 'notes', 'a.md');
  expect(sharesOf()).toEqual([[], [path], []]);
  expect(seen.map(({ conversation }) => conversation)).toEqual(['', 'conv-1', 'conv-1']);
  expect(stdout).toBe('I may not read it.\nIt says x (first).\nI may not read it.\n');
  expect(stderr).toContain(`share ${path} and ask again?`);
  expect(code).toBe(0);
});

test('sharing for the run keeps the file shared for the following asks', async () => {
  await chat(['first', 'r', 'second']);
  const path = join(box.folder, 'notes', 'a.md');
  expect(sharesOf()).toEqual([[], [path], [path]]);
});

test.each([['y'], ['What else?'], ['yes please']])(
  '%j is no answer to the offer, which is asked again; nothing is shared or asked',
  async (line) => {
    const { stderr } = await chat(['first', line, 'n', 'second', line]);
    expect(seen.map(({ text }) => text)).toEqual(['first', 'second']);
    expect(sharesOf()).toEqual([[], []]);
    expect(stderr.split('please answer o, r or n')).toHaveLength(3);
  },
);

test.each([['exit'], ['QUIT'], ['退出'], ['/exit']])('%j alone ends the chat and is not asked', async (word) => {
  const { code, stderr } = await chat(['exit strategy?', 'n', word, 'never']);
  expect([code, seen.map(({ text }) => text)]).toEqual([0, ['exit strategy?']]);
  expect(stderr.includes('left the chat')).toBe(!word.startsWith('/'));
});

test('what is typed at the offer and is no answer is told as not asked; --in and --no-docs count for each ask', async () => {
  const words = ['chat', '--in', 'docs', '--in', '笔记'];
  const { stderr } = await cli(words, { cwd: box.cwd, home: box.home, input: 'first\n灯塔在哪？\ny\nn\n二\nn\n' });
  expect(seen.map(({ text, collections }) => [text, collections])).toEqual([
    ['first', ['docs', '笔记']],
    ['二', ['docs', '笔记']],
  ]);
  expect(stderr.split('this was not asked. please answer')).toHaveLength(2);
  expect(stderr.split('please answer')).toHaveLength(3);
  await cli(['chat', '--no-docs'], { cwd: box.cwd, home: box.home, input: 'third\nn\n' });
  expect(seen.at(-1)).toMatchObject({ noCollections: true });
});

test('commands share, list jobs and what left the box, and tell mistakes', async () => {
  const { stderr } = await chat([
    "/share '*.md'",
    'q',
    '/jobs',
    '/egress',
    '/unshare',
    '/nope',
    '/new',
    '/share a#L3-L1',
  ]);
  expect(sharesOf()).toEqual([[join(box.cwd, '*.md')]]);
  for (const part of [
    'sharing from now on: *.md',
    'fs.Read: done',
    'notes/a.md  9 bytes\n',
    'sharing nothing',
    'there is no /nope',
    'a new conversation',
    'are not a range',
  ]) {
    expect(stderr).toContain(part);
  }
});

test('a share that matches nothing, or is not allowed, is refused when it is given, and the next ask is asked', async () => {
  writeFileSync(join(box.folder, 'secret'), 'x');
  const { stderr, stdout } = await chat([
    '/share nomatch',
    `/share ${join(box.folder, 'secret')}`,
    '/share /nonexistent/secret',
    '/share',
    "/share '*.md'",
    'q',
    '/quit',
  ]);
  expect(stderr).toContain('(SHARE_NO_MATCH)');
  expect(stderr).toContain('(PATH_NOT_ALLOWED)');
  expect(stderr).toContain('there is no such file or folder on this machine');
  expect(stderr).toContain('sharing nothing\n');
  expect(stderr).toContain('*.md: 2 files, 1.5 KB; 1 file left out: too large');
  expect(sharesOf()).toEqual([[join(box.cwd, '*.md')]]);
  expect(stdout).toContain('It says x (q).');
  const early = await cli(['chat', '--share', 'nomatch'], { cwd: box.cwd, home: box.home, input: 'q\n' });
  expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('(SHARE_NO_MATCH)')]);
  expect(seen).toHaveLength(1);
});

test('Ctrl-C at the prompt ends the chat', async () => {
  const run = new CliRun(['chat'], { cwd: box.cwd, home: box.home });
  await run.until('/help');
  run.child.stdin.write('/jobs\n');
  await run.until('no jobs yet');
  run.interrupt();
  expect(await run.ended).toBe(0);
});
