// Many edges that are connected and say nothing but heartbeats, each on a connection of its own, as boxes have them.
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { DeviceService } from '../../../gen/bowline/control/v1/device_service_pb.ts';
import { FakeEdge } from '../../../test/support/fake-edge.ts';
import { serveAgent } from '../harness/agent.ts';
import { openIdle } from '../harness/idle-session.ts';

/** How many connect at once. */
const PARALLEL = 25;
let joined: FakeEdge[] = [];
let lost = 0;

function open(edge: FakeEdge): Promise<void> {
  const sessionManager = new Http2SessionManager(edge.url);
  const transport = createGrpcTransport({ baseUrl: edge.url, sessionManager, acceptCompression: [] });
  return openIdle(edge, { transport, ended: () => lost++ });
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
  connect: () => inParallel(joined, open),
  /** Sessions that ended since. */
  lost: () => lost,
});
