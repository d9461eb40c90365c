// Many edges that are connected and say nothing but heartbeats, each on a connection of its own, as boxes have them.
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { DeviceService } from '../../../gen/bowline/control/v1/fleet_service_pb.ts';
import { type ConnectRequest, ConnectRequestSchema, EdgeService } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { FrameCounter } from '../../../src/contract/frames.ts';
import { FakeEdge } from '../../../test/support/fake-edge.ts';
import { serveAgent } from '../harness/agent.ts';

/** How many connect at once. */
const PARALLEL = 25;
let joined: FakeEdge[] = [];
let lost = 0;

/** Opens one session; resolves at Welcome. */
function open(edge: FakeEdge): Promise<void> {
  const { url, secret } = edge;
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager: new Http2SessionManager(url),
    acceptCompression: [],
  });
  const counter = new FrameCounter();
  const outgoing = new Channel<ConnectRequest['frame']>(16);
  async function* frames(): AsyncGenerator<ConnectRequest> {
    const hello = { case: 'hello' as const, value: edge.hello() };
    yield create(ConnectRequestSchema, { header: counter.next(), frame: hello });
    for await (const frame of outgoing) yield create(ConnectRequestSchema, { header: counter.next(), frame });
  }
  return new Promise((resolve, reject) => {
    void (async () => {
      const headers = { authorization: `Bearer ${secret}` };
      try {
        for await (const { header, frame } of createClient(EdgeService, transport).connect(frames(), { headers })) {
          counter.seen(header);
          if (frame.case === 'welcome') resolve();
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
    const devices = createClient(DeviceService, createGrpcTransport({ baseUrl: url }));
    const headers = { authorization: `Bearer ${ownerKey}` };
    await inParallel(numbers, async (i) => {
      const name = `idle-${i}`;
      const token = ownerKey ? (await devices.createJoinToken({ name }, { headers })).token : '';
      joined.push(await FakeEdge.join(url, token, name));
    });
  },
  connect: () => inParallel(joined, open),
  /** Sessions that ended since. */
  lost: () => lost,
});
