// A worker at the level of its protocol, for no more than what the peers' steps do: it answers each chat at once with one
// piece of text. What the question says can ask for more (a tool call first, many pieces of text).
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import {
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
  Role,
} from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  CreditsSchema,
  type JobAssignment,
  JobOutputSchema,
  JobResultSchema,
  WorkerService,
  type WorkRequest,
  WorkRequestSchema,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { joinText } from '../../../src/worker/handlers/llm/llm-handler.ts';
import { JobOutputs } from '../../../src/worker/loop/job-outputs.ts';
import { workerHello } from '../../../test/support/fake-worker.ts';
import { serveAgent } from '../harness/agent.ts';
import { sharedNow } from '../harness/load.ts';
import { sessionTransport } from '../harness/session-transport.ts';

const SLOTS = 256;
/** Frames that may wait for the stream. */
const MOST_WAITING = 256;
/** A fast model's pieces come several at a time, as they stand in what is read from its socket. */
const PIECES_OF_A_READ = 16;
type Body = WorkRequest['frame'];
type Event = ChatResponse['event'];

const encode = (event: unknown): Uint8Array =>
  toBinary(ChatResponseSchema, create(ChatResponseSchema, { event: event as NonNullable<Event> }));
const text = (value: string) => encode({ case: 'text', value: { text: value } });
const usage = { inputTokens: 3n, outputTokens: 2n };
const finish = (reason: FinishReason) => encode({ case: 'finish', value: { reason, usage } });
const STOP = finish(FinishReason.STOP);
const ANSWER = [text('done'), STOP];
const TOOL = [
  encode({
    case: 'toolCall',
    value: { id: 'c1', name: 'fs_read', argumentsJson: JSON.stringify({ path: 'docs/a.md' }) },
  }),
  finish(FinishReason.TOOL_CALLS),
];

/** Moments of the last jobs: when each came, and when its result went. */
const moments: { job: number; result: number }[] = [];
const MOST_MOMENTS = 100_000;

class Worker {
  readonly #outgoing: Body[] = [];
  readonly #waiting = new Set<() => void>();
  #textSent: () => void = () => {};
  /** The text of a fast model, which the real worker's own code joins while the stream is slower. */
  #text: { readonly job: JobAssignment; readonly outputs: JobOutputs } | undefined;
  readonly #counter = new FrameCounter();
  #free = SLOTS;
  #toldSoon = false;
  #welcomed: () => void = () => {};
  readonly welcome = new Promise<void>((resolve) => {
    this.#welcomed = resolve;
  });

  constructor(url: string, key: string) {
    void this.#read(url, key);
  }

  async *#frames(): AsyncGenerator<WorkRequest> {
    const head = () => this.#counter.next();
    const hello = workerHello({ name: 'bench', slots: SLOTS });
    yield create(WorkRequestSchema, { header: head(), frame: { case: 'hello', value: hello } });
    for (;;) {
      const frame = this.#outgoing.shift() ?? this.#nextText();
      if (frame) yield create(WorkRequestSchema, { header: head(), frame });
      else await new Promise<void>((resolve) => this.#waiting.add(resolve));
      if (this.#outgoing.length === 0) this.#wake();
    }
  }

  /** Waits while too many frames wait. */
  async #push(frame: Body): Promise<void> {
    this.#outgoing.push(frame);
    this.#wake();
    while (this.#outgoing.length > MOST_WAITING) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #nextText(): Body | undefined {
    const next = this.#text?.outputs.pull();
    if (!this.#text || !next) {
      this.#textSent();
      return undefined;
    }
    const { dispatchId, epoch } = this.#text.job;
    const value = create(JobOutputSchema, { dispatchId, epoch, index: BigInt(next.index), response: next.response });
    return { case: 'output', value };
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  async #read(url: string, key: string): Promise<void> {
    const transport = sessionTransport(url);
    const headers = { authorization: `Bearer ${key}` };
    try {
      for await (const { header, frame } of createClient(WorkerService, transport).work(this.#frames(), { headers })) {
        this.#counter.seen(header);
        if (frame.case === 'job') {
          this.#free--;
          const job = sharedNow();
          void this.#work(frame.value).then(() => {
            if (moments.length < MOST_MOMENTS) moments.push({ job, result: sharedNow() });
          });
        } else if (frame.case === 'welcome') {
          this.#tell();
          this.#welcomed();
        } else if (frame.case === 'ping') {
          void this.#push({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
        }
      }
      throw new Error('the session ended');
    } catch (error) {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    }
  }

