// The load generator on Bowline's side: an edge at the level of its protocol. It asks, answers tool calls at once with fixed
// bytes, and keeps nothing. It has no journal, gate or disk; those are measured with the real edge.
import { setTimeout as wait } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ReadResponseSchema } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { DeviceService } from '../../../gen/bowline/control/v1/device_service_pb.ts';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  EdgeService,
  type SignedToolCall,
  ToolCallSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { AskSchema, ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Outcome, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { newId } from '../../../src/base/ids.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { FakeEdge } from '../../../test/support/fake-edge.ts';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies, type RateArgs, rate, sharedNow } from '../harness/load.ts';
import { sessionTransport } from '../harness/session-transport.ts';

interface Place {
  readonly url: string;
  readonly ownerKey: string;
  readonly name: string;
}

interface SteadyArgs {
  readonly asks: readonly string[];
  readonly perSecond: number;
  readonly ms: number;
  /** Ids of conversations. */
  readonly lines: readonly string[];
}

type Body = ConnectRequest['frame'];

const FILE = toBinary(ReadResponseSchema, create(ReadResponseSchema, { text: 'one line\n' }));

/** One session. */
class Session {
  readonly #edge: FakeEdge;
  readonly #outgoing = new Channel<Body>(100_000);
  readonly #counter = new FrameCounter();
  readonly #runs = new Map<string, (outcome: Outcome) => void>();
  /** Told of each piece of text, with the moment it came. */
  onText: (text: string) => void = () => {};
  /** Told when an ask was accepted. */
  onAccepted: () => void = () => {};
  #welcomed: () => void = () => {};
  readonly welcome = new Promise<void>((resolve) => {
    this.#welcomed = resolve;
  });

  constructor(edge: FakeEdge) {
    this.#edge = edge;
    void this.#read();
  }

  /** Asks, in a new conversation or in this one, and resolves with the run's end. Throws unless it was answered. */
  async ask(text: string, conversation = newId()): Promise<Outcome> {
    const run = newId();
    const outcome = new Promise<Outcome>((resolve) => this.#runs.set(run, resolve));
    const sequence = BigInt(++this.#edge.sequence);
    const value = { sequence, journalId: this.#edge.journalId, run, conversation, text };
    this.#send({ case: 'ask', value: create(AskSchema, value) });
    const ended = await outcome;
    if (ended.state !== RunState.ANSWERED) throw new Error(`a run ended with ${ended.failure?.message ?? ended.state}`);
    return ended;
  }

  #send(body: Body): void {
    if (!this.#outgoing.offer(body)) throw new Error('the edge sends faster than the control plane reads');
  }

  async *#frames(): AsyncGenerator<ConnectRequest> {
    const head = () => this.#counter.next();
    yield create(ConnectRequestSchema, { header: head(), frame: { case: 'hello', value: this.#edge.hello() } });
    for await (const frame of this.#outgoing) yield create(ConnectRequestSchema, { header: head(), frame });
  }

  async #read(): Promise<void> {
    const { url, secret } = this.#edge;
    const transport = sessionTransport(url);
    const headers = { authorization: `Bearer ${secret}` };
    try {
      for await (const { header, frame } of createClient(EdgeService, transport).connect(this.#frames(), { headers })) {
        this.#counter.seen(header);
        if (frame.case === 'runText') this.onText(frame.value.chunk?.text ?? '');
        else if (frame.case === 'runEnded') this.#ended(frame.value.run, frame.value.outcome!);
        else if (frame.case === 'toolCall') this.#call(frame.value);
        else if (frame.case === 'welcome') this.#welcomed();
        else if (frame.case === 'ping')
          this.#send({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
        else if (frame.case === 'askVerdict') {
          if (frame.value.refused) throw new Error(`refused: ${frame.value.refused.message}`);
          this.onAccepted();
        }
      }
      throw new Error('the session ended');
    } catch (error) {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    }
  }

  #ended(run: string, outcome: Outcome): void {
    this.#runs.get(run)?.(outcome);
    this.#runs.delete(run);
  }

  #call({ signed }: SignedToolCall): void {
    const { job, epoch, idempotencyKey } = fromBinary(ToolCallSchema, signed);
    const answer = { case: 'done' as const, value: { responses: [FILE] } };
    this.#send({
      case: 'toolResult',
      value: create(ToolResultSchema, { job, epoch, idempotencyKey, answer }),
    });
  }
}

const sessions: Session[] = [];
let turn = 0;
const next = (): Session => {
  const session = sessions[turn++ % sessions.length];
  if (!session) throw new Error('not connected');
  return session;
};

serveAgent({
  /** Joins one device and connects it; may be called again for more. */
  connect: async ({ url, ownerKey, name }: Place) => {
    const transport = createGrpcTransport({ baseUrl: url });
    const headers = { authorization: `Bearer ${ownerKey}` };
    const { token } = await createClient(DeviceService, transport).createJoinToken({ name }, { headers });
    const session = new Session(await FakeEdge.join(url, token, name));
    await session.welcome;
    sessions.push(session);
  },
  latency: ({ ask, ...args }: LatencyArgs & { ask: string }) => latencies(() => next().ask(ask), args),
  rate: ({ ask, ...args }: RateArgs & { ask: string }) => rate(() => next().ask(ask), args),
  /** Milliseconds of each of so many runs, of which one begins every so often. */
  paced: ({ ask, count, everyMs }: { ask: string; count: number; everyMs: number }) =>
    Promise.all(
      Array.from({ length: count }, async (_, n) => {
        await wait(n * everyMs);
        const start = performance.now();
        await next().ask(ask);
        return performance.now() - start;
      }),
    ),
  /** Begins an ask at each beat, every tenth in one of some long conversations; milliseconds that each took. */
  steady: async ({ asks, perSecond, ms, lines }: SteadyArgs) => {
    const times: number[] = [];
    const under = new Set<Promise<void>>();
    const start = performance.now();
    for (let n = 0; ; n++) {
      const due = start + (n * 1000) / perSecond;
      if (due - start >= ms) break;
      await new Promise((resolve) => setTimeout(resolve, Math.max(due - performance.now(), 0)));
      const began = performance.now();
      const line = n % 10 === 0 ? lines[(n / 10) % lines.length] : undefined;
      const one = next()
        .ask(asks[n % asks.length]!, line)
        .then(() => void times.push(performance.now() - began));
      under.add(one);
      void one.finally(() => under.delete(one));
    }
    await Promise.all(under);
    return times;
  },
  /** Moments of runs, one at a time for so long; the worker knows the others. */
  trace: async ({ ask, ms }: LatencyArgs & { ask: string }) => {
    const session = next();
    const runs: { start: number; accepted: number; end: number }[] = [];
    const until = performance.now() + ms;
    while (performance.now() < until) {
      const seen = { start: sharedNow(), accepted: 0, end: 0 };
      session.onAccepted = () => {
        seen.accepted = sharedNow();
      };
      await session.ask(ask);
      seen.end = sharedNow();
      runs.push(seen);
    }
    return runs;
  },
  /** One answer whose text is counted: characters, frames and seconds from its first to its last piece. */
  relay: async ({ ask }: { ask: string }) => {
    const session = next();
    let [characters, frames, first, last] = [0, 0, 0, 0];
    session.onText = (text) => {
      last = performance.now();
      first ||= last;
      characters += text.length;
      frames++;
    };
    await session.ask(ask);
    session.onText = () => {};
    return { characters, frames, seconds: (last - first) / 1000 };
  },
  /** One answer whose pieces hold the moment they were sent; milliseconds that each took. */
  drip: async ({ ask }: { ask: string }) => {
    const session = next();
    const times: number[] = [];
    session.onText = (text) => {
      const now = process.hrtime.bigint();
      for (const sent of text.trim().split(' ')) times.push(Number(now - BigInt(sent)) / 1e6);
    };
    await session.ask(ask);
    session.onText = () => {};
    return times;
  },
});
