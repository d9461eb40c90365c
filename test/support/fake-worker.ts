// A worker as a script: real streams with a real key, jobs answered when a test says so.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  type ChatRequest,
  ChatRequestSchema,
  ChatResponseSchema,
  FinishReason,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { UsageSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import {
  type HeldJobSchema,
  type JobAssignment,
  WorkerHelloSchema,
  WorkerService,
  WorkRequestSchema,
  type WorkResponse,
} from '../../gen/bowline/worker/v1/worker_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { ScriptedStream } from './scripted-stream.ts';

type ChatEvent = NonNullable<MessageInitShape<typeof ChatResponseSchema>['event']>;

export const LLM = 'bowline.capability.llm.v1';

export interface FakeWorkerOptions {
  readonly name?: string;
  readonly slots?: number;
  readonly packages?: readonly string[];
  /** Of each package; by default Chat. */
  readonly methods?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** What runs its models; by default `rules`, on the owner's machine. */
  readonly provider?: { readonly name: string; readonly local: boolean };
  readonly bootId?: string;
  readonly held?: readonly MessageInitShape<typeof HeldJobSchema>[];
  /** Answers each job by itself, with this text. */
  readonly answer?: (job: JobAssignment) => string;
  /** Credits told right after Welcome, and no others by themselves; by default all slots, and again after each result. */
  readonly credits?: number;
}

/** Hello as a worker would say it. */
export function workerHello(options: FakeWorkerOptions = {}) {
  const { name = 'w1', slots = 4, packages = [LLM], methods = ['Chat'], labels = {}, held = [] } = options;
  const { provider = { name: 'rules', local: true } } = options;
  return create(WorkerHelloSchema, {
    versions: { min: 1, max: 1 },
    name,
    manifest: {
      build: 'test',
      capabilities: packages.map((each) => ({ package: each, methods: methods.map((method) => ({ name: method })) })),
      labels: Object.entries(labels).map(([label, value]) => ({ name: label, value })),
    },
    models: [{ provider: provider.name, name: 'scripted', local: provider.local, note: 'a script', alias: name }],
    slots,
    held: [...held],
    bootId: options.bootId ?? newId(),
  });
}

export class WorkerStream extends ScriptedStream<WorkResponse, typeof WorkRequestSchema> {
  readonly options: FakeWorkerOptions;
  answersPings = true;
  readonly #next = new Map<string, bigint>();
  readonly #ended = new Set<string>();
  readonly #said = new Map<string, Uint8Array[]>();

  constructor(url: string, key: string, options: FakeWorkerOptions = {}) {
    super({
      url,
      schema: WorkRequestSchema,
      open: (sessionManager, frames, signal) => {
        const transport = createGrpcTransport({ baseUrl: url, sessionManager, acceptCompression: [] });
        const headers = { authorization: `Bearer ${key}` };
        return createClient(WorkerService, transport).work(frames, { headers, signal });
      },
      onFrame: ({ frame }) => {
        if (frame.case === 'ping' && this.answersPings)
          this.send({ case: 'pong', value: { nonce: frame.value.nonce } });
        if (frame.case === 'job' && options.answer) this.reply(frame.value, options.answer(frame.value));
      },
    });
    this.options = options;
  }

  /** Opens a session, waits for its Welcome and tells its credits. */
  static async connect(url: string, key: string, options: FakeWorkerOptions = {}): Promise<WorkerStream> {
    const worker = new WorkerStream(url, key, options);
    worker.send({ case: 'hello', value: workerHello(options) });
    await worker.frame('welcome');
    const free = options.credits ?? options.slots ?? 4;
    if (free > 0) worker.credits(free);
    return worker;
  }

  credits(free: number): void {
    this.send({ case: 'credits', value: { free } });
  }

  /** The n-th job of this session. */
  job(n = 0): Promise<JobAssignment> {
    return this.frame('job', n);
  }

  static chat(job: JobAssignment): ChatRequest {
    return fromBinary(ChatRequestSchema, job.params);
  }

  /** Streams one message of a chat. */
  say(job: JobAssignment, event: ChatEvent | string): void {
    const body: ChatEvent = typeof event === 'string' ? { case: 'text', value: { text: event } } : event;
    const response = toBinary(ChatResponseSchema, create(ChatResponseSchema, { event: body }));
    const index = this.#next.get(job.dispatchId) ?? 0n;
    this.#next.set(job.dispatchId, index + 1n);
    this.#said.set(job.dispatchId, [...(this.#said.get(job.dispatchId) ?? []), response]);
    const { dispatchId, epoch } = job;
    this.send({ case: 'output', value: { dispatchId, epoch, index, response } });
  }

  /** Ends a chat with everything that was said. */
  conclude(job: JobAssignment, reason: FinishReason = FinishReason.STOP, sure?: number): void {
    const confidence = sure === undefined ? {} : { confidence: { value: sure } };
    this.say(job, { case: 'finish', value: { reason, usage: { inputTokens: 3n, outputTokens: 2n }, ...confidence } });
    this.result(job);
  }

  /** Sends the result (again). */
  result(job: JobAssignment, responses = this.#said.get(job.dispatchId) ?? []): void {
    const { dispatchId, epoch } = job;
    const usage = { inputTokens: 3n, outputTokens: 2n };
    this.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'done', value: { responses } }, usage } });
    this.#ended.add(dispatchId);
    if (this.options.credits !== undefined) return;
    const open = this.all('job').filter((each) => !this.#ended.has(each.dispatchId)).length;
    this.credits((this.options.slots ?? 4) - open);
  }

  /** Sends the result with what it says that was used. */
  paid(job: JobAssignment, usage: MessageInitShape<typeof UsageSchema>): void {
    const { dispatchId, epoch } = job;
    const responses = this.#said.get(dispatchId) ?? [];
    this.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'done', value: { responses } }, usage } });
    this.#ended.add(dispatchId);
  }

  /** Answers with this text. @param sure how sure it is */
  reply(job: JobAssignment, text: string, sure?: number): void {
    this.say(job, text);
    this.conclude(job, FinishReason.STOP, sure);
  }

  /** Asks for a tool. */
  useTool(job: JobAssignment, name: string, args: unknown): void {
    this.say(job, { case: 'toolCall', value: { id: 'c1', name, argumentsJson: JSON.stringify(args) } });
    this.conclude(job, FinishReason.TOOL_CALLS);
  }

  /** What this worker would say it holds of a job in its next Hello. */
  held(job: JobAssignment, finished = false): MessageInitShape<typeof HeldJobSchema> {
    const { dispatchId, epoch } = job;
    return { dispatchId, epoch, nextIndex: this.#next.get(dispatchId) ?? 0n, finished };
  }
}
