// A control plane at the level of the edge's protocol: it lets one edge join, says when its Hello came, and calls its tools. So
// the real edge is measured alone, from the session's send to its receive.
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { ReadRequestSchema, StatRequestSchema } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { RunRequestSchema } from '../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
  Durability,
  EdgeService,
  ToolCallSchema,
  ToolResultCommittedSchema,
  WelcomeSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService, JoinResponseSchema } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { newId } from '../../../src/base/ids.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { withPin } from '../../../src/base/pin.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { rawPublicKey, signToolCall } from '../../../src/contract/tool-call.ts';
import { frontOf } from '../../../src/control/gateway/front.ts';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies } from '../harness/load.ts';

const TENANT = 'bench';
const DEVICE = newId();
const NONCE = new Uint8Array(16).fill(7);
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const signer = {
  id: 'bench',
  sign: (prefix: Uint8Array, bytes: Uint8Array) => sign(null, Buffer.concat([prefix, bytes]), privateKey),
};
const signingKey = { keyId: signer.id, publicKey: new Uint8Array(rawPublicKey(publicKey)) };

type Body = ConnectResponse['frame'];

export interface ReadArgs {
  readonly paths: readonly string[];
  readonly calls: number;
  readonly inFlight: number;
}

/** The session that is open now. */
let outgoing = new Channel<Body>(10_000);
let heartbeatMs = 60_000;
let helloAt: ((at: bigint) => void) | undefined;
const answers = new Map<string, (result: ToolResult) => void>();

async function* connect(requests: AsyncIterable<ConnectRequest>): AsyncGenerator<ConnectResponse> {
  const counter = new FrameCounter();
  const session = new Channel<Body>(10_000);
  outgoing = session;
  void (async () => {
    try {
      for await (const { header, frame } of requests) {
        counter.seen(header);
        if (frame.case === 'hello') {
          helloAt?.(process.hrtime.bigint());
          session.offer({ case: 'welcome', value: welcome() });
        } else if (frame.case === 'ping') {
          session.offer({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
        } else if (frame.case === 'toolResult') {
          const { job, epoch, idempotencyKey } = frame.value;
          answers.get(job)?.(frame.value);
          answers.delete(job);
          const value = create(ToolResultCommittedSchema, { job, epoch, idempotencyKey });
          session.offer({ case: 'toolResultCommitted', value });
        }
      }
    } catch {
      // The edge was ended.
    }
    session.close();
  })();
  for await (const frame of session) yield create(ConnectResponseSchema, { header: counter.next(), frame });
}

function welcome() {
  return create(WelcomeSchema, {
    version: 1,
    sessionEpoch: 1n,
    sessionNonce: NONCE,
    durability: Durability.POWER,
    heartbeat: durationFromMs(heartbeatMs),
    signingKey,
    deviceName: 'bench',
    controlTime: timestampFromMs(Date.now()),
  });
}

/** Calls one method of the edge; resolves when its result is here. */
function call(method: string, params: Uint8Array): Promise<void> {
  const job = `${newId()}/0/0`;
  const now = Date.now();
  const signed = signToolCall(
    create(ToolCallSchema, {
      tenant: TENANT,
      device: DEVICE,
      sessionNonce: NONCE,
      run: job.split('/')[0]!,
      job,
      epoch: 1n,
      method,
      params,
      idempotencyKey: job,
      issueTime: timestampFromMs(now),
      expireTime: timestampFromMs(now + 60_000),
      timeout: durationFromMs(30_000),
      principal: 'owner',
    }),
    signer,
  );
  return new Promise((resolve, reject) => {
    answers.set(job, ({ answer }) => {
      const failure = answer.case === 'done' ? answer.value.failure : answer.value;
      if (failure) reject(new Error(`${failure.reason}: ${failure.message}`));
      else resolve();
    });
    outgoing.offer({ case: 'toolCall', value: signed });
  });
}

const run = (argv: string[]) =>
  call('bowline.capability.shell.v1.ShellService/Run', toBinary(RunRequestSchema, create(RunRequestSchema, { argv })));
const read = (path: string) =>
  call('bowline.capability.fs.v1.FsService/Read', toBinary(ReadRequestSchema, create(ReadRequestSchema, { path })));
const stat = (path: string) =>
  call('bowline.capability.fs.v1.FsService/Stat', toBinary(StatRequestSchema, create(StatRequestSchema, { path })));

serveAgent({
  /** Gives a join line. Heartbeats are rare, so that they disturb no measurement, unless it is told. */
  listen: async ({ heartbeatMs: asked = heartbeatMs }: { heartbeatMs?: number }) => {
    heartbeatMs = asked;
    const join = () => create(JoinResponseSchema, { device: DEVICE, tenant: TENANT, name: 'bench', signingKey });
    const http2 = createServer(
      connectNodeAdapter({
        routes: (router) => router.service(EdgeService, { connect }).service(EnrollmentService, { join }),
      }),
    );
    const server = frontOf({
      http2,
      sign: signer.sign,
      beginMs: 10_000,
      maxBeginning: 100,
      clock: systemClock,
      log: silentLogger,
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const token = withPin(`bwj_${'x'.repeat(43)}`, signingKey.publicKey);
    return `http://127.0.0.1:${(server.address() as AddressInfo).port} ${token} bench`;
  },
  /** When the next Hello comes, on the clock that all processes share. */
  hello: () =>
    new Promise<bigint>((resolve) => {
      helloAt = resolve;
    }),
  latency: ({ argv, ...args }: LatencyArgs & { argv: string[] }) => latencies(() => run(argv), args),
  /** Reads these files and looks at them in turn, a few at a time. */
  read: async ({ paths, calls, inFlight }: ReadArgs) => {
    let next = 0;
    const caller = async () => {
      while (next < calls) {
        const n = next++;
        await (n % 2 === 0 ? read : stat)(paths[n % paths.length]!);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
  },
});
