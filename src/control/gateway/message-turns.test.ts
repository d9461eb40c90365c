// No message of a peer holds the listener up, however many small things it is made of: protobuf and JSON, plain and compressed, in a
// session, in a stream and in a call.
import { type ClientHttp2Session, connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EmbedService } from '../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { LlmService } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ConnectRequestSchema, EdgeService } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { WorkerService, WorkRequestSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { withTurnWatch } from '../../../test/support/turn-watch.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { RequestFaults } from '../../base/stray-errors.ts';
import { validate } from '../../contract/validate.ts';
import { admitKey } from './opening.ts';
import { listen, type RunningServer } from './server.ts';

vi.setConfig({ testTimeout: 60_000 });

const BYTES = 8 << 20;
let server: RunningServer;
let client: ClientHttp2Session;

beforeAll(async () => {
  server = await listen({
    host: '127.0.0.1',
    port: 0,
    heartbeatMs: 10_000,
    maxFrameBytes: BYTES,
    maxPeers: 10,
    maxStrangers: 10,
    maxStreams: 100,
    maxStrangerCalls: 3,
    maxStrangerBytes: 1 << 30,
    isOpen: () => false,
    maxHeaderBytes: 16 << 10,
    maxBegunBytes: 64 << 20,
    gate: async ({ values }) => values.get(admitKey)(),
    routes: (router) => {
      router.service(EdgeService, {
        // biome-ignore lint/correctness/useYield: only what is asked matters
        async *connect(requests) {
          for await (const request of requests) validate(ConnectRequestSchema, request);
        },
      });
      router.service(WorkerService, {
        // biome-ignore lint/correctness/useYield: as above
        async *work(requests) {
          for await (const request of requests) validate(WorkRequestSchema, request);
        },
      });
      router.service(LlmService, { async *chat() {} });
      router.service(EmbedService, { embed: () => ({}) });
    },
    interceptors: [],
    sign: () => new Uint8Array(64),
    clock: systemClock,
    log: silentLogger,
    faults: new RequestFaults(silentLogger),
  });
  client = connect(`http://127.0.0.1:${server.port}`);
  client.on('error', () => {});
});
afterAll(async () => {
  client.destroy();
  await server.close(100);
});

const PING = { header: { seq: 1n }, frame: { case: 'ping', value: { nonce: 1n } } } as const;
const EDGE_PING = Buffer.from(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, PING)));
const WORKER_PING = Buffer.from(toBinary(WorkRequestSchema, create(WorkRequestSchema, PING)));
const EDGE = '/bowline.edge.v1.EdgeService/Connect';
const WORKER = '/bowline.worker.v1.WorkerService/Work';
const CHAT = '/bowline.capability.llm.v1.LlmService/Chat';
const EMBED = '/bowline.capability.embed.v1.EmbedService/Embed';

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}
const field = (no: number, body: Buffer) => Buffer.concat([varint(no * 8 + 2), varint(body.length), body]);
/** As many as a message has room for. */
const full = (one: Buffer, most = BYTES - 64) => Buffer.alloc(Math.floor(most / one.length) * one.length, one);
/** The same with the wire type of a number. */
const asNumber = (no: number, body: Buffer) => Buffer.concat([varint(no * 8), varint(body.length), body]);
const NOTHING = Buffer.alloc(0);

const struct = (depth: number): Buffer => {
  let body = NOTHING;
  for (let level = 0; level < depth; level++) body = field(1, body);
  return body;
};

