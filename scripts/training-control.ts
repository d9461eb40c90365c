// A control plane that only lets one edge join and connect, so that the build can start a real edge (compiled-program.mjs). It prints the
// line with which to join, then `hello` when a session has begun, and ends with its standard input.
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
  Durability,
  EdgeService,
  WelcomeSchema,
} from '../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService, JoinResponseSchema } from '../gen/bowline/edge/v1/enrollment_pb.ts';
import { systemClock } from '../src/base/clock.ts';
import { newId } from '../src/base/ids.ts';
import { silentLogger } from '../src/base/logger.ts';
import { withPin } from '../src/base/pin.ts';
import { FrameCounter } from '../src/contract/session/frames.ts';
import { rawPublicKey } from '../src/contract/tool-call.ts';
import { frontOf } from '../src/control/gateway/front.ts';

const NAME = 'training';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const signingKey = { keyId: NAME, publicKey: new Uint8Array(rawPublicKey(publicKey)) };

const server = frontOf({
  http2: createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(EdgeService, { connect }).service(EnrollmentService, {
          join: () => create(JoinResponseSchema, { device: newId(), tenant: NAME, name: NAME, signingKey }),
        }),
    }),
  ),
  sign: (prefix, bytes) => sign(null, Buffer.concat([prefix, bytes]), privateKey),
  beginMs: 10_000,
  maxBeginning: 10,
  clock: systemClock,
  log: silentLogger,
});
server.listen(0, '127.0.0.1', () => {
  const token = withPin(`bwj_${'x'.repeat(43)}`, signingKey.publicKey);
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port} ${token} ${NAME}\n`);
});
process.stdin.once('end', () => process.exit(0)).resume();

/** Welcomes; whatever else comes stays without an answer. */
async function* connect(requests: AsyncIterable<ConnectRequest>): AsyncGenerator<ConnectResponse> {
  const counter = new FrameCounter();
  for await (const { header, frame } of requests) {
    counter.seen(header);
    if (frame.case !== 'hello') continue;
    const welcome = create(WelcomeSchema, {
      version: 1,
      sessionEpoch: 1n,
      sessionNonce: new Uint8Array(16),
      durability: Durability.POWER,
      heartbeat: durationFromMs(60_000),
      signingKey,
      deviceName: NAME,
      controlTime: timestampFromMs(Date.now()),
    });
    yield create(ConnectResponseSchema, { header: counter.next(), frame: { case: 'welcome', value: welcome } });
    process.stdout.write('hello\n');
  }
}
