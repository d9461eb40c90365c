// The floor of an idle edge: a connect-node server that holds bidi streams, says Welcome, answers pings, and knows nothing of
// their owners.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
  EdgeService,
  WelcomeSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService, JoinResponseSchema } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { newId } from '../../../src/base/ids.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { serveAgent } from '../harness/agent.ts';

async function* connect(requests: AsyncIterable<ConnectRequest>): AsyncGenerator<ConnectResponse> {
  const counter = new FrameCounter();
  for await (const { header, frame } of requests) {
    counter.seen(header);
    const answer = (body: ConnectResponse['frame']) =>
      create(ConnectResponseSchema, { header: counter.next(), frame: body });
    if (frame.case === 'hello')
      yield answer({ case: 'welcome', value: create(WelcomeSchema, { version: 1, sessionNonce: randomBytes(16) }) });
    else if (frame.case === 'ping')
      yield answer({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
  }
}

serveAgent({
  listen: async () => {
    const signingKey = { keyId: 'bench', publicKey: new Uint8Array(32) };
    const join = () => create(JoinResponseSchema, { device: newId(), tenant: 'bench', name: 'bench', signingKey });
    const server = createServer(
      connectNodeAdapter({
        routes: (router) => router.service(EdgeService, { connect }).service(EnrollmentService, { join }),
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
