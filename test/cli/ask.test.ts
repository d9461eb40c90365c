// The verb `ask` as its users see it, against a scripted edge.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ConnectRouter } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import {
  AcceptedSchema,
  type AskRequest,
  LocalService,
  type RunEvent,
  RunEventSchema,
  SharedSchema,
} from '../../gen/bowline/local/v1/local_pb.ts';
import {
  EgressSchema,
  JobSchema,
  JobState,
  LeftOutCollectionSchema,
  type Outcome,
  OutcomeSchema,
  RunState,
  SizeClass,
  SourceSchema,
  WithheldReason,
} from '../../gen/bowline/run/v1/run_pb.ts';
import { Channel } from '../../src/base/channel.ts';
import { AppError } from '../../src/base/errors.ts';
import { Program } from '../support/program.ts';
import { CliRun, cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';

// Each command is a process that starts anew; on a machine that is busy that takes its time.
vi.setConfig({ testTimeout: 90_000 });

let box: ScriptedHome;
beforeEach(() => {
  box = new ScriptedHome();
});
afterEach(() => box.close());

const here = () => ({ cwd: box.cwd, home: box.home });
const event = (e: RunEvent['event']) => ({ event: create(RunEventSchema, { event: e }) });
const accepted = (...warnings: string[]) =>
  event({ case: 'accepted', value: create(AcceptedSchema, { run: 'run-1', conversation: 'conv-1', warnings }) });
const text = (words: string, offset = 0, epoch = 1n, job = 'run-1/0/0') =>
  event({
    case: 'text',
    value: { $typeName: 'bowline.run.v1.TextChunk', job, epoch, offset: BigInt(offset), text: words },
  });
const ended = (outcome: Partial<Omit<Outcome, '$typeName'>>) =>
  event({
    case: 'ended',
    value: {
      $typeName: 'bowline.local.v1.Ended',
      run: 'run-1',
      conversation: 'conv-1',
      outcome: create(OutcomeSchema, { state: RunState.ANSWERED, ...outcome }),
      egress: [],
    },
  });
const waiting = (what: string, sent: boolean, approval = false) =>
  event({ case: 'waiting', value: { $typeName: 'bowline.local.v1.Waiting', what, sent, approval } });

test('a budget of which little is left is one line beside the answer', async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted('the budget 厨房 has 0.1 of 2 left; `bowline budgets set 厨房 --limit MORE` changes it');
        yield ended({ answer: 'On Friday.' });
      },
    }),
  );
  const { stdout, stderr } = await cli(['ask', 'When?'], here());
  expect(stdout).toBe('On Friday.\n');
  expect(stderr.match(/the budget 厨房 has 0\.1 of 2 left/g)).toHaveLength(1);
});

test('a collection that could not be looked into is named beside the answer, with what to do, and in --json', async () => {
  const left = { collection: 'papers', reason: 'COLLECTION_OTHER_MODEL', problem: 'run bowline docs re-embed papers' };
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield ended({ answer: 'On Friday.', leftOut: [create(LeftOutCollectionSchema, left)] });
      },
    }),
  );
  const { code, stdout, stderr } = await cli(['ask', 'When?'], here());
  expect([code, stdout]).toEqual([0, 'On Friday.\n']);
  expect(stderr).toContain('not looked into: the collection papers: run bowline docs re-embed papers\n');
  const json = await cli(['ask', 'When?', '--json'], here());
  expect(JSON.parse(json.stdout)).toMatchObject({ answer: 'On Friday.', leftOut: [left] });
});

test('an answer is streamed to stdout, progress goes to stderr, the exit code is 0', async () => {
  const seen: AskRequest[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask(request) {
        seen.push(request);
        yield accepted();
        yield text('明天');
        yield event({ case: 'job', value: create(JobSchema, { id: 'j', method: 'x.Y/Z', state: JobState.RUNNING }) });
        yield text('发布', 6);
        yield ended({
          answer: '明天发布',
          sources: [create(SourceSchema, { path: 'work/笔记.md', startLine: 3, endLine: 3, device: 'pi' })],
        });
      },
    }),
  );
  const { code, stdout, stderr } = await cli(['ask', '什么时候发布？'], here());
  expect(stderr).toBe('');
  expect(stdout).toBe('明天发布\n\nsources:\n  work/笔记.md:3\n');
  expect(code).toBe(0);
  expect(seen[0]?.text).toBe('什么时候发布？');
  expect(seen[0]?.requestId).not.toBe('');
});

