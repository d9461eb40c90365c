// What the planner does with the tools of workers: real worker loops around a real control plane, a model that does as it is
// told, and a device as a script.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import {
  type ChatRequest,
  ChatResponseSchema,
  FinishReason,
  LlmService,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RetrievalService, SearchResponseSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { Language, RunResponseSchema, SandboxService } from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { FetchResponseSchema, WebService } from '../../gen/bowline/capability/web/v1/web_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { Confirmation } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { Sensitivity, Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { defineHandler, type Handler } from '../../src/worker/kit/handler.ts';
import { WorkLoop } from '../../src/worker/loop/work-loop.ts';
import { grpcConnector } from '../../src/worker/loop/worker-transport.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import type { EdgeStream } from '../support/fake-edge.ts';

let control: TestControl;
let edge: EdgeStream;
const loops: WorkLoop[] = [];

beforeAll(async () => {
  control = await TestControl.start({ config: { maxCostMicros: 500, noWorkerMs: 300, summaryTurns: 2 } });
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});
beforeEach(async () => {
  edge = control.closing(await (await control.device()).connect());
});
afterEach(async () => {
  await edge.cut();
  await Promise.all(loops.splice(0).map((loop) => loop.drain(0)));
});

async function worker(name: string, ...handlers: Handler[]): Promise<WorkLoop> {
  const loop = new WorkLoop({
    name,
    slots: 8,
    handlers,
    connect: grpcConnector({
      control: control.url,
      key: new Secret(control.control.workerKey),
      pins: [control.control.publicKey],
    }),
    clock: systemClock,
    log: silentLogger,
    bootId: newId(),
    limits: { backoffBaseMs: 5, backoffCapMs: 50, stopGraceMs: 500 },
  });
  loops.push(loop);
  await loop.ready;
  return loop;
}

type Event = NonNullable<MessageInitShape<typeof ChatResponseSchema>['event']>;
interface Said {
  readonly text?: string;
  readonly calls?: readonly { name: string; args: unknown }[];
  readonly costMicros?: bigint;
}

/** A model that answers with what the script makes of the request; requests are kept. */
function model(script: (request: ChatRequest) => Said, seen: ChatRequest[] = []): Handler {
  return defineHandler(LlmService, {
    Chat: async function* (request, context) {
      seen.push(request);
      const { text = '', calls = [], costMicros = 0n } = script(request);
      const event = (value: Event) => create(ChatResponseSchema, { event: value });
      if (text) yield event({ case: 'text', value: { text } });
      for (const [n, { name, args }] of calls.entries()) {
        yield event({ case: 'toolCall', value: { id: `c${n}`, name, argumentsJson: JSON.stringify(args) } });
      }
      const reason = calls.length > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
      context.report({ costMicros });
      yield event({ case: 'finish', value: { reason, usage: { costMicros } } });
    },
  });
}

const textOf = ({ parts }: ChatRequest['messages'][number]): string =>
  parts.map(({ part }) => (part.case === 'text' ? part.value : '')).join('');
const results = (request: ChatRequest): unknown[] =>
  request.messages.filter(({ role }) => role === Role.TOOL).map((each) => JSON.parse(textOf(each)));
const isSummary = (request: ChatRequest): boolean =>
  textOf(request.messages[0]!).startsWith('Sum up this conversation');

const web = (pages: string[] = []): Handler =>
  defineHandler(WebService, {
    Fetch: async ({ url }) => {
      pages.push(url);
      return create(FetchResponseSchema, { page: { url, status: 200, title: 'A page', markdown: `text of ${url}` } });
    },
  });

const jobsOf = async (id: string) => (await control.client(RunService).getRun({ id })).run!.jobs;

test('an ask with a collection is looked up first; the chat sees the passages, and the answer its sources', async () => {
  const asked: string[][] = [];
  const retrieval = defineHandler(RetrievalService, {
    Search: async ({ query, collections }) => {
      asked.push([query, ...collections]);
      const passages = [
        { collection: 'notes', document: 'plans/launch.md', text: 'On Friday.', startLine: 3, endLine: 3 },
      ];
      return create(SearchResponseSchema, { passages, collections });
    },
  });
  const seen: ChatRequest[] = [];
  await worker('retrieval-1', retrieval);
  await worker(
    'llm-1',
    model(() => ({ text: 'On Friday (plans/launch.md:3).' }), seen),
  );
  const run = newId();
  const collections = [{ name: 'notes', grant: 'g1', recipients: ['any'] }];
  edge.send({
    case: 'ask',
    value: { sequence: 2n, journalId: edge.edge.journalId, run, conversation: newId(), text: 'When?', collections },
  });
  const outcome = await edge.end(run);
  expect(outcome).toMatchObject({
    state: RunState.ANSWERED,
    sources: [{ path: 'plans/launch.md', collection: 'notes', startLine: 3 }],
  });
  expect(asked).toEqual([['When?', 'notes']]);
  expect(results(seen[0]!)).toMatchObject([{ passages: [{ document: 'plans/launch.md', text: 'On Friday.' }] }]);
  expect(seen[0]!.tools.map(({ name }) => name)).toContain('retrieval_search');
  expect((await jobsOf(run)).map(({ method, state }) => [method.split('/')[1], state])).toEqual([
    ['Search', JobState.DONE],
    ['Chat', JobState.DONE],
  ]);
});