  async #work(job: JobAssignment): Promise<void> {
    const { messages } = fromBinary(ChatRequestSchema, job.params);
    const last = messages.at(-1);
    const part = last?.parts[0]?.part;
    const [what, ...words] = (part?.case === 'text' ? part.value : '').split(' ');
    if (last?.role === Role.USER && what === 'tool') return this.#answer(job, TOOL, 2);
    if (last?.role === Role.USER && what === 'relay') return this.#relay(job, Number(words[0]), Number(words[1]));
    if (last?.role === Role.USER && what === 'frames') return this.#frame(job, Number(words[0]), Number(words[1]));
    if (last?.role === Role.USER && what === 'drip') return this.#drip(job, Number(words[0]), Number(words[1]));
    return this.#answer(job, ANSWER, 2);
  }

  /** Sends `said` of the messages as they would be streamed, then all as the result. */
  async #answer({ dispatchId, epoch }: JobAssignment, responses: Uint8Array[], said: number): Promise<void> {
    for (let i = 0; i < said; i++) await this.#output(dispatchId, epoch, i, responses[i]!);
    const result = { case: 'done' as const, value: { responses } };
    await this.#push({
      case: 'result',
      value: create(JobResultSchema, { dispatchId, epoch, result, usage }),
    });
    this.#free++;
    this.#tellSoon();
  }

  /** So many pieces of text of so many characters, through the outputs of the real worker. */
  async #relay(job: JobAssignment, pieces: number, characters: number): Promise<void> {
    const onReady = () => this.#wake();
    const outputs = new JobOutputs({ schema: ChatResponseSchema, join: joinText, maxResultBytes: 16 << 20, onReady });
    outputs.attach();
    this.#text = { job, outputs };
    const piece = 'x'.repeat(characters);
    const never = new AbortController().signal;
    for (let i = 0; i < pieces; i++) {
      await outputs.push(create(ChatResponseSchema, { event: { case: 'text', value: { text: piece } } }), never);
      if (i % PIECES_OF_A_READ === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // So that all of it is counted as text: the result would bring what still waits.
    await new Promise<void>((resolve) => {
      this.#textSent = resolve;
      this.#wake();
    });
    this.#text = undefined;
    await this.#answer(job, [text(piece.repeat(pieces)), STOP], 0);
  }

  /** The same, each piece a frame, as fast as the stream takes them. */
  async #frame(job: JobAssignment, pieces: number, characters: number): Promise<void> {
    const piece = 'x'.repeat(characters);
    const bytes = text(piece);
    for (let i = 0; i < pieces; i++) await this.#output(job.dispatchId, job.epoch, i, bytes);
    await this.#output(job.dispatchId, job.epoch, pieces, STOP);
    await this.#answer(job, [text(piece.repeat(pieces)), STOP], 0);
  }

  /** So many pieces, one every so many milliseconds, each the moment it is sent. */
  async #drip(job: JobAssignment, pieces: number, everyMs: number): Promise<void> {
    let all = '';
    for (let i = 0; i < pieces; i++) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      const piece = `${process.hrtime.bigint()} `;
      all += piece;
      await this.#output(job.dispatchId, job.epoch, i, text(piece));
    }
    await this.#output(job.dispatchId, job.epoch, pieces, STOP);
    await this.#answer(job, [text(all), STOP], 0);
  }

  #output(dispatchId: string, epoch: bigint, index: number, response: Uint8Array): Promise<void> {
    const value = create(JobOutputSchema, { dispatchId, epoch, index: BigInt(index), response });
    return this.#push({ case: 'output', value });
  }

  /** One frame for all jobs that end in the same turn of the event loop, as the real worker does. */
  #tellSoon(): void {
    if (this.#toldSoon) return;
    this.#toldSoon = true;
    setImmediate(() => {
      this.#toldSoon = false;
      this.#tell();
    });
  }

  #tell(): void {
    void this.#push({ case: 'credits', value: create(CreditsSchema, { free: this.#free }) });
  }
}

serveAgent({
  /** The moments since the last call. */
  moments: () => moments.splice(0),
  connect: async ({ url, key }: { url: string; key: string }) => {
    await new Worker(url, key).welcome;
  },
});
