// A real Connect server in this process that plays the control plane as a test tells it to, frame by frame.
import { generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
  Durability,
  EdgeService,
  type SignedTime,
  type WelcomeSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService, type JoinRequest } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { newId } from '../../../src/base/ids.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { signTime, type TimeListener } from '../../../src/contract/signed-time.ts';
import { rawPublicKey } from '../../../src/contract/tool-call.ts';
import { provenFront } from '../../support/proven-front.ts';

type Body = Exclude<ConnectRequest['frame'], { case: undefined }>;
type Of<C extends Body['case']> = Extract<Body, { case: C }>['value'];
type SendBody = NonNullable<MessageInitShape<typeof ConnectResponseSchema>['frame']>;
export type WelcomeInit = MessageInitShape<typeof WelcomeSchema>;

const PATIENCE_MS = 10_000;

/** One session of an edge, seen from the other side. */
export class Peer {
  readonly authorization: string | null;
  readonly frames: ConnectRequest[] = [];
  readonly out = new Channel<ConnectResponse>(4096);
  readonly #counter = new FrameCounter();
  readonly #waiters = new Set<() => void>();
  #taken = new Set<ConnectRequest>();
  ended = false;
  /** Answers pings of the edge by itself. */
  pongs = true;

  constructor(context: HandlerContext) {
    this.authorization = context.requestHeader.get('authorization');
  }

  took(frame: ConnectRequest): void {
    this.#counter.seen(frame.header);
    this.frames.push(frame);
    if (frame.frame.case === 'ping' && this.pongs)
      this.send({ case: 'pong', value: { nonce: frame.frame.value.nonce } });
    for (const wake of this.#waiters) wake();
  }

  end(): void {
    this.ended = true;
    for (const wake of this.#waiters) wake();
  }

  send(frame: SendBody): void {
    this.sendRaw(create(ConnectResponseSchema, { header: this.#counter.next(), frame }));
  }

  /** Leaves a number to a raw frame. */
  skip(): void {
    this.#counter.next();
  }

  sendRaw(frame: ConnectResponse): void {
    if (!this.ended) this.out.offer(frame);
  }

  /** Ends the stream as a replica that dies would. */
  cut(): void {
    this.out.close(new Error('cut'));
  }

  /** The next frame of a case that no one has taken yet. */
  async next<C extends Body['case']>(wanted: C): Promise<Of<C>> {
    let found: ConnectRequest | undefined;
    await this.until(() => {
      found = this.frames.find((frame) => frame.frame.case === wanted && !this.#taken.has(frame));
      return found !== undefined;
    }, `a frame ${wanted}`);
    this.#taken.add(found!);
    return found!.frame.value as Of<C>;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`never came: ${what}; got ${this.frames.map((f) => f.frame.case).join(' ')}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiters.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(left, 50));
        this.#waiters.add(wake);
      });
    }
  }
}

export class ScriptedControl {
  readonly url: string;
  readonly signing: KeyPairKeyObjectResult;
  readonly keyId = 'k1';
  readonly joins: JoinRequest[] = [];
  readonly peers: Peer[] = [];
  /** Called for Join before it is recorded; may throw. */
  onJoin: (request: JoinRequest) => void = () => {};
  readonly #server: Server;
  readonly #sessions: Set<ServerHttp2Session>;
  readonly #waiting: Peer[] = [];
  #waiters: (() => void)[] = [];

  static async start(port = 0): Promise<ScriptedControl> {
    const sessions = new Set<ServerHttp2Session>();
    let control: ScriptedControl | undefined;
    const http2 = createServer(connectNodeAdapter({ routes: (router) => control?.routes(router) }));
    const signing = generateKeyPairSync('ed25519');
    const { server } = provenFront(http2, signing);
    http2.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    control = new ScriptedControl(server, signing, sessions);
    http2.removeAllListeners('request');
    http2.on('request', connectNodeAdapter({ routes: (router) => control?.routes(router) }));
    return control;
  }

  private constructor(server: Server, signing: KeyPairKeyObjectResult, sessions: Set<ServerHttp2Session>) {
    this.#server = server;
    this.signing = signing;
    this.#sessions = sessions;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  get publicKey(): Uint8Array {
    return rawPublicKey(this.signing.publicKey);
  }

  /** What time it is here, signed as the control plane does. */
  signTime(to: TimeListener): SignedTime {
    const signer = {
      id: this.keyId,
      sign: (prefix: Uint8Array, bytes: Uint8Array) =>
        sign(null, Buffer.concat([prefix, bytes]), this.signing.privateKey),
    };
    return signTime(to, Date.now(), signer);
  }

  routes(router: ConnectRouter): void {
    router.service(EnrollmentService, {
      join: (request) => {
        this.onJoin(request);
        this.joins.push(request);
        const signingKey = { keyId: this.keyId, publicKey: this.publicKey };
        return { device: 'device-1', tenant: 'default', name: request.name, signingKey };
      },
    });
    router.service(EdgeService, { connect: (requests, context) => this.#connect(requests, context) });
  }

  /** The next session that an edge opens. */
  async peer(): Promise<Peer> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const peer = this.#waiting.shift();
      if (peer) return peer;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error('no edge connected');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Takes the next session and welcomes it. */
  async welcome(more: WelcomeInit = {}): Promise<Peer> {
    const peer = await this.peer();
    await peer.next('hello');
    peer.send({ case: 'welcome', value: this.welcomeInit(more) });
    return peer;
  }

  welcomeInit(more: WelcomeInit = {}): WelcomeInit {
    return {
      version: 1,
      sessionEpoch: BigInt(this.peers.length),
      sessionNonce: crypto.getRandomValues(new Uint8Array(16)),
      durability: Durability.PROCESS,
      heartbeat: { seconds: 5n },
      signingKey: { keyId: this.keyId, publicKey: this.publicKey },
      model: { provider: 'rules', name: 'rules', local: true },
      deviceName: 'box',
      ...more,
    } as WelcomeInit;
  }

  async close(): Promise<void> {
    for (const peer of this.peers) peer.out.close();
    for (const session of this.#sessions) session.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async *#connect(requests: AsyncIterable<ConnectRequest>, context: HandlerContext): AsyncGenerator<ConnectResponse> {
    const peer = new Peer(context);
    this.peers.push(peer);
    this.#waiting.push(peer);
    for (const wake of this.#waiters.splice(0)) wake();
    const reading = (async () => {
      try {
        for await (const frame of requests) peer.took(frame);
      } catch {
        // The edge went away.
      } finally {
        peer.end();
        peer.out.close();
      }
    })();
    try {
      yield* peer.out;
    } finally {
      peer.end();
      void reading;
    }
  }
}

/** A new run id for what a script mentions. */
export const anyRun = (): string => newId();
