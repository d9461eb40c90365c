// Requests to servers of the local network: what leaves, what an owner is shown, and that only that is sent, once.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AnswerKind, LanService, SendMethod, ServerVerdict } from '../../../../gen/bowline/capability/lan/v1/lan_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { edgeFolder, edgeRig, type RigOptions } from '../../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../../test/support/held-calls.ts';

const { get, send } = LanService.method;

/** A server of the home: what it was asked, and how it answers. */
async function server(handle: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const asked: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const http = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    handle(request, response, body);
  });
  const port = await listening(http);
  return { asked, port };
}

async function listening(one: ReturnType<typeof createServer> | ReturnType<typeof createTcp>): Promise<number> {
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void one.close(() => resolve())));
  return (one.address() as AddressInfo).port;
}

/** A server below HTTP, which sees and says bytes. */
async function rawServer(talk: (socket: Socket, request: string) => void) {
  let requests = 0;
  const open = new Set<Socket>();
  const tcp = createTcp((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('data', (data) => {
      requests++;
      talk(socket, data.toString());
    });
  });
  const port = await listening(tcp);
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
  });
  return { port, requests: () => requests };
}

async function edge(entry: string, options: RigOptions = {}) {
  const dir = edgeFolder(options.files);
  const rig = await edgeRig(dir, { ...options, config: `allow:\n  lan:\n    - {name: home, ${entry}}\n` });
  onTestFinished(() => rig.close());
  return { dir, rig, session: sessionOf(rig) };
}