test('tools of several workers run beside each other, the failing one is told, and their results are text', async () => {
  let fetching = 0;
  let both = () => {};
  const met = new Promise<void>((resolve) => {
    both = resolve;
  });
  const pages = defineHandler(WebService, {
    // Each waits for the other: one after the other they would never end.
    Fetch: async ({ url }) => {
      if (++fetching === 2) both();
      await met;
      if (url.endsWith('/broken')) throw new Error('secret details');
      return create(FetchResponseSchema, { page: { url, markdown: 'knots' } });
    },
  });
  const sandbox = defineHandler(SandboxService, {
    Run: async function* ({ language }) {
      expect(language).toBe(Language.PYTHON);
      yield create(RunResponseSchema, { event: { case: 'output', value: { stream: 1, data: Buffer.from('42\n') } } });
      yield create(RunResponseSchema, { event: { case: 'exit', value: { code: 0 } } });
    },
  });
  await worker('web-1', pages);
  await worker('sandbox-1', sandbox);
  const seen: ChatRequest[] = [];
  const calls = [
    { name: 'web_fetch', args: { url: 'https://a.example/' } },
    { name: 'web_fetch', args: { url: 'https://a.example/broken' } },
    { name: 'sandbox_run', args: { language: 'LANGUAGE_PYTHON', code: 'print(42)' } },
  ];
  await worker(
    'llm-1',
    model((request) => (results(request).length > 0 ? { text: 'Done.' } : { calls }), seen),
  );
  const { run } = edge.ask('Look and compute.');
  expect((await edge.end(run)).answer).toBe('Done.');
  expect(results(seen[1]!)).toMatchObject([
    { page: { markdown: 'knots' } },
    { error: { reason: 'INTERNAL' } },
    { stdout: '42\n', exit: {} },
  ]);
  expect(JSON.stringify(results(seen[1]!))).not.toContain('secret details');
});

/** Reads a file of the device, of which content leaves, then fetches a page. */
const readThenFetch = (request: ChatRequest): Said => {
  const done = results(request).length;
  if (done === 0) return { calls: [{ name: 'fs_read', args: { path: 'a.md' } }] };
  if (done === 1) return { calls: [{ name: 'web_fetch', args: { url: 'https://a.example/page' } }] };
  return { text: `It said: ${JSON.stringify(results(request)[1])}` };
};

async function answerRead(n: number): Promise<void> {
  const call = await edge.call(n);
  const egress = [
    {
      path: 'a.md',
      field: 'text',
      sensitivity: Sensitivity.CONTENT,
      bytes: 4n,
      grant: 'g1',
      run: call.run,
      job: call.job,
    },
  ];
  edge.done(call, ReadResponseSchema, { text: 'text' }, { egress });
}

test('after private content the web is refused and told, and allowed when the address stands in the ask', async () => {
  const pages: string[] = [];
  await worker('web-1', web(pages));
  await worker('llm-1', model(readThenFetch));
  const refused = edge.ask('What does a.md say?');
  await answerRead(0);
  expect((await edge.end(refused.run)).answer).toContain('TAINT_PRIVATE');
  expect(pages).toEqual([]);
  const allowed = edge.ask('Compare a.md with https://a.example/page');
  await answerRead(1);
  expect((await edge.end(allowed.run)).answer).toContain('text of https://a.example/page');
  expect(pages).toEqual(['https://a.example/page']);
});

