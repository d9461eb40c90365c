// An edge as a script: joins for real, opens real streams, and answers what a test tells it to.
import { generateKeyPairSync } from 'node:crypto';
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  ConnectRequestSchema,
  type ConnectResponse,
  EdgeService,
  type Hello,
  HelloSchema,
  type ToolCall,
} from '../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService } from '../../gen/bowline/edge/v1/enrollment_pb.ts';
import type { ToolResultSchema } from '../../gen/bowline/record/v1/record_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { edgeCapabilities } from '../../src/contract/capabilities.ts';
import { MethodRegistry } from '../../src/contract/registry.ts';
import { ed25519PublicKey, openToolCall, rawPublicKey } from '../../src/contract/tool-call.ts';
import { hashKey, newKey } from '../../src/control/identity/keys.ts';
import { ScriptedStream } from './scripted-stream.ts';

type Answer = MessageInitShape<typeof ToolResultSchema>['answer'];

/** A joined device. Each `connect` is a new session of it. */
export class FakeEdge {
  /** Where its next session goes. */
  url: string;
  readonly device: string;
  readonly name: string;
  readonly secret: string;
  readonly journalId = newId();
  /** Journal sequence of the last event. */
  sequence = 1;
  /** What the last Welcome anchored. */
  anchored = 0;
  readonly #key: { keyId: string; publicKey: Uint8Array };

  private constructor(
    url: string,
    joined: { device: string; name: string; secret: string; key: { keyId: string; publicKey: Uint8Array } },
  ) {
    this.url = url;
    this.device = joined.device;
    this.name = joined.name;
    this.secret = joined.secret;
    this.#key = joined.key;
  }

  /** Redeems a join token; `over` is a connection that many share. */
  static async join(
    url: string,
    token: string,
    name: string,
    over: Transport = createGrpcTransport({ baseUrl: url }),
  ): Promise<FakeEdge> {
    const client = createClient(EnrollmentService, over);
    const secret = newKey('device');
    const { publicKey } = generateKeyPairSync('ed25519');
    const answer = await client.join({
      token,
      name,
      publicKey: rawPublicKey(publicKey),
      secretSha256: new Uint8Array(hashKey(secret)),
    });
    return new FakeEdge(url, { device: answer.device, name: answer.name, secret, key: answer.signingKey! });
  }