test('what a shared entry answers leaves with its line in the ledger, its text in its own encoding', async () => {
  const { port, asked } = await server((_, response) => {
    response.setHeader('content-type', 'text/plain; charset=gb18030');
    response.end(Buffer.from([0xce, 0xc2, 0xb6, 0xc8, 0x20, 0x32, 0x31]));
  });
  const { rig } = await edge(`url: "http://127.0.0.1:${port}/api", methods: [GET], share: true`);
  const { messages } = await rig.call(get, { url: 'home/rooms', query: [{ name: 'q', value: '温度 & more' }] });
  expect(asked).toMatchObject([{ method: 'GET', url: '/api/rooms?q=%E6%B8%A9%E5%BA%A6+%26+more' }]);
  expect(asked[0]?.headers).toMatchObject({ host: `127.0.0.1:${port}`, 'accept-encoding': 'identity' });
  expect(messages[0]?.answer).toMatchObject({
    verdict: ServerVerdict.AGREED,
    kind: AnswerKind.TEXT,
    size: SizeClass.UNDER_1K,
    status: 200,
    text: '温度 21',
  });
  const lines = [];
  for await (const { record } of rig.journal.entries())
    if (record.case === 'toolOutcome') lines.push(...record.value.egress);
  expect(lines.find(({ field }) => field === 'answer.text')).toMatchObject({
    path: 'home',
    grant: expect.stringMatching(/^config:lan\/home\//),
    bytes: BigInt(Buffer.byteLength('温度 21')),
  });
});

test('of an entry that is not shared only what it made of the request, its kind and its size leave', async () => {
  const { port } = await server((_, response) => {
    response.writeHead(404, { 'content-type': 'application/json', location: '/treasure' });
    response.end('{"treasure":1}');
  });
  const { rig } = await edge(`url: "http://127.0.0.1:${port}", methods: [GET]`);
  const { messages, result } = await rig.call(get, { url: `http://127.0.0.1:${port}/x` });
  expect(messages[0]?.answer).toMatchObject({
    verdict: ServerVerdict.REFUSED,
    kind: AnswerKind.JSON,
    status: 0,
    text: '',
  });
  expect(JSON.stringify(result, (_, v) => (typeof v === 'bigint' ? String(v) : v))).not.toContain('treasure');
  expect(result.withheld.map(({ field }) => field)).toContain('answer.text');
  expect(result.withheld[0]).toMatchObject({ name: 'home', hint: expect.stringContaining('share: true') });
});

test('a secret that a server says again is masked before anything is cut, wherever the cut falls', async () => {
  const TOKEN = 'tok-0123456789-abcdef';
  const { port } = await server(({ url = '', headers }, response) => {
    const said = `${url} ${headers.authorization} ${'z'.repeat(1500)}`;
    const isWide = url.startsWith('/wide');
    const type = `text/plain; charset=${isWide ? 'utf-16le' : 'utf-8'}`;
    response.writeHead(302, {
      'content-type': url.startsWith('/type') ? `${type}; ${said.slice(0, 400)}` : type,
      ...(url.startsWith('/to') && { location: said.replaceAll(' ', '') }),
    });
    response.end(Buffer.from(said, isWide ? 'utf16le' : 'utf8'));
  });
  const { dir, rig } = await edge(
    `url: "http://127.0.0.1:${port}", methods: [GET], share: true, bytes: 1024, headers: {Authorization: "Bearer secret://token"}`,
  );
  mkdirSync(join(dir, 'home/secrets'), { mode: 0o700 });
  writeFileSync(join(dir, 'home/secrets/token'), TOKEN, { mode: 0o600 });
  const told = async (path: string) => {
    const {
      text = '',
      data = [],
      contentType = '',
      location = '',
      truncated,
    } = (await rig.call(get, { url: `home/${path}` })).messages[0]?.answer ?? {};
    expect(truncated).toBe(true);
    const all = [text, Buffer.from(data).toString('latin1'), contentType, location].join(' ');
    for (let at = 0; at + 4 < TOKEN.length; at++) expect([path.length, all]).not.toContain(TOKEN.slice(at, at + 5));
    expect([path.length, all]).not.toEqual([path.length, expect.stringMatching(/Bearer ?t/)]);
    return all;
  };
  expect(await told('x')).toContain('Bearer ***token*** zzz');
  for (let before = 1024 - 9; before >= 1024 - 9 - TOKEN.length; before -= 3) await told('a'.repeat(before));
  for (const before of [480, 490, 495]) await told(`wide${'a'.repeat(before)}`);
  for (const before of [206, 210, 215]) await told(`type${'a'.repeat(before)}`);
  for (const before of [2030, 2040]) await told(`to${'a'.repeat(before)}`);
});

test('a request that changes something is held, shown with host and address apart, and sent once after the yes', async () => {
  const { port, asked } = await server((_, response) => response.end('ok'));
  const { dir, rig, session } = await edge(
    `url: "http://127.0.0.1:${port}/api", methods: [POST], headers: {Authorization: "Bearer secret://token"}`,
  );
  mkdirSync(join(dir, 'home/secrets'), { mode: 0o700 });
  writeFileSync(join(dir, 'home/secrets/token'), 'tok-0123456789-abcdef', { mode: 0o600 });
  const body = '{"state":"on","字":1}';
  await session.send(
    send,
    { url: 'home/lamp%20one', body, query: [{ name: 'a', value: 'b c' }] },
    { run: 'r', key: 'k' },
  );
  expect(asked).toEqual([]);
  const [approval] = pendingOf(rig);
  expect(approval).toMatchObject({ entry: 'POST home' });
  expect(approval?.effect?.effect).toMatchObject({
    case: 'http',
    value: {
      method: 'POST',
      entry: 'home',
      host: '127.0.0.1',
      address: '127.0.0.1',
      port,
      path: '/api/lamp one',
      query: ['a=b c'],
      target: '/api/lamp%20one?a=b+c',
      body,
      bodyBytes: BigInt(Buffer.byteLength(body)),
      bodySha256: createHash('sha256').update(body).digest(),
    },
  });
  const effect = approval?.effect?.effect;
  expect(effect?.case === 'http' && effect.value.headers).toContain('authorization: Bearer secret://token');
  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  expect(asked).toMatchObject([{ method: 'POST', url: '/api/lamp%20one?a=b+c', body }]);
  expect(asked[0]?.headers).toMatchObject({
    authorization: 'Bearer tok-0123456789-abcdef',
    'content-type': 'application/json',
  });
  await session.send(
    send,
    { url: 'home/lamp%20one', body, query: [{ name: 'a', value: 'b c' }] },
    { run: 'r', key: 'k' },
  );
  expect(session.results).toHaveLength(2);
  expect(asked).toHaveLength(1);
});

test('a request whose answer does not come is unknown, and never sent again', async () => {
  const { port, requests } = await rawServer((socket) => socket.destroy());
  const { rig, session } = await edge(`url: "http://127.0.0.1:${port}", methods: [PUT], confirm: never`);
  const request = { method: SendMethod.PUT, url: 'home/x', body: '1' };
  await session.send(send, request, { run: 'r', key: 'k' });
  await session.send(send, request, { run: 'r', key: 'k' });
  expect(session.results.map(({ answer: { case: kind } }) => kind)).toEqual(['unknown', 'unknown']);
  expect(session.results.map(reasonOf)).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']);
  expect(requests()).toBe(1);
  expect(rig.fatal).toEqual([]);
});

/** What a peer says below HTTP, and what becomes of a Get and of a Send. */
/** Bytes that come without end, each soon enough after the one before. */
function drips(socket: Socket): void {
  const timer = setInterval(() => socket.write('z'), 40);
  socket.once('close', () => clearInterval(timer));
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n';
/** Packed beforehand: that takes longer than an answer may. */
const BOMB = gzipSync(Buffer.alloc(64 << 20));

const hostile: Readonly<Record<string, { says: (socket: Socket) => void; gets: unknown; sends: unknown }>> = {
  'that is no HTTP': {
    says: (socket) => socket.end('SSH-2.0-OpenSSH\r\n'),
    gets: 'HOST_ANSWER_INVALID',
    sends: 'OUTCOME_UNKNOWN',
  },
  'with headers without end': {
    says: (socket) => socket.write(`${HEAD}x: ${'y'.repeat(64 << 10)}`),
    gets: 'HOST_ANSWER_INVALID',
    sends: 'OUTCOME_UNKNOWN',
  },
  'with two lengths': {
    says: (socket) => socket.end(`${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nxy`),
    gets: 'HOST_ANSWER_INVALID',
    sends: 'OUTCOME_UNKNOWN',
  },
  'with a length and pieces': {
    says: (socket) => socket.end(`${HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
    gets: 'HOST_ANSWER_INVALID',
    sends: 'OUTCOME_UNKNOWN',
  },
  'that would speak otherwise': {
    says: (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    gets: 'HOST_ANSWER_INVALID',
    sends: 'OUTCOME_UNKNOWN',
  },
  'that never comes': { says: () => {}, gets: 'HOST_UNREACHABLE', sends: 'OUTCOME_UNKNOWN' },
  'that is only promised': {
    says: (socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
    gets: 'HOST_UNREACHABLE',
    sends: 'OUTCOME_UNKNOWN',
  },
  'that is promised without end': {
    says: (socket) => {
      const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n'.repeat(500);
      const more = () => void (socket.writable && socket.write(hint, more));
      more();
    },
    gets: 'HOST_ANSWER_INVALID',
    sends: 'OUTCOME_UNKNOWN',
  },
  'shorter than it says': {
    says: (socket) => socket.end(`${HEAD}content-length: 50\r\n\r\nabc`),
    gets: 'abc cut',
    sends: 'abc cut',
  },
  'whose end never comes': {
    says: (socket) => socket.write(`${HEAD}content-length: 50\r\n\r\nabc`),
    gets: 'abc cut',
    sends: 'abc cut',
  },
  'longer than the entry takes': {
    says: (socket) => socket.end(`${HEAD}\r\n${'z'.repeat(5000)}`),
    gets: `${'z'.repeat(100)} cut`,
    sends: `${'z'.repeat(100)} cut`,
  },
  'without end': {
    says: (socket) => {
      socket.write(`${HEAD}\r\n`);
      const more = () => void (socket.writable && socket.write('z'.repeat(1 << 16), more));
      more();
    },
    gets: `${'z'.repeat(100)} cut`,
    sends: `${'z'.repeat(100)} cut`,
  },
  'whose head comes one byte at a time': {
    says: (socket) => {
      socket.write(`${HEAD}x: `);
      drips(socket);
    },
    gets: 'HOST_UNREACHABLE',
    sends: 'OUTCOME_UNKNOWN',
  },
  'whose body comes one byte at a time': {
    says: (socket) => {
      socket.write(`${HEAD}content-length: 90\r\n\r\n`);
      drips(socket);
    },
    gets: expect.stringMatching(/^z{1,89} cut$/),
    sends: expect.stringMatching(/^z{1,89} cut$/),
  },
  'that would unpack to 64 MiB': {
    says: (socket) => {
      socket.end(
        Buffer.concat([Buffer.from(`${HEAD}content-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n`), BOMB]),
      );
    },
    gets: ' cut',
    sends: ' cut',
  },
  'that stays open': {
    says: (socket) => socket.write(`${HEAD}connection: keep-alive\r\ncontent-length: 2\r\n\r\nok`),
    gets: 'ok',
    sends: 'ok',
  },
  'packed although nobody asked for it': {
    says: (socket) => socket.end(`${HEAD}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc`),
    gets: '',
    sends: '',
  },
  'that points to another host': {
    says: (socket) =>
      socket.end('HTTP/1.1 307 Elsewhere\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n'),
    gets: 'to http://169.254.169.254/latest',
    sends: 'to http://169.254.169.254/latest',
  },
};

test.each(Object.entries(hostile))('an answer %s ends within its bounds, and is asked for once', async (_, peer) => {
  const { port, requests } = await rawServer(peer.says);
  const { rig } = await edge(
    `url: "http://127.0.0.1:${port}", methods: [GET, POST], confirm: never, share: true, seconds: 1, bytes: 100`,
  );
  const came = async (method: typeof get | typeof send) => {
    const { messages, failure, result } = await rig.call(method, { url: 'home/x' });
    if (failure !== undefined) return failure;
    if (result.answer.case === 'unknown') return result.answer.value.reason;
    const { text = '', truncated, location } = messages[0]?.answer ?? {};
    return location ? `to ${location}` : `${text}${truncated ? ' cut' : ''}`;
  };
  expect(await Promise.all([came(get), came(send)])).toEqual([peer.gets, peer.sends]);
  expect(requests()).toBe(2);
  expect(rig.fatal).toEqual([]);
});

test('a call that is cancelled while its server thinks ends at once: a Get is cancelled, a Send unknown', async () => {
  const { port, requests } = await rawServer(() => {});
  const { rig, session } = await edge(`url: "http://127.0.0.1:${port}", methods: [GET, PUT], confirm: never`);
  const sent = [
    session.send(get, { url: 'home/x' }, { run: 'r', job: 'r/0/0', key: 'a' }),
    session.send(send, { method: SendMethod.PUT, url: 'home/x', body: '1' }, { run: 'r', job: 'r/0/1', key: 'b' }),
  ];
  await vi.waitFor(() => expect(requests()).toBe(2));
  rig.runner.cancel('r/0/0', 1n);
  rig.runner.cancel('r/0/1', 1n);
  await Promise.all(sent);
  const ends = session.results.map((result) => `${result.job} ${result.answer.case} ${reasonOf(result)}`);
  expect(ends.sort()).toEqual(['r/0/0 done CANCELED', 'r/0/1 unknown OUTCOME_UNKNOWN']);
  expect(rig.fatal).toEqual([]);
});

test('nobody listens: the server was not asked, and that is known', async () => {
  const { rig } = await edge('url: "http://127.0.0.1:1", methods: [POST], confirm: never');
  expect((await rig.call(send, { url: 'home/x' })).failure).toBe('HOST_UNREACHABLE');
});

test('a name that stands for another address after the yes is asked anew; one that leads away is never asked', async () => {
  const { port, asked } = await server((_, response) => response.end('ok'));
  let found = ['127.0.0.1'];
  const options = { lookUp: async () => found };
  const { rig, session } = await edge(`url: "http://localhost:${port}", methods: [POST, GET]`, options);
  await session.send(send, { url: 'home/x' }, { run: 'r', key: 'k' });
  expect(pendingOf(rig)).toHaveLength(1);
  found = ['127.0.0.2'];
  await answer(rig, true);
  await vi.waitFor(() => expect(pendingOf(rig)).toMatchObject([{ reason: expect.stringContaining('has changed') }]));
  expect(asked).toEqual([]);
  // Another order of the same addresses is no change.
  found = ['127.0.0.1', '127.0.0.2'];
  await answer(rig, false);
  for (const address of ['8.8.8.8', '169.254.169.254', '::ffff:127.0.0.1', '169.254.1.1']) {
    found = [address];
    expect((await rig.call(get, { url: 'home/x' })).failure, address).toBe('HOST_NOT_LOCAL');
  }
  expect(asked).toEqual([]);
});

test('a body is shown by its beginning, its size and its hash; one that is no JSON is refused before anyone is asked', async () => {
  const { rig, session } = await edge('url: "http://127.0.0.1:9", methods: [POST]');
  await session.send(send, { url: 'home/x', body: '{' }, { run: 'r', key: 'a' });
  expect(session.results.map(reasonOf)).toEqual(['INVALID_ARGUMENT']);
  await session.send(send, { url: 'home/x', body: JSON.stringify('字'.repeat(1000)) }, { run: 'r', key: 'b' });
  const effect = pendingOf(rig)[0]?.effect?.effect;
  expect(effect).toMatchObject({ case: 'http', value: { bodyBytes: 3002n } });
  expect(effect?.case === 'http' && effect.value.body).toBe(`"${'字'.repeat(341)}`);
});