const MESSAGES: Readonly<Record<string, readonly [path: string, message: Buffer]>> = {
  'withheld lines of a result': [EDGE, field(7, full(field(7, NOTHING)))],
  'egress lines of a result': [EDGE, field(7, full(field(8, NOTHING)))],
  'messages of a result': [EDGE, field(7, full(field(4, field(1, NOTHING))))],
  'one header again and again': [EDGE, full(field(1, NOTHING))],
  'one number again and again': [EDGE, field(1, full(Buffer.from([8, 1])))],
  'unknown fields': [EDGE, full(Buffer.from([0xf8, 1, 1]))],
  'unknown groups': [EDGE, full(Buffer.from([0xfb, 1, 0xfc, 1]))],
  'groups in groups': [EDGE, full(Buffer.from([0xfb, 1]))],
  'calls of a hello': [EDGE, field(2, full(field(7, NOTHING)))],
  'shares of an event': [EDGE, field(3, full(field(6, full(field(2, NOTHING), 8000))))],
  'methods of a manifest': [EDGE, field(9, full(field(2, full(field(2, NOTHING), 256))))],
  'a text of combining marks': [EDGE, field(3, field(5, full(Buffer.from('\u0301'))))],
  'a text of joined signs': [EDGE, field(3, field(5, full(Buffer.from('👩‍👩‍👧‍👦'))))],
  'a text from right to left': [EDGE, field(3, field(5, full(Buffer.from('\u202eאב'))))],
  'bytes alone': [EDGE, field(6, field(4, full(Buffer.from([255]))))],
  'messages in messages': [EDGE, struct(5_000)],
  'held jobs of a hello': [WORKER, field(2, full(field(6, NOTHING)))],
  'pairs of a selector': [WORKER, field(9, full(field(6, NOTHING)))],
  'messages of a request': [CHAT, full(field(1, NOTHING))],
  'parts of a message': [CHAT, field(1, full(field(2, NOTHING)))],
  'texts to embed': [EMBED, full(field(1, NOTHING))],
  // The decoder reads them as messages all the same.
  'a message as a number, with junk in it': [CHAT, asNumber(1, field(3, full(Buffer.from([0x78, 0]))))],
  'a result as a number, with junk in it': [EDGE, field(7, asNumber(4, field(2, full(Buffer.from([0x78, 0])))))],
  'a hello as a number, with junk in it': [WORKER, field(2, asNumber(3, field(2, full(Buffer.from([0x78, 0])))))],
  'messages as numbers': [CHAT, full(Buffer.from([8, 0]))],
};

interface Sent {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly head?: Readonly<Record<string, string>>;
}

/** Before what is measured in a session, whose first frame has a bound of its own. */
const before = (path: string) => (path === EDGE ? framed(EDGE_PING) : path === WORKER ? framed(WORKER_PING) : NOTHING);

const framed = (message: Buffer, flags = 0) => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** The whole call, until its stream is closed; its status. */
async function send(call: Sent): Promise<string> {
  const { 'grpc-status': grpc, ':status': http } = await ended(call);
  return String(grpc ?? http ?? '');
}

async function ended({ path, type, body, head = {} }: Sent, end = true): Promise<Record<string, unknown>> {
  const request = { ':method': 'POST', ':path': path, 'content-type': type, te: 'trailers', ...head };
  const stream = client.request(request);
  stream.on('error', () => {});
  const told: Record<string, unknown> = {};
  stream.on('response', (fields) => Object.assign(told, fields));
  stream.on('trailers', (fields) => Object.assign(told, fields));
  stream.resume();
  if (end) stream.end(body);
  else stream.write(body);
  await new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return told;
}

test('protobuf, plain and compressed', async () => {
  const plain = Object.entries(MESSAGES).map(([name, [path, message]]) => {
    return {
      name,
      sent: { path, type: 'application/grpc+proto', body: Buffer.concat([before(path), framed(message)]) },
    };
  });
  const some = Object.entries(MESSAGES).filter((_, at) => at % 7 === 0);
  const packed = some.map(([name, [path, message]]) => ({
    name: `${name}, compressed`,
    sent: {
      path,
      type: 'application/grpc+proto',
      body: Buffer.concat([before(path), framed(gzipSync(message, { level: 1 }), 1)]),
      head: { 'grpc-encoding': 'gzip' },
    },
  }));
  await withTurnWatch([...plain, ...packed], async ({ sent }) => expect(await send(sent)).toMatch(/^\d+$/), {
    name: ({ name }) => name,
  });
});

