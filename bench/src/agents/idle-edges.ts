// Many edges that are connected and say nothing but heartbeats, each on a connection of its own, as boxes have them.
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { DeviceService } from '../../../gen/bowline/control/v1/fleet_service_pb.ts';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  EdgeService,
  type Hello,
  HelloSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { fullJitter } from '../../../src/base/backoff.ts';
import { Channel } from '../../../src/base/channel.ts';
import { newId } from '../../../src/base/ids.ts';
import { fromConnectError } from '../../../src/contract/errors.ts';
import { FrameCounter } from '../../../src/contract/frames.ts';
import { FakeEdge } from '../../../test/support/fake-edge.ts';
import { serveAgent } from '../harness/agent.ts';

/** How many connect at once. */
const PARALLEL = 25;
let joined: FakeEdge[] = [];
let lost = 0;

/** As an edge gives up a session that is not welcomed, in milliseconds. */
const HELLO_TIMEOUT_MS = 15_000;
let hello: Hello | undefined;
let superseded = 0;
let paced = 0;

/** A Hello costs a look at all methods, which are the same for all. */
function helloOf(edge: FakeEdge): Hello {
  hello ??= edge.hello();
  const journal = { ...hello.journal!, journalId: edge.journalId };
  return create(HelloSchema, { ...hello, bootId: newId(), journal });
}

/** Connects until it is welcomed, as an edge does: again after a failure with jitter, or when it is told to. */
async function untilWelcomed(edge: FakeEdge): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), HELLO_TIMEOUT_MS);
    try {
      return await open(edge, stop.signal);
    } catch (thrown) {
      const error = fromConnectError(ConnectError.from(thrown));
      const told = error.reason === 'HELLO_PACED' ? Number(error.metadata.ms) * (1 + Math.random() / 4) : undefined;
      if (told !== undefined) paced++;
      await wait(told ?? fullJitter(attempt, 500, 30_000));
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Opens one session; resolves at Welcome. */
function open(edge: FakeEdge, signal?: AbortSignal): Promise<void> {
  const { url, secret } = edge;
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager: new Http2SessionManager(url),
    acceptCompression: [],
  });
  const counter = new FrameCounter();
  const outgoing = new Channel<ConnectRequest['frame']>(16);
  async function* frames(): AsyncGenerator<ConnectRequest> {
    const hello = { case: 'hello' as const, value: helloOf(edge) };
    yield create(ConnectRequestSchema, { header: counter.next(), frame: hello });
    for await (const frame of outgoing) yield create(ConnectRequestSchema, { header: counter.next(), frame });
  }
  return new Promise((resolve, reject) => {
    void (async () => {
      const headers = { authorization: `Bearer ${secret}` };
      try {
        for await (const { header, frame } of createClient(EdgeService, transport).connect(frames(), {
          headers,
          ...(signal ? { signal } : {}),
        })) {
          counter.seen(header);
          if (frame.case === 'welcome') resolve();
          else if (frame.case === 'superseded') superseded++;
          else if (frame.case === 'ping')
            outgoing.offer({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
        }
        throw new Error('the session ended');
      } catch (error) {
        lost++;
        reject(error);
      }
    })();
  });
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: PARALLEL }, one));
}

serveAgent({
  /** Lets so many devices join; without an owner's key the server takes anyone, and nothing is sent. */
  join: async ({ url, ownerKey, count }: { url: string; ownerKey?: string; count: number }) => {
    joined = [];
    const numbers = Array.from({ length: count }, (_, i) => i);
    // One connection for all of it: a connection for each would be most of the time.
    const over = createGrpcTransport({ baseUrl: url });
    const devices = createClient(DeviceService, over);
    const headers = { authorization: `Bearer ${ownerKey}` };
    await inParallel(numbers, async (i) => {
      const name = `idle-${i}`;
      const token = ownerKey ? (await devices.createJoinToken({ name }, { headers })).token : '';
      joined.push(await FakeEdge.join(url, token, name, over));
    });
  },
  connect: () => inParallel(joined, (edge) => open(edge)),
  /** All at once; resolves when all are welcomed. */
  herd: async () => {
    const began = performance.now();
    await Promise.all(joined.map(untilWelcomed));
    return { ms: performance.now() - began, superseded, paced };
  },
  /** Sessions that ended since. */
  lost: () => lost,
});
