// Sensitive conversations over real files, a real journal and the rules: answered here, kept here, and nothing of them in a frame or the
// ledger.
import { create } from '@bufbuild/protobuf';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FsService, ReadResponseSchema } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type AskRequest, AskRequestSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { ToolDoneSchema, ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Outcome, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { FakeProvider, type Reply } from '../../../test/support/fake-provider.ts';
import { isSensitiveId, newId } from '../../base/ids.ts';
import { silentLogger } from '../../base/logger.ts';
import { checkAskThatLeaves } from '../asks/ask-request.ts';
import { isOnThisBox } from '../config/local-model-entry.ts';
import { BoxGate } from '../egress/box-gate.ts';
import { Origins } from '../egress/origins.ts';
import { BOX_GRANTS } from '../grants/file-grants.ts';
import type { ToolsInForce } from '../tools/tool-source.ts';
import { boxTools, openSensitive } from './open-sensitive.ts';

const FILES = {
  'docs/health.md': '# Health\nThe clinic in Zurich is called Marzipanklinik.\nBlood type: O negative.\n',
  'docs/健康.md': '# 健康\n血型是 O 型阴性。诊所在苏黎世。\n',
};

async function opened(dir = edgeFolder(FILES), journalBytes?: number, url?: string) {
  const rig = await edgeRig(dir, journalBytes ? { journalBytes } : {});
  const served = boxTools(rig.parts);
  const inForce: ToolsInForce = new Map(served.map((one) => [one.method.fullName, one]));
  const sensitive = openSensitive({
    journal: rig.journal,
    facts: rig.facts,
    tools: { methods: served.map(({ method }) => method), current: async () => inForce, isCurrent: () => true },
    runner: rig.runnerParts,
    model: url === undefined ? undefined : { entry: { url, model: 'tiny-model' }, key: () => 'a-key' },
    masker: () => rig.secrets.masker,
    clock: rig.parts.clock,
    log: silentLogger,
  });
  const close = async () => {
    await sensitive.stop();
    await rig.close();
  };
  return { rig, asks: sensitive.asks, close };
}

type Opened = Awaited<ReturnType<typeof opened>>;

type More = Partial<Pick<AskRequest, 'sensitive' | 'conversation' | 'requestId' | 'collections'>>;

const request = (text: string, more: More = {}): AskRequest =>
  create(AskRequestSchema, { text, sensitive: true, ...more });

async function answerOf({ asks }: Opened, run: string): Promise<Outcome> {
  for await (const { event } of asks.follow(run, new AbortController().signal))
    if (event.case === 'ended' && event.value.outcome) return event.value.outcome;
  throw new Error('no end');
}

async function recordsOf({ journal }: EdgeRig) {
  const records = [];
  for await (const { record } of journal.entries()) records.push(record);
  return records;
}

test.each([
  ['What is my blood type?', /Blood type: O negative.*health\.md:3/],
  ['我的血型是什么？', /血型是 O 型阴性.*健康\.md:2/],
  ['How many files are there?', /2 files/],
])('%s is answered by the rules, with the content of files, and with no line in the ledger', async (text, answer) => {
  const box = await opened();
  const { run, conversation } = await box.asks.ask(request(text));
  expect([run, conversation].every(isSensitiveId)).toBe(true);
  const outcome = await answerOf(box, run);
  expect(outcome).toMatchObject({ state: RunState.ANSWERED, answer: expect.stringMatching(answer) });
  expect(outcome.model).toMatchObject({ provider: 'rules' });
  const records = await recordsOf(box.rig);
  expect(records.flatMap((record) => (record.case === 'toolOutcome' ? record.value.egress : []))).toEqual([]);
  expect(records.filter(({ case: kind }) => kind === 'ledger' || kind === 'ask')).toEqual([]);
  expect(records.some(({ case: kind }) => kind === 'toolOutcome')).toBe(true);
  // Nothing of it waits for a control plane, and no key is kept for one.
  expect(box.rig.runner.openCalls()).toEqual([]);
  expect(box.rig.journal.calls.open()).toEqual([]);
  await box.close();
});

test('a later ask is in the same conversation, with what was said before, also without the flag and after a restart', async () => {
  const dir = edgeFolder(FILES);
  let box = await opened(dir);
  const first = await box.asks.ask(request('What does health.md say about the clinic?'));
  await answerOf(box, first.run);
  await box.close();
  box = await opened(dir);
  expect(box.asks.takes(request('x', { sensitive: false, conversation: first.conversation }))).toBe(true);
  const again = await box.asks.ask(
    request('And what does it say about blood?', { sensitive: false, conversation: first.conversation }),
  );
  expect(again.conversation).toBe(first.conversation);
  expect((await answerOf(box, again.run)).answer).toMatch(/Blood type/);
  // What ended before the start is told, too.
  expect((await answerOf(box, first.run)).answer).toMatch(/Marzipanklinik/);
  await box.close();
});

test('an ask without an answer at the end of the process is answered after the next start', async () => {
  const dir = edgeFolder(FILES);
  const before = await edgeRig(dir);
  const [run, conversation] = ['01a22e3b-94b8-878c-8427-472a6e8af53e', '01a22e3b-94b8-878c-8427-4be8f79ead20'];
  await before.journal.append([{ case: 'sensitiveAsk', value: { run, conversation, text: 'What is my blood type?' } }]);
  await before.close();
  const box = await opened(dir);
  expect((await answerOf(box, run)).answer).toMatch(/O negative/);
  expect(box.rig.journal.sensitive.open()).toEqual([]);
  await box.close();
});

test('turns outlive the pruning of the journal', async () => {
  const box = await opened(edgeFolder(FILES), 1 << 20);
  const { run, conversation } = await box.asks.ask(request('What is my blood type?'));
  await answerOf(box, run);
  const filler = { case: 'ledger' as const, value: { entries: [{ path: 'x'.repeat(4000) }] } };
  await vi.waitFor(
    async () => {
      for (let i = 0; i < 40; i++) await box.rig.journal.append([filler]);
      expect(box.rig.journal.firstSequence).toBeGreaterThan(box.rig.journal.sensitive.get(run)?.sequence ?? 0);
    },
    { timeout: 20_000 },
  );
  expect((await answerOf(box, run)).answer).toMatch(/O negative/);
  expect(box.rig.journal.sensitive.of(conversation)).toMatchObject([{ run, conversation }]);
  await box.close();
});

test('what cannot be sensitive is refused before anything is written', async () => {
  const box = await opened();
  const refused = (more: More) => expect(box.asks.ask(request('x', more))).rejects;
  await refused({ conversation: newId() }).toMatchObject({ reason: 'CONVERSATION_LEAVES' });
  await refused({ conversation: '01a22e3b-94b8-878c-8427-4be8f79ead20' }).toMatchObject({ reason: 'NOT_FOUND' });
  await refused({ collections: ['docs'] }).toMatchObject({ reason: 'INVALID_ARGUMENT' });
  expect(await recordsOf(box.rig)).toEqual([]);
  await box.close();
});

test('the same request id attaches; a cancel ends it, once', async () => {
  const box = await opened();
  const mine = request('What is my blood type?', { requestId: 'r' });
  const [one, atOnce] = await Promise.all([box.asks.ask(mine), box.asks.ask(mine)]);
  expect(atOnce).toMatchObject(one);
  expect(await box.asks.ask(request('What is my blood type?', { requestId: 'r' }))).toMatchObject(one);
  await expect(box.asks.ask(request('other', { requestId: 'r' }))).rejects.toMatchObject({
    reason: 'REQUEST_ID_REUSED',
  });
  await box.asks.cancel(one.run);
  await box.asks.cancel(one.run);
  const outcome = await answerOf(box, one.run);
  expect([RunState.CANCELLED, RunState.ANSWERED]).toContain(outcome.state);
  expect((await recordsOf(box.rig)).filter(({ case: kind }) => kind === 'sensitiveEnded')).toHaveLength(1);
  await box.close();
});

test('every door fails closed: the way out refuses a sensitive ask, the box any other run, and no frame takes what the box has passed', async () => {
  expect(() => checkAskThatLeaves(request('x'))).toThrow('about to leave');
  const { rig, close } = await opened();
  const message = create(ReadResponseSchema, { text: 'Blood type: O negative.' });
  const gate = new BoxGate(() => undefined);
  const context = { job: 'j', recipient: 'this box', origins: new Origins(), at: 0 };
  expect(() => gate.response(FsService.method.read, message, { ...context, run: newId() })).toThrow('leaves');
  const query = { realPath: '/x', device: 0n, inode: 0n, sha256: undefined, recipient: 'this box' };
  expect(BOX_GRANTS.covers({ ...query, run: newId() })).toBe('NO_GRANT');
  expect(BOX_GRANTS.names(newId(), 'docs/health.md')).toBe(false);
  // Who says `this box` to the gate of the stream gets what any name gets that no grant has.
  const asked = await rig.call(FsService.method.read, { path: 'docs/health.md' }, { recipient: 'this box' });
  expect(asked.messages[0]?.text).toBe('');
  const { bytes } = gate.response(FsService.method.read, message, {
    ...context,
    run: '01a22e3b-94b8-878c-8427-472a6e8af53e',
  });
  const value = create(ToolResultSchema, {
    job: 'j',
    answer: { case: 'done', value: create(ToolDoneSchema, { responses: [bytes] }) },
  });
  expect(rig.send({ case: 'toolResult', value })).toMatchObject({ value: { answer: { value: { responses: [] } } } });
  await close();
});

const events =
  (...deltas: object[]): Reply =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const delta of deltas) response.write(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`);
    response.end('data: [DONE]\n\n');
  };

async function withModel(...replies: Reply[]) {
  const server = new FakeProvider();
  const url = await server.listen();
  onTestFinished(() => server.close());
  server.reply = (response, seen) => (replies.shift() ?? events({ content: 'no more' }))(response, seen);
  return { server, box: await opened(edgeFolder(FILES), undefined, url) };
}

test('a model on the box reads files with the same tools, is given content, and answers piece by piece', async () => {
  const call = { index: 0, id: 'x', function: { name: 'fs_read', arguments: '{"path":' } };
  const { server, box } = await withModel(
    events({ tool_calls: [call] }, { tool_calls: [{ index: 0, function: { arguments: '"docs/health.md"}' } }] }),
    events({ content: '血型是 ' }, { content: 'O 型。' }),
  );
  expect(box.asks.answeredBy).toMatch(/^tiny-model at 127\.0\.0\.1:\d+ on this box$/);
  const { run } = await box.asks.ask(request('我的血型是什么？'));
  expect(await answerOf(box, run)).toMatchObject({
    state: RunState.ANSWERED,
    answer: '血型是 O 型。',
    model: { local: true },
  });
  const [first, second] = server.requests;
  expect(first).toMatchObject({ path: '/v1/chat/completions', headers: { authorization: 'Bearer a-key' } });
  const names = first?.body.tools.map((tool: { function: { name: string } }) => tool.function.name);
  expect(names).toEqual(expect.arrayContaining(['fs_read', 'fs_search', 'fs_list']));
  expect(names).not.toContain('fs_write');
  expect(names).not.toContain('shell_run');
  expect(second?.body.messages.at(-1)).toMatchObject({ role: 'tool', content: expect.stringContaining('O negative') });
  await box.close();
});

test('what a model must not have it is told it has not: a file outside, a tool that changes, arguments that are none', async () => {
  const call = (index: number, name: string, args: string) => ({
    index,
    id: `${index}`,
    function: { name, arguments: args },
  });
  const { server, box } = await withModel(
    events({
      tool_calls: [
        call(0, 'fs_read', '{"path":"/etc/passwd"}'),
        call(1, 'fs_write', '{"path":"docs/health.md","text":"x"}'),
        call(2, 'fs_read', '{'),
      ],
    }),
    events({ content: 'done' }),
  );
  const { run } = await box.asks.ask(request('x'));
  expect((await answerOf(box, run)).answer).toBe('done');
  const told = server.requests[1]?.body.messages
    .slice(-3)
    .map(({ content }: { content: string }) => JSON.parse(content).error.reason);
  expect(told).toEqual(['PATH_NOT_ALLOWED', 'TOOL_NOT_OFFERED', 'INVALID_ARGUMENT']);
  await box.close();
});

test.each<[string, Reply, string]>([
  ['refuses', (response) => void response.writeHead(404).end('no such model'), 'PROVIDER_REFUSED'],
  [
    'redirects',
    (response) => void response.writeHead(307, { location: 'http://192.0.2.1/' }).end(),
    'PROVIDER_REFUSED',
  ],
  [
    'breaks off',
    (response) => void response.writeHead(200).write('data: {', () => response.destroy()),
    'PROVIDER_UNAVAILABLE',
  ],
  [
    'only promises, without end',
    ({ socket }) => {
      const more = () => void (socket?.writable && socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(2000), more));
      more();
    },
    'PROVIDER_UNAVAILABLE',
  ],
  ['says no JSON', (response) => void response.writeHead(200).end('data: oops\n\n'), 'PROVIDER_UNAVAILABLE'],
])(
  'a model that %s ends the run with the reason, and a cancel ends one that is silent',
  async (_what, reply, reason) => {
    const { server, box } = await withModel(reply, () => {});
    const { run } = await box.asks.ask(request('x'));
    expect(await answerOf(box, run)).toMatchObject({ state: RunState.FAILED, failure: { reason } });
    const silent = await box.asks.ask(request('x'));
    await vi.waitFor(() => expect(server.requests).toHaveLength(2));
    await box.asks.cancel(silent.run);
    expect(await answerOf(box, silent.run)).toMatchObject({ state: RunState.CANCELLED });
    await vi.waitFor(() => expect(server.requests[1]?.aborted).toBe(true));
    await box.close();
  },
);

test.each([
  ['http://127.0.0.1:8080/v1', true],
  ['http://[::1]:8080/v1', true],
  ['http://localhost:8080/v1', false],
  ['http://192.168.1.5:8080/v1', false],
  ['http://127.0.0.1.example.com/v1', false],
  ['http://user:word@127.0.0.1/v1', false],
  ['https://api.example.com/v1', false],
  ['file:///etc/passwd', false],
])('a model at %s is on this box: %s', (url, is) => {
  expect(isOnThisBox(url)).toBe(is);
});