test('JSON, plain and compressed', async () => {
  const most = 2 << 20;
  const texts = (one: string, count = most / one.length) =>
    Buffer.from(`{"texts":[${one.repeat(Math.floor(count) - 100)}""]}`);
  const bodies = {
    texts: texts('"",', 20_000),
    'too many texts': texts('"",', BYTES / 3),
    lists: texts('[],', 20_000),
    'lists in lists': Buffer.from(`{"texts":${'['.repeat(most - 64)}`),
    'one text': Buffer.from(`{"texts":["${'a'.repeat(most - 64)}"]}`),
    'marks of combination': texts('\u0301', most / 2),
    escapes: texts('"\\u0301",', 20_000),
    'too long a text': Buffer.from(`{"texts":["${'a'.repeat(BYTES - 64)}"]}`),
  };
  const all = Object.entries(bodies).flatMap(([name, body]) => [
    { name, sent: { path: EMBED, type: 'application/json', body } },
    {
      name: `${name}, compressed`,
      sent: {
        path: EMBED,
        type: 'application/json',
        body: gzipSync(body, { level: 1 }),
        head: { 'content-encoding': 'gzip' },
      },
    },
    {
      name: `${name}, in a frame`,
      sent: { path: EMBED, type: 'application/grpc+json', body: framed(body) },
    },
  ]);
  const digits = Buffer.from(`{"header":{"seq":"${'9'.repeat(most - 64)}"}}`);
  const escaped = Buffer.from(`{"header":{"seq":"${'\\u0039'.repeat(most / 6 - 64)}"}}`);
  for (const [name, body] of Object.entries({ digits, escaped }))
    all.push({ name, sent: { path: EDGE, type: 'application/grpc+json', body: framed(body) } });
  await withTurnWatch(all, async ({ sent }) => expect(await send(sent)).toMatch(/^\d+$/), { name: ({ name }) => name });
});

test('what the library repeats of a message that it could not read is cut, and the refusal arrives', async () => {
  const seq = `${'绳'.repeat(20_000)}${'a'.repeat(100_000)}`;
  const body = framed(Buffer.from(JSON.stringify({ header: { seq } })));
  const told = await ended({ path: EDGE, type: 'application/grpc+json', body });
  expect(told['grpc-status']).toBe('3');
  expect(decodeURIComponent(String(told['grpc-message']))).toMatch(/^.*绳{100,999}.* …$/);
});

test('what is too much for one turn is refused as over a limit, and the connection goes on', async () => {
  const [path, message] = MESSAGES['withheld lines of a result']!;
  const body = Buffer.concat([before(path), framed(message)]);
  expect(await send({ path, type: 'application/grpc+proto', body })).toBe('8');
  expect(await send({ path: EMBED, type: 'application/grpc+proto', body: framed(field(1, Buffer.from('a'))) })).toBe(
    '0',
  );
  const packed = Buffer.concat([before(path), framed(gzipSync(message), 1)]);
  const head = { 'grpc-encoding': 'gzip' };
  expect(await send({ path, type: 'application/grpc+proto', body: packed, head })).toBe('8');
});

test.each([
  ['Application/grpc', '8'],
  ['APPLICATION/GRPC+PROTO', '8'],
  ['application/grpc; x=1', '8'],
  ['Application/Connect+Proto', '200'],
  ['application/GRPC-web', '200'],
])('a body of the content type %s is measured', async (type, status) => {
  const sessions = Object.entries(MESSAGES).filter(([name]) => /^(held jobs|withheld lines)/.test(name));
  expect(sessions).toHaveLength(2);
  // With it more has come than one message may have.
  const behind = Buffer.alloc(100_000);
  await withTurnWatch(sessions, async ([, [path, message]]) => {
    expect(await send({ path, type, body: Buffer.concat([before(path), framed(message), behind]) })).toBe(status);
  });
});

test('what names no form, or says that nothing was packed, is not a way past', async () => {
  const deep = Buffer.from(`{"texts":${'['.repeat(3_900)}${']'.repeat(3_900)}}`);
  const packed = gzipSync(deep);
  const calls: readonly (readonly [string, Sent])[] = [
    ['429', { path: EMBED, type: 'Application/JSON', body: deep }],
    ['429', { path: EMBED, type: 'application/json', body: deep, head: { 'content-encoding': 'identity' } }],
    ['429', { path: EMBED, type: 'application/json', body: packed, head: { 'content-encoding': 'GZIP' } }],
    ['8', { path: EMBED, type: 'Application/gRPC+JSON', body: framed(packed, 1), head: { 'grpc-encoding': 'GZip' } }],
    ['415', { path: EMBED, type: 'text/json', body: deep }],
    ['415', { path: EMBED, type: 'application/json; charset=utf-16', body: deep }],
    ['415', { path: EMBED, type: '', body: deep }],
    ['405', { path: EMBED, type: 'application/json', body: NOTHING, head: { ':method': 'GET' } }],
  ];
  for (const [status, sent] of calls) expect([sent, await send(sent)]).toEqual([sent, status]);
});