  /** The call inside a frame, if the control plane's key signed it. */
  open(envelope: Parameters<typeof openToolCall>[0]): ToolCall {
    return openToolCall(envelope, ed25519PublicKey(this.#key.publicKey), this.#key.keyId);
  }

  /** Hello as this device would say it. */
  hello(more: Partial<Omit<Hello, '$typeName'>> = {}): Hello {
    return Object.assign(fakeHello(this.journalId, this.sequence, this.anchored), more);
  }

  /** Opens a stream and says nothing yet. */
  stream(): EdgeStream {
    return new EdgeStream(this);
  }

  /** Opens a session and waits for its Welcome; where that only tells the anchor, the next one shows it, as an edge does. */
  async connect(more: Partial<Omit<Hello, '$typeName'>> = {}): Promise<EdgeStream> {
    const stream = this.stream();
    stream.send({ case: 'hello', value: this.hello(more) });
    const { anchor } = await stream.frame('welcome');
    if (more.journal || Number(anchor?.sequence ?? this.sequence) === this.sequence) return stream;
    await stream.ended;
    return this.connect(more);
  }
}

/** Hello of a device with this pretended journal. */
export function fakeHello(journalId: string, sequence = 1, anchored = 0): Hello {
  const methods = new MethodRegistry(edgeCapabilities).all;
  return create(HelloSchema, {
    versions: { min: 1, max: 1 },
    bootId: newId(),
    manifest: {
      build: 'test',
      capabilities: [...new Set(methods.map((method) => method.package))].map((name) => ({
        package: name,
        methods: methods.filter((m) => m.package === name).map((m) => ({ name: m.desc.name, effect: m.effect })),
      })),
      limits: { maxFrameBytes: 4 << 20 },
    },
    journal: {
      journalId,
      sequence: BigInt(sequence),
      headSha256: headOf(sequence),
      anchoredSequence: BigInt(anchored),
      anchoredSha256: headOf(anchored),
    },
  });
}

/** The hash of a pretended journal at a sequence. */
export const headOf = (sequence: number): Uint8Array => new Uint8Array(32).fill(sequence & 0xff);

/** One session of a device. */
export class EdgeStream extends ScriptedStream<ConnectResponse, typeof ConnectRequestSchema> {
  readonly edge: FakeEdge;
  /** Set to false to fall silent. */
  answersPings = true;

  constructor(edge: FakeEdge) {
    super({
      url: edge.url,
      schema: ConnectRequestSchema,
      open: (sessionManager, frames, signal) => {
        const transport = createGrpcTransport({ baseUrl: edge.url, sessionManager, acceptCompression: [] });
        const headers = { authorization: `Bearer ${edge.secret}` };
        return createClient(EdgeService, transport).connect(frames, { headers, signal });
      },
      onFrame: ({ frame }) => {
        if (frame.case === 'welcome') edge.anchored = Number(frame.value.anchor?.sequence ?? 0);
        if (frame.case === 'ping' && this.answersPings)
          this.send({ case: 'pong', value: { nonce: frame.value.nonce } });
      },
    });
    this.edge = edge;
  }

  /** Sends an ask; the same sequence again is the same ask again. */
  ask(
    text: string,
    more: {
      run?: string;
      conversation?: string;
      sequence?: number;
      timeoutMs?: number;
      maxCostMicros?: bigint;
      tier?: string;
      better?: boolean;
      betterThan?: string;
    } = {},
  ): { run: string; conversation: string; sequence: number } {
    const { run = newId(), conversation = newId(), sequence = ++this.edge.sequence, timeoutMs } = more;
    const { maxCostMicros = 0n, tier, better, betterThan } = more;
    const value = {
      sequence: BigInt(sequence),
      journalId: this.edge.journalId,
      run,
      conversation,
      text,
      maxCostMicros,
      ...(tier === undefined ? {} : { tier }),
      ...(better === undefined ? {} : { better }),
      ...(betterThan === undefined ? {} : { betterThan }),
    };
    const timeout = timeoutMs === undefined ? {} : { timeout: { seconds: 0n, nanos: timeoutMs * 1e6 } };
    this.send({ case: 'ask', value: { ...value, ...timeout } });
    return { run, conversation, sequence };
  }

  /** The n-th tool call of this session, opened. */
  async call(n = 0): Promise<ToolCall> {
    return this.edge.open(await this.frame('toolCall', n));
  }

  /** Answers a call. */
  answer(call: ToolCall, answer: Answer, more: MessageInitShape<typeof ToolResultSchema> = {}): void {
    const { job, epoch, idempotencyKey } = call;
    this.send({ case: 'toolResult', value: { job, epoch, idempotencyKey, answer: answer!, ...more } });
  }

  /** Answers with one response message. */
  done<S extends DescMessage>(
    call: ToolCall,
    schema: S,
    message: MessageInitShape<S>,
    more: MessageInitShape<typeof ToolResultSchema> = {},
  ): void {
    const responses = [toBinary(schema, create(schema, message))];
    this.answer(call, { case: 'done', value: { responses } }, more);
  }

  /** Text of a run as this session was told it, by job and epoch; fails on a gap. */
  text(run: string): { job: string; epoch: number; text: string } {
    let shown = { job: '', epoch: 0, text: '' };
    for (const { run: of, chunk } of this.all('runText')) {
      if (of !== run || !chunk) continue;
      const epoch = Number(chunk.epoch);
      if (chunk.job !== shown.job || epoch !== shown.epoch) shown = { job: chunk.job, epoch, text: '' };
      const at = Buffer.byteLength(shown.text);
      if (at === 0 && chunk.offset > 0n) shown.text = '';
      else if (Number(chunk.offset) !== at) throw new Error(`a gap: at ${at} came ${chunk.offset}`);
      shown.text += chunk.text;
    }
    return shown;
  }

  async end(run: string) {
    const ended = await this.until(() => this.all('runEnded').find((each) => each.run === run), `the end of ${run}`);
    return ended.outcome!;
  }

  /** Parameters of a call. */
  static params<S extends DescMessage>(call: ToolCall, schema: S) {
    return fromBinary(schema, call.params);
  }
}