test('one JSON object with everything: run, jobs with times, what left the box, what stayed, usage', async () => {
  writeFileSync(join(box.cwd, 'a.md'), 'x');
  const seen: AskRequest[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask(request) {
        seen.push(request);
        yield event({
          case: 'shared',
          value: {
            $typeName: 'bowline.local.v1.Shared',
            paths: ['work/a.md', 'work/b.md', 'work/c.md'],
            bytes: 12_300n,
            recipients: ['rules (local)'],
            grant: 'g1',
            leftOut: [],
            moreLeftOut: 0,
            doubtful: [],
            masked: 0,
          },
        });
        yield accepted();
        yield event({ case: 'ended', value: full });
      },
    }),
  );
  const words = ['ask', '--json', '--share', 'a.md#L10-L40', '--share', '*.txt', '-c', 'conv-0', '--timeout', '90s'];
  const { code, stdout, stderr } = await cli([...words, 'What is it?'], here());
  // A file that was shared whole was withheld all the same.
  expect(code).toBe(8);
  expect(stderr).toBe('');
  expect(seen[0]?.shares).toMatchObject([
    { pattern: join(box.cwd, 'a.md'), startLine: 10, endLine: 40 },
    { pattern: join(box.cwd, '*.txt'), startLine: 0, endLine: 0 },
  ]);
  expect(seen[0]).toMatchObject({ conversation: 'conv-0', timeout: { seconds: 90n } });
  expect(JSON.parse(stdout)).toMatchObject({
    id: 'run-1',
    conversation: 'conv-1',
    state: 'answered',
    answer: 'It is.',
    sources: [{ path: 'work/a.md', startLine: 10, endLine: 12 }],
    jobs: [
      {
        method: 'bowline.capability.fs.v1.FsService/Read',
        target: 'device pi',
        attempts: 2,
        milliseconds: 1234,
        state: 'done',
      },
    ],
    egress: [{ path: 'work/a.md', field: 'text', bytes: 99, grant: 'g1' }],
    withheld: [{ name: 'work/b.md', field: 'text', size: 'under_16k', why: 'NO_GRANT' }],
    sharesEnded: ['work/b.md'],
    usage: { inputTokens: 7, outputTokens: 3 },
    failure: null,
  });
});

test('a new attempt starts again in words and never continues the text of the old one', async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield text('The old at');
        yield text('The new answer', 0, 2n);
        yield text('tempt', 10, 1n);
        yield text(' is here', 14, 2n);
        yield ended({ answer: 'The new answer is here.' });
      },
    }),
  );
  const { stdout } = await cli(['ask', 'q'], here());
  expect(stdout).toBe('The old at\n(starting again)\nThe new answer is here.\n');
});

test('what a terminal would obey is shown, never sent to it', async () => {
  const evil = 'red \x1b[31m \x9b2J bell\x07 back\rover \u202egnp.exe\u2066 end';
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield waiting(`wait \x1b]0;title\x07\nnext`, false);
        yield text(evil);
        yield ended({ answer: evil, state: RunState.ANSWERED });
      },
    }),
  );
  const plainRun = await cli(['ask', 'q'], here());
  expect(plainRun.stdout).toBe('red \\x1b[31m \\x9b2J bell\\x07 backover <U+202E>gnp.exe<U+2066> end\n');
  expect(plainRun.stderr).toBe('waiting, not sent yet: wait \\x1b]0;title\\x07 next\n');
  const json = await cli(['ask', '--json', 'q'], here());
  expect(json.stdout).not.toMatch(/(?!\n)\p{Cc}|\p{Bidi_Control}/u);
  expect(JSON.parse(json.stdout)).toMatchObject({ answer: evil });
});