test('an honest session is served whatever the letters of its content type', async () => {
  const body = framed(field(1, Buffer.from([8, 1])));
  const head = { 'grpc-encoding': 'Identity' };
  // Not by the library, which would tell it as an internal error.
  expect(await send({ path: EDGE, type: 'Application/gRPC', body, head })).toBe('3');
  expect(await send({ path: EDGE, type: 'Application/gRPC; x=1', body: NOTHING, head })).toBe('0');
});

test.each([1, 2, 128, 255])(
  'a frame with the flags %d is told as that, not as one that is no protobuf',
  async (flags) => {
    const told = await ended({ path: EDGE, type: 'application/grpc', body: framed(Buffer.from('zzzzz'), flags) });
    expect(told['grpc-status']).toBe('13');
    expect(decodeURIComponent(String(told['grpc-message']))).toMatch(
      /^a frame has the flags \d+: without grpc-encoding/,
    );
  },
);

const ANSWERED: Readonly<Record<string, Sent>> = {
  grpc: { path: EDGE, type: 'application/grpc', body: framed(Buffer.from('zzzzz')) },
  'grpc+json': { path: EDGE, type: 'application/grpc+json', body: framed(Buffer.from('zzzzz')) },
  'connect+json': { path: EDGE, type: 'application/connect+json', body: framed(Buffer.from('zzzzz')) },
  'connect+proto': { path: EDGE, type: 'application/connect+proto', body: framed(Buffer.from('zzzzz')) },
  gzip: {
    path: EDGE,
    type: 'application/grpc',
    body: framed(Buffer.from('zzzzz'), 1),
    head: { 'grpc-encoding': 'gzip' },
  },
  'an unknown type': { path: EDGE, type: 'text/html', body: framed(NOTHING) },
  'an unknown path': { path: '/nowhere', type: 'application/grpc', body: framed(NOTHING) },
};

test.concurrent.each(Object.entries(ANSWERED))(
  'a stream that is answered ends although its caller does not end it: %s',
  async (_, sent) => {
    expect(await ended(sent, false)).toHaveProperty(':status');
  },
);

test.concurrent.each(['grpc+proto', 'grpc+json', 'grpc-web+proto'])(
  'a first frame is refused by its head when no hello is so large (%s)',
  async (form) => {
    for (const path of [EDGE, WORKER]) {
      const stream = client.request({
        ':method': 'POST',
        ':path': path,
        'content-type': `application/${form}`,
        te: 'trailers',
      });
      stream.on('error', () => {});
      let told = '';
      const note = (fields: object) => {
        told += JSON.stringify(fields);
      };
      stream.on('response', note).on('trailers', note);
      stream.on('data', (piece: Buffer) => {
        told += piece.toString();
      });
      // Nothing but the head: more is not waited for.
      stream.write(framed(Buffer.alloc((2 << 20) + 1)).subarray(0, 5));
      await new Promise<void>((resolve) => stream.once('close', () => resolve()));
      expect(decodeURIComponent(told)).toContain('a first frame of 2097153 bytes is over the limit of 2097152 bytes');
    }
  },
);

test.each([
  ['application/grpc', 'BOWLINE_MAX_BEGUN_BYTES'],
  // Served by the library: its stream is reset.
  ['application/grpc+json', ''],
])('sessions that have begun to send too much together are ended (%s)', async (type, why) => {
  const first =
    type === 'application/grpc' ? before(EDGE) : framed(Buffer.from('{"header":{"seq":"1"},"ping":{"nonce":"1"}}'));
  // Without its end.
  const begun = framed(Buffer.alloc(BYTES - 1)).subarray(0, 6 << 20);
  const streams = Array.from({ length: 14 }, () => {
    const stream = client.request({ ':method': 'POST', ':path': EDGE, 'content-type': type, te: 'trailers' });
    stream.on('error', () => {});
    return stream;
  });
  const told: string[] = [];
  const note = (fields: object) => told.push(decodeURIComponent(JSON.stringify(fields)));
  const closed = streams.map((stream) => {
    stream.on('response', note).on('trailers', note).resume();
    stream.write(Buffer.concat([first, begun]));
    return new Promise<void>((resolve) => stream.once('close', () => resolve()));
  });
  // Node itself resets some of those that share a connection, with another code.
  const ended = () => (why === '' ? streams.some(({ rstCode }) => rstCode === 8) : told.join(' ').includes(why));
  await vi.waitFor(() => expect(ended()).toBe(true), { timeout: 20_000 });
  for (const stream of streams) stream.close(8);
  await Promise.all(closed);
});
