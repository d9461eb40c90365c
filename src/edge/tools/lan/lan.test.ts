// Requests to servers of the local network: what leaves, what an owner is shown, and that only that is sent, once.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { join } from 'node:path';
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