test('a file that could not be shared is named, and the answer is one in part', async () => {
  const leftOut = [{ path: 'work/big.md', reason: 'FILE_TOO_LARGE', problem: 'the file is larger' }];
  const doubtful = [{ path: 'work/a.md', problem: 'read as koi8-r, a guess' }];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        const shared = create(SharedSchema, {
          paths: ['work/a.md'],
          bytes: 3n,
          recipients: ['rules'],
          leftOut,
          doubtful,
        });
        yield event({ case: 'shared', value: shared });
        yield accepted();
        yield event({ case: 'ended', value: full });
      },
    }),
  );
  const { code, stderr } = await cli(['ask', '--share', 'work', 'What is it?'], here());
  expect(code).toBe(8);
  expect(stderr).toContain('not shared: work/big.md: the file is larger (FILE_TOO_LARGE)\n');
  expect(stderr).toContain('work/a.md: read as koi8-r, a guess\n');
  const told = await cli(['ask', '--json', '--share', 'work', 'What is it?'], here());
  expect(told.code).toBe(8);
  expect(JSON.parse(told.stdout).shared).toMatchObject({ leftOut, doubtful });
});

test('what was withheld is listed with the command that shares it, with paths of this machine', async () => {
  const root = join(box.folder, 'notes');
  mkdirSync(root);
  writeFileSync(join(root, "it's.md"), 'x');
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield ended({
          answer: 'I may not read it.',
          withheld: [
            {
              $typeName: 'bowline.run.v1.Withheld',
              field: 'text',
              size: SizeClass.UNDER_16K,
              why: WithheldReason.NO_GRANT,
              name: "notes/it's.md",
              hint: "--share 'notes/it'\\''s.md'",
            },
          ],
        });
      },
      getStatus: () => ({ roots: [`notes (${root})`] }),
    }),
  );
  const { code, stderr } = await cli(['ask', "what's in it?"], here());
  expect(code).toBe(0);
  expect(stderr).toContain("not shared: notes/it's.md\n");
  const verbose = await cli(['ask', '--verbose', "what's in it?"], here());
  expect(verbose.stderr).toContain("notes/it's.md: text (under 16k), not shared\n");
  const share = `'${join(root, "it'\\''s.md")}'`;
  expect(stderr).toContain(`to share it for one run: bowline ask --share ${share} -c conv-1 'what'\\''s in it?'\n`);
});

test('of a file that the limits refuse as a whole its first lines are offered, and the limit is told', async () => {
  const root = join(box.folder, 'notes');
  mkdirSync(root);
  writeFileSync(join(root, '大.log'), 'x'.repeat(2 << 20));
  const withheld = [
    {
      $typeName: 'bowline.run.v1.Withheld' as const,
      field: 'text',
      size: SizeClass.UNDER_16K,
      why: WithheldReason.NO_GRANT,
      name: 'notes/大.log',
      hint: '--share notes/大.log',
    },
  ];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield ended({ answer: 'I may not read it.', withheld });
      },
      getStatus: () => ({ roots: [`notes (${root})`] }),
      previewShares: ({ shares }) => {
        if (shares[0]?.endLine === 0)
          throw new AppError('FILE_TOO_LARGE', { limit: 4_194_304, setting: 'limits.file_bytes' });
        return {};
      },
    }),
  );
  const { stderr } = await cli(['ask', 'what?'], here());
  expect(stderr).toContain(`to share it for one run: bowline ask --share '${root}/大.log#L1-L200' -c conv-1 'what?'\n`);
  expect(stderr).toContain('limits.file_bytes');
});

test('exit codes follow how the run ended', async () => {
  const states = [RunState.REFUSED, RunState.FAILED, RunState.CANCELLED, RunState.TIMED_OUT];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask({ text: number }) {
        yield accepted();
        const failure = { reason: 'LIMIT_EXCEEDED', code: 8, retryable: false, message: 'too much', metadata: {} };
        const state = states[Number(number)] ?? RunState.UNSPECIFIED;
        yield ended({ state, failure: { $typeName: 'bowline.common.v1.Failure', ...failure } });
      },
    }),
  );
  const runs = await Promise.all(states.map((_, i) => cli(['ask', String(i)], here())));
  expect(runs.map(({ code }) => code)).toEqual([5, 6, 6, 7]);
  expect(runs[0]?.stderr).toContain('refused: too much (LIMIT_EXCEEDED)');
});

