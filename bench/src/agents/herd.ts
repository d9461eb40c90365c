// Many edges that connect at the same moment, each on a connection of its own and by the steps of a real one: TLS, the proof of the
// control plane, Hello; again after a failure with jitter, or when it is told to. They are lean (HTTP/2 and no library above it, the
// proof is not verified), because their processor time is not what is measured, and one process plays all of them.
import { generateKeyPairSync } from 'node:crypto';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { ConnectRequestSchema, ConnectResponseSchema, HelloSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { fullJitter } from '../../../src/base/backoff.ts';
import { newId } from '../../../src/base/ids.ts';
import { PROOF_BYTES, PROVEN_PROTOCOL } from '../../../src/contract/channel/channel-proof.ts';
import { fromConnectError } from '../../../src/contract/errors.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { rawPublicKey } from '../../../src/contract/tool-call.ts';
import { hashKey, newKey } from '../../../src/control/identity/keys.ts';
import { openDatabase } from '../../../src/control/store/database.ts';
import { CONNECTION_OPTIONS } from '../../../src/edge/session/connection-options.ts';
import { PROOF_PATIENCE_MS } from '../../../src/edge/session/edge-transport.ts';
import { fakeHello } from '../../../test/support/fake-edge.ts';
import { grpcMessage } from '../../../test/support/raw-h2.ts';
import { serveAgent } from '../harness/agent.ts';

/** As an edge gives up a session that is not welcomed, from its dialling, in milliseconds. */
const HELLO_TIMEOUT_MS = CONNECTION_OPTIONS.helloTimeoutMs;
/** Rows of one insert. */
const ROWS = 500;
/** Edges that dial in one turn of the event loop: this process must not itself be what makes them wait. */
const PER_TURN = 10;
const PATH = '/bowline.edge.v1.EdgeService/Connect';

interface HerdDevice {
  readonly secret: string;
  readonly journalId: string;
}

let devices: HerdDevice[] = [];
let port = 0;
let superseded = 0;
/** Attempts that failed, by their reason. */
const failed: Record<string, number> = {};
/** A Hello costs a look at all methods, which are the same for all. */
const hello = fakeHello('');

/** Opens a session and keeps it; resolves at Welcome. */
function open({ secret, journalId }: HerdDevice): Promise<void> {
  return new Promise((resolve, reject) => {
    const dialled = performance.now();
    let session: ClientHttp2Session | undefined;
    const fail = (error: Error) => {
      clearTimeout(timer);
      session?.destroy();
      socket.destroy();
      reject(error);
    };
    const gone = () => fail(Object.assign(new Error('gone'), { reason: 'GONE' }));
    // After what has come has been read: it was there in time, and this process is late.
    const late = (reason: string) => () => {
      const timed = timer;
      setImmediate(() => timed === timer && fail(Object.assign(new Error(reason), { reason })));
    };
    let timer: NodeJS.Timeout | undefined = setTimeout(late('NO_PROOF'), PROOF_PATIENCE_MS);
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [PROVEN_PROTOCOL],
      ca: [],
      rejectUnauthorized: false,
    });
    socket.setNoDelay(true).on('error', gone).on('close', gone);
    const proven = () => {
      if (!socket.read(PROOF_BYTES)) return;
      socket.off('readable', proven);
      clearTimeout(timer);
      timer = setTimeout(late('NO_WELCOME'), HELLO_TIMEOUT_MS - (performance.now() - dialled));
      session = speak(socket);
    };
    socket.once('secureConnect', () => socket.on('readable', proven));

    function speak(over: TLSSocket): ClientHttp2Session {
      const h2 = connectHttp2('http://127.0.0.1', { createConnection: () => over });
      h2.on('error', gone);
      const stream = h2.request(
        {
          ':method': 'POST',
          ':path': PATH,
          'content-type': 'application/grpc+proto',
          te: 'trailers',
          authorization: `Bearer ${secret}`,
        },
        { endStream: false },
      );
      const counter = new FrameCounter();
      const send = (frame: MessageInitShape<typeof ConnectRequestSchema>['frame']) => {
        const request = create(ConnectRequestSchema, { header: counter.next(), frame: frame! });
        stream.write(grpcMessage(toBinary(ConnectRequestSchema, request)));
      };
      const ended = (headers: Record<string, unknown>) => {
        const trailers = new Headers();
        for (const [name, value] of Object.entries(headers)) if (name[0] !== ':') trailers.set(name, String(value));
        const error = findTrailerError(trailers);
        if (error) fail(fromConnectError(error));
      };
      let bytes = Buffer.alloc(0);
      stream.on('error', gone).on('close', gone).on('trailers', ended).on('response', ended);
      stream.on('data', (piece: Buffer) => {
        bytes = Buffer.concat([bytes, piece]);
        while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
          const end = 5 + bytes.readUInt32BE(1);
          const { header, frame } = fromBinary(ConnectResponseSchema, bytes.subarray(5, end));
          bytes = bytes.subarray(end);
          counter.seen(header);
          if (frame.case === 'superseded') superseded++;
          else if (frame.case === 'ping') send({ case: 'pong', value: { nonce: frame.value.nonce } });
          else if (frame.case === 'welcome') {
            clearTimeout(timer);
            timer = undefined;
            resolve();
          }
        }
      });
      const journal = { ...hello.journal!, journalId };
      send({ case: 'hello', value: create(HelloSchema, { ...hello, bootId: newId(), journal }) });
      return h2;
    }
  });
}

/** Connects until it is welcomed. */
async function untilWelcomed(device: HerdDevice): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(device);
    } catch (error) {
      const { reason, metadata } = error as { reason: string; metadata?: { ms?: string } };
      failed[reason] = (failed[reason] ?? 0) + 1;
      const told = reason === 'HELLO_PACED' ? Number(metadata?.ms) * (1 + Math.random() / 4) : undefined;
      await wait(told ?? fullJitter(attempt, 500, 30_000));
    }
  }
}

serveAgent({
  /** Puts devices of the one tenant into the database, as their joins would: those are not what is measured. */
  enrol: async ({ database, count }: { database: string; count: number }) => {
    const { db, close } = await openDatabase(database);
    const { id: tenant } = await db.selectFrom('tenant').select('id').executeTakeFirstOrThrow();
    const made = Array.from({ length: count }, () => ({ secret: newKey('device'), journalId: newId() }));
    const public_key = rawPublicKey(generateKeyPairSync('ed25519').publicKey);
    for (let at = 0; at < count; at += ROWS) {
      const rows = made.slice(at, at + ROWS).map(({ secret }, i) => {
        return { tenant, id: newId(), name: `herd-${at + i}`, key_hash: hashKey(secret), public_key };
      });
      await db.insertInto('device').values(rows).execute();
    }
    await close();
    devices = made;
  },
  /** All at once; resolves when all are welcomed. */
  herd: async ({ port: to }: { port: number }) => {
    port = to;
    const began = performance.now();
    const all: Promise<void>[] = [];
    for (const device of devices) {
      all.push(untilWelcomed(device));
      if (all.length % PER_TURN === 0) await nextTurn();
    }
    await Promise.all(all);
    return { ms: performance.now() - began, superseded, failed };
  },
});