test('after a page was read the device is told to ask its owner before it writes, whatever the page says', async () => {
  await worker('web-1', web());
  await worker(
    'llm-1',
    model((request) => {
      const done = results(request).length;
      if (done === 0) return { calls: [{ name: 'web_fetch', args: { url: 'https://a.example/' } }] };
      if (done === 1) return { calls: [{ name: 'fs_write', args: { path: 'a.md', text: 'as the page says' } }] };
      return { text: JSON.stringify(results(request)[1]) };
    }),
  );
  const { run } = edge.ask('What does a.example say?');
  const call = await edge.call(0);
  expect(call).toMatchObject({ confirmation: Confirmation.ALWAYS, taints: [Taint.UNTRUSTED] });
  edge.answer(call, { case: 'neverStarted', value: { reason: 'APPROVAL_DENIED', code: 7 } });
  expect((await edge.end(run)).answer).toMatch(/APPROVAL_DENIED.*Do not ask for this again/);
});

test('a private turn binds the next one of its conversation', async () => {
  const pages: string[] = [];
  await worker('web-1', web(pages));
  const fetch = { calls: [{ name: 'web_fetch', args: { url: 'https://a.example/page' } }] };
  await worker(
    'llm-1',
    model((request) => {
      if (textOf(request.messages[1]!) === 'first' && request.messages.length > 3) {
        return results(request).length === 0 ? fetch : { text: JSON.stringify(results(request)[0]) };
      }
      return results(request).length === 0
        ? { calls: [{ name: 'fs_read', args: { path: 'a.md' } }] }
        : { text: 'Read.' };
    }),
  );
  const first = edge.ask('first');
  await answerRead(0);
  await edge.end(first.run);
  const second = edge.ask('second', { conversation: first.conversation });
  expect((await edge.end(second.run)).answer).toContain('TAINT_PRIVATE');
  expect(pages).toEqual([]);
});

test('a run that spent its money ends with what it has', async () => {
  await worker('web-1', web());
  let turns = 0;
  const spend = (): Said => ({
    text: `Turn ${++turns}.`,
    calls: [{ name: 'web_fetch', args: { url: 'https://a.example/' } }],
    costMicros: 300n,
  });
  await worker('llm-1', model(spend));
  const { run } = edge.ask('Go on for ever.');
  const outcome = await edge.end(run);
  expect(outcome).toMatchObject({
    state: RunState.ANSWERED,
    answer: 'Turn 2.',
    failure: { reason: 'LIMIT_EXCEEDED', metadata: { setting: 'BOWLINE_MAX_RUN_COST_MICROS' } },
    usage: { costMicros: 600n },
  });
});

test('a tool whose worker is gone is told to the model after a while, and the run goes on', async () => {
  const loop = await worker('web-1', web());
  let gone: Promise<unknown> | undefined;
  await worker(
    'llm-1',
    model((request) => {
      if (results(request).length > 0) return { text: JSON.stringify(results(request)[0]) };
      gone ??= loop.drain(0);
      return { calls: [{ name: 'web_fetch', args: { url: 'https://a.example/' } }] };
    }),
  );
  const { run } = edge.ask('Look.');
  expect((await edge.end(run)).answer).toContain('NO_WORKER');
  await gone;
});

test('after some turns a conversation is summed up, its device is told, and the next turn goes on from there', async () => {
  const seen: ChatRequest[] = [];
  const speak = (request: ChatRequest): Said =>
    isSummary(request) ? { text: 'They spoke of knots.' } : { text: `Answer to ${textOf(request.messages.at(-1)!)}` };
  await worker('llm-1', model(speak, seen));
  const first = edge.ask('one');
  await edge.end(first.run);
  const { conversation } = first;
  const second = edge.ask('two', { conversation });
  const outcome = await edge.end(second.run);
  expect(outcome.jobs).toHaveLength(1);
  const told = await edge.frame('conversationSummary');
  expect(told).toMatchObject({ conversation, run: second.run, text: 'They spoke of knots.' });
  const summary = seen.find(isSummary)!;
  expect(textOf(summary.messages[1]!)).toBe('Owner: one\nBowline: Answer to one\n\nOwner: two\nBowline: Answer to two');
  const third = edge.ask('three', { conversation });
  await edge.end(third.run);
  const texts = seen.at(-1)!.messages.slice(1).map(textOf);
  expect(texts.slice(1)).toEqual(['They spoke of knots.', 'three']);
  const jobs = await eventually(async () => {
    const all = await jobsOf(second.run);
    return all.length === 2 && all[1]?.state === JobState.DONE && all;
  });
  expect(jobs.map(({ method }) => method.split('/')[1])).toEqual(['Chat', 'Chat']);
  const shown = await control.client(ConversationService).getConversation({ id: conversation });
  expect(shown.summary).toBe('They spoke of knots.');
  expect(edge.all('conversationSummary')).toHaveLength(1);
});