test('--no-wait leaves with the run id and exit code 4', async () => {
  await box.edge(openFor(new Channel(1)));
  const queued = await cli(['ask', '--no-wait', 'q'], here());
  expect([queued.code, queued.stdout]).toEqual([4, 'run-1\n']);
  const json = await cli(['ask', '--no-wait', '--json', 'q'], here());
  expect([json.code, JSON.parse(json.stdout)]).toMatchObject([4, { id: 'run-1', state: 'queued', jobs: [] }]);
});

test('an ask whose --timeout is over is told as timed out, whether it was sent or not, and not as one that will be sent', async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask({ text: how }, context) {
        yield accepted();
        yield waiting('the control plane at http://127.0.0.1:1 cannot be reached', how === 'sent');
        await aborted(context.signal);
      },
    }),
  );
  const [queued, sent] = await Promise.all(
    ['queued', 'sent'].map((how) => cli(['ask', '--timeout', '2s', how], here())),
  );
  expect(queued?.code).toBe(7);
  expect(queued?.stderr).toContain('waiting, not sent yet: the control plane at http://127.0.0.1:1 cannot be reached');
  expect(queued?.stderr).toContain('run run-1 had no answer in its time');
  expect(sent?.code).toBe(7);
});

test('--wait is the time of the command: it leaves with exit code 4, and the ask goes on; what it had promised holds', async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask({ text: how, timeout }, context) {
        expect(timeout).toBeUndefined();
        yield accepted();
        if (how === 'sent') yield waiting('a worker', true);
        await aborted(context.signal);
      },
    }),
  );
  const [queued, sent] = await Promise.all(['queued', 'sent'].map((how) => cli(['ask', '--wait', '1s', how], here())));
  expect([queued?.code, sent?.code]).toEqual([4, 4]);
  expect(queued?.stderr).toContain('run run-1 is queued on this box and will be sent by itself\n');
  expect(queued?.stderr).toContain('  bowline queue ls\n  bowline queue rm run-1\n');
  expect(sent?.stderr).toContain('run run-1 goes on\n');
});

test('--wait that is over while the shares are still read leaves when the ask is accepted: it is queued', async () => {
  const read = new Channel<boolean>(1);
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask(_request, context) {
        await read.next();
        yield accepted();
        await aborted(context.signal);
      },
    }),
  );
  const run = new CliRun(['ask', '--wait', '1s', 'q'], { ...here(), input: '' });
  await run.until('as soon as the ask is accepted');
  read.offer(true);
  expect(await run.ended).toBe(4);
  expect(run.stderr).toContain('run run-1 is queued on this box and will be sent by itself\n');
});

test('Ctrl-C before the ask is accepted says so and ends it at once; the edge sees its caller go', async () => {
  const seen = new Channel<string>(3);
  await box.edge((router) =>
    router.service(LocalService, {
      // biome-ignore lint/correctness/useYield: it never comes to an event
      async *ask(_request, context) {
        seen.offer('asked');
        await aborted(context.signal);
        seen.offer('gone');
      },
    }),
  );
  const run = new CliRun(['ask', '--share', '**', 'q'], { ...here(), input: '' });
  expect(await seen.next()).toMatchObject({ value: 'asked' });
  run.interrupt();
  expect(await run.ended).toBe(6);
  expect(run.stderr).toContain('cancelling\n');
  expect(run.stderr).toContain('cancelled before the edge had accepted it (CANCELED)');
  expect(await seen.next()).toMatchObject({ value: 'gone' });
});

test('an ask that has a time is never told as one that is sent whenever that may be', async () => {
  const expireTime = { $typeName: 'google.protobuf.Timestamp' as const, seconds: 1_900_000_000n, nanos: 0 };
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        const known = { run: 'run-1', conversation: 'conv-1', expireTime };
        yield event({ case: 'accepted', value: create(AcceptedSchema, known) });
      },
    }),
  );
  const { code, stderr } = await cli(['ask', '--no-wait', '--timeout', '24h', 'q'], here());
  expect(code).toBe(4);
  expect(stderr).toMatch(/will be sent by itself, and ends at 2030-03-\d\d \d\d:\d\d:\d\d without an answer/);
});

test('the first Ctrl-C cancels, and the cancelled run is waited for', async () => {
  const cancels = new Channel<string>(10);
  await box.edge(openFor(cancels));
  const run = new CliRun(['ask', 'q'], { ...here(), input: '' });
  await run.until('waiting: a worker');
  run.interrupt();
  expect(await run.ended).toBe(6);
  expect(run.stderr).toContain('cancelled');
});

test('the second Ctrl-C leaves the run alone and prints its id', async () => {
  const never = new Channel<string>(10);
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask(_request, context) {
        yield accepted();
        yield waiting('a worker', true);
        await aborted(context.signal);
      },
      cancel: ({ run }) => {
        never.offer(run);
        return {};
      },
    }),
  );
  const run = new CliRun(['ask', 'q'], { ...here(), input: '' });
  await run.until('waiting: a worker');
  run.interrupt();
  await run.until('cancelling');
  run.interrupt();
  expect(await run.ended).toBe(4);
  expect(run.stderr).toContain('run run-1 goes on');
});

test('an edge that goes away and comes back is followed; nothing is asked or shown twice', async () => {
  let asks = 0;
  const edge = await box.edge((router) =>
    router.service(LocalService, {
      async *ask(_request, context) {
        asks += 1;
        yield accepted();
        yield text('One, ');
        await aborted(context.signal);
      },
      async *follow({ run }) {
        yield text('One, two');
        yield ended({ answer: `One, two: ${run}` });
      },
    }),
  );
  const run = new CliRun(['ask', 'q'], { ...here(), input: '' });
  await run.until('One, ');
  edge.cut();
  expect(await run.ended).toBe(0);
  expect(run.stdout).toBe('One, two: run-1\n');
  expect(run.stderr).toContain('the edge went away');
  expect(asks).toBe(1);
});

test('a conversation that the control plane does not know is refused, unless an ask of it waits on the box', async () => {
  const asked: string[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      listQueue: () => ({ asks: [{ run: 'r0', conversation: 'waiting' }] }),
      // biome-ignore lint/correctness/useYield: it is refused before anything is said
      async *ask({ conversation }) {
        asked.push(conversation);
        throw new AppError('QUEUE_FULL', { limit: 1 });
      },
    }),
  );
  await box.controlPlane((router) =>
    router.service(ConversationService, {
      getConversation: () => {
        throw new AppError('NOT_FOUND', { kind: 'conversation' });
      },
    }),
  );
  const [unknown, waiting] = await Promise.all([
    cli(['ask', '-c', 'typo', 'And who?'], here()),
    cli(['ask', '-c', 'waiting', 'And who?'], here()),
  ]);
  expect([unknown.code, unknown.stderr]).toEqual([6, expect.stringContaining('see: bowline conversations ls')]);
  expect(waiting.stderr).toContain('(QUEUE_FULL)');
  expect(asked).toEqual(['waiting']);
});

test.each([[['ask', '-']], [['ask']]])('%j takes its text from standard input, bounded', async (words) => {
  const asked: string[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask(request) {
        asked.push(request.text);
        yield accepted();
        yield ended({ state: RunState.ANSWERED, answer: 'yes' });
      },
    }),
  );
  expect(await cli(words, { ...here(), input: '  Which notes\nmention 发布? \n' })).toMatchObject({ code: 0 });
  expect(asked).toEqual(['Which notes\nmention 发布?']);
  const long = await cli(words, { ...here(), input: 'x'.repeat(8 << 20) });
  expect([long.code, long.stderr]).toEqual([2, expect.stringContaining('put its material into a file')]);
  expect(asked).toHaveLength(1);
});

test('an empty text is told as one, not as a file', async () => {
  const { code, stderr } = await cli(['ask', ''], { cwd: box.cwd, home: box.home });
  expect([code, stderr]).toEqual([2, expect.stringContaining('there is no text')]);
});

test('errors of the command line end with exit code 2 and say what to quote', async () => {
  writeFileSync(join(box.cwd, 'a.md'), 'x');
  const cases: [string[], string][] = [
    [
      ['ask', '--share', 'a.md', 'a.md', 'What is it?'],
      '"a.md" is a file or folder, not the text of an ask; quote the glob',
    ],
    [['ask', 'a.md'], '"a.md" is a file or folder, not the text of an ask; quote the glob'],
    [['ask', 'What', 'is', 'it?'], 'put it in quotes'],
    [['ask'], 'there is no text'],
    [['ask', '--timeout', 'soon', 'q'], '"soon" is not a time'],
    [['ask', '--timeout', '25h', 'q'], '"25h" is not a time; write 30s, 500ms, 2m or 1h, at most 24h'],
    [['ask', '--share', 'a.md#L9-L3', 'q'], 'are not a range'],
    [['ask', '--shout', 'q'], "unknown option '--shout'"],
    [['aks', 'q'], 'Did you mean ask?'],
  ];
  const results = await Promise.all(cases.map(([words]) => cli(words, here())));
  for (const [i, { code, stderr, stdout }] of results.entries()) {
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(cases[i]?.[1]);
    expect(stderr).toMatch(/^error: .* \(USAGE\)\n/);
  }
});

test('what the edge refuses before anything is sent is one line with its reason and the home', async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      // biome-ignore lint/correctness/useYield: it refuses
      async *ask() {
        throw new AppError('SHARE_NO_MATCH', { pattern: 'x*.md', why: 'no such file' });
      },
    }),
  );
  const { code, stdout, stderr } = await cli(['ask', '--share', 'x*.md', 'q'], here());
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^error: nothing that may be shared matches x\*\.md: no such file \(SHARE_NO_MATCH\)\n/);
  expect(stderr).toContain(box.home);
});

test('a question that is asked while `up` starts waits for its edge; where it ends instead nothing answers', async () => {
  const pid = join(box.home, 'control.pid');
  writeFileSync(pid, `${process.pid}\n`);
  const ending = new CliRun(['ask', 'q'], { ...here(), input: '' });
  await ending.until('Bowline is starting');
  rmSync(pid);
  expect([await ending.ended, ending.stderr]).toEqual([6, expect.stringContaining('(NOT_RUNNING)')]);
  writeFileSync(pid, `${process.pid}\n`);
  const asking = new CliRun(['ask', 'q'], { ...here(), input: '' });
  await asking.until('Bowline is starting');
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield ended({ answer: 'It is.' });
      },
    }),
  );
  expect([await asking.ended, asking.stdout]).toEqual([0, expect.stringContaining('It is.')]);
});

test('a home where nothing runs is named', async () => {
  const { code, stderr } = await cli(['ask', 'q'], here());
  expect(code).toBe(6);
  expect(stderr).toContain(`is \`bowline up\` running with the home ${box.home}? (NOT_RUNNING)`);
  const other = join(box.folder, 'other');
  const flag = await cli(['ask', '--home', other, 'q'], here());
  expect(flag.stderr).toContain(other);
});

const full = {
  $typeName: 'bowline.local.v1.Ended' as const,
  run: 'run-1',
  conversation: 'conv-1',
  outcome: create(OutcomeSchema, {
    state: RunState.ANSWERED,
    answer: 'It is.',
    sources: [{ path: 'work/a.md', startLine: 10, endLine: 12, device: 'pi' }],
    jobs: [
      {
        id: 'run-1/0/0',
        method: 'bowline.capability.fs.v1.FsService/Read',
        target: 'device pi',
        state: JobState.DONE,
        attempts: 2,
        elapsed: durationFromMs(1234),
      },
    ],
    usage: { inputTokens: 7n, outputTokens: 3n },
    withheld: [{ field: 'text', size: SizeClass.UNDER_16K, why: WithheldReason.NO_GRANT, name: 'work/b.md', hint: '' }],
  }),
  egress: [create(EgressSchema, { path: 'work/a.md', field: 'text', bytes: 99n, grant: 'g1' })],
};

/** A run that stays open until it is cancelled. */
function openFor(cancels: Channel<string>) {
  return (router: ConnectRouter) =>
    router.service(LocalService, {
      async *ask() {
        yield accepted();
        yield waiting('a worker', true);
        await cancels.next();
        yield ended({ state: RunState.CANCELLED });
      },
      cancel: ({ run }) => {
        cancels.offer(run);
        return {};
      },
    });
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

test('what is piped in beside a text goes with it byte by byte; nothing goes where nothing is piped', async () => {
  const asked: AskRequest[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      async *ask(request) {
        asked.push(request);
        yield accepted();
        yield ended({ answer: 'yes' });
      },
    }),
  );
  expect((await cli(['ask', '总结一下'], { ...here(), input: '  一行\r\n\n' })).code).toBe(0);
  expect((await cli(['ask', '总结一下'], { ...here(), input: '' })).code).toBe(0);
  expect((await cli(['ask', '-'], { ...here(), input: 'the question' })).code).toBe(0);
  expect(asked.map(({ text, piped }) => [text, Buffer.from(piped).toString()])).toEqual([
    ['总结一下', '  一行\r\n\n'],
    ['总结一下', ''],
    ['the question', ''],
  ]);
  const long = await cli(['ask', 'What is it?'], { ...here(), input: 'x'.repeat((4 << 20) + 1) });
  expect([long.code, long.stderr]).toEqual([2, expect.stringContaining('what was piped in is over 4 MB')]);
  expect(asked).toHaveLength(3);
});

describe('a standard input that nobody ends', () => {
  const MAIN = fileURLToPath(new URL('../../dist/client.cjs', import.meta.url));
  beforeEach(() =>
    box.edge((router) =>
      router.service(LocalService, {
        async *ask({ piped }) {
          yield accepted();
          yield ended({ answer: `piped: “${Buffer.from(piped).toString()}”` });
        },
      }),
    ),
  );

  test('by --stdin it is waited for, however late it begins', async () => {
    const run = new CliRun(['ask', '--stdin', '总结'], here());
    await run.until('reading standard input to its end');
    run.child.stdin.end('迟到');
    expect([await run.ended, run.stdout]).toEqual([0, expect.stringContaining('piped: “迟到”')]);
  });

  test('and where nobody writes is left alone, as that of a program that starts this one', async () => {
    const run = new CliRun(['ask', '总结'], here());
    expect([await run.ended, run.stdout]).toEqual([0, expect.stringContaining('piped: “”')]);
    expect(run.stderr).toContain('nothing came on standard input, so nothing of it is shared; to wait for it: --stdin');
  });

  test('what was begun is read to its end', async () => {
    const run = new CliRun(['ask', '总结'], { ...here() });
    run.child.stdin.write('一');
    await run.until('reading standard input to its end');
    // Its first part came before that, so that no time passes for the rest.
    await new Promise((resolve) => run.child.stdin.write('二', resolve));
    run.child.stdin.end('三');
    expect([await run.ended, run.stdout]).toEqual([0, expect.stringContaining('piped: “一二三”')]);
  });

  test('a program of the same command line that is slow to begin is waited for', async () => {
    const gate = join(box.cwd, 'gate');
    execFileSync('mkfifo', [gate]);
    const words = ['-c', 'cat "$1" | "$2" "$3" ask 总结', 'bash', gate, process.execPath, MAIN];
    const { PATH = '' } = process.env;
    const program = new Program('pipeline', ['bash', ...words], {
      cwd: box.cwd,
      env: { PATH, HOME: box.home, BOWLINE_HOME: box.home },
    });
    await program.until('a program of this command line');
    writeFileSync(gate, '慢慢来');
    expect([(await program.ended).code, program.stdout]).toEqual([0, expect.stringContaining('piped: “慢慢来”')]);
  });
});

test('an empty pipe is told, and with --stdin nothing is asked; /dev/null says that nothing is meant', () => {
  const from = (input: string, ...words: string[]) => {
    const line = `${input} "$NODE" "$MAIN" ask ${words.join(' ')} 'Summarise this' ${input === '' ? '< /dev/null' : ''}`;
    const env = {
      PATH: process.env.PATH,
      HOME: box.cwd,
      BOWLINE_HOME: join(box.cwd, 'none'),
      NODE: process.execPath,
      MAIN: 'dist/client.cjs',
    };
    return spawnSync('sh', ['-c', line], { env, encoding: 'utf8' });
  };
  expect(from('true |').stderr).toContain('standard input was empty, so nothing of it is shared\n');
  expect(from('').stderr).not.toContain('standard input');
  const must = from('true |', '--stdin');
  expect([must.status, must.stderr]).toEqual([2, expect.stringContaining('nothing was asked')]);
});
