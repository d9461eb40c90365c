// The owner's API over a real unix socket: nothing without the key, errors with their reason, streams until the end.
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GrantEndReason, GrantedFileSchema } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { type AskResponse, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { OutcomeSchema, RunState, SinceAdded } from '../../gen/bowline/run/v1/run_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { RequestFaults } from '../../src/base/stray-errors.ts';
import { ApprovalList } from '../../src/edge/approvals/approval-list.ts';
import { GrantHistory } from '../../src/edge/approvals/grant-history.ts';
import { grantDocuments } from '../../src/edge/grants/grant-documents.ts';
import { ApprovalBook } from '../../src/edge/journal/approval-book.ts';
import { SensitiveBook } from '../../src/edge/journal/sensitive-book.ts';
import { ownerKey } from '../../src/edge/local/home-owner-key.ts';
import { LocalServer } from '../../src/edge/local/local-server.ts';
import { localService } from '../../src/edge/local/local-service.ts';
import { SensitiveAsks } from '../../src/edge/sensitive/sensitive-asks.ts';
import { eventually } from '../support/control-plane.ts';
import { roomyDay } from '../support/roomy-day.ts';
import { startEdge, type TestEdge, tempHome } from './support/edge-parts.ts';
import { ScriptedControl } from './support/scripted-control.ts';

let control: ScriptedControl;
let place: ReturnType<typeof tempHome>;
let edge: TestEdge;
let server: LocalServer;
let key: string;
const closing = { abort: () => {} };

beforeEach(async () => {
  control = await ScriptedControl.start();
  place = tempHome();
  edge = await startEdge(place.home, control);
  key = ownerKey(homePaths(place.home).ownerKey);
  server = await listen();
});

afterEach(async () => {
  closing.abort();
  await server.close(0);
  await edge.stop();
  await control.close();
  place.dispose();
});

async function listen(clients = 64): Promise<LocalServer> {
  const leave = new AbortController();
  closing.abort = () => leave.abort();
  const { asks, open, session, grants, journal } = edge;
  const rows = () =>
    edge.entries.flatMap(({ sequence, record }) =>
      record.case === 'ask' ? record.value.egress.map((egress, line) => ({ sequence, line, egress })) : [],
    );
  const service = localService({
    summaries: edge.summaries,
    device: edge.identity.device,
    control: edge.identity.control,
    asks,
    sensitive: new SensitiveAsks({
      journal,
      book: new SensitiveBook(),
      answer: async () => create(OutcomeSchema, { state: RunState.ANSWERED }),
      answeredBy: 'rules on this box',
      clock: systemClock,
      log: silentLogger,
    }),
    open,
    status: () => session.status,
    grants,
    ledger: {
      ledger: ({ limit, before }) =>
        rows()
          .reverse()
          .filter((row) => !before || row.sequence < before.sequence)
          .slice(0, limit),
    },
    journal,
    folder: '/',
    fateOf: async () => SinceAdded.UNSPECIFIED,
    grantDocuments: (request) =>
      grantDocuments(
        {
          standing: () => journal.standing.list(),
          journal,
          day: roomyDay(),
          resolve: async (wishes) => {
            if (wishes.some(({ pattern }) => pattern === 'docs/none')) {
              throw new AppError('SHARE_NO_MATCH', { pattern: 'docs/none', why: 'no such file' });
            }
            return [create(GrantedFileSchema, { path: 'docs/a.md', realPath: '/docs/a.md', bytes: 7n })];
          },
          model: () => session.status.model,
        },
        request,
      ),
    // What it does stands in src/edge/runner/held.test.ts, over a real journal.
    desk: { answer: async () => [], pending: 0 },
    mask: () => {},
    undoing: { preview: async () => ({ run: '', steps: [] }), undo: async () => ({ id: '', steps: [] }) },
    approvals: new ApprovalList({ approvals: new ApprovalBook(), entry: async () => undefined }),
    callGrants: { list: () => [], used: () => 0, revoke: async () => {} },
    history: new GrantHistory({ approvals: new ApprovalBook(), entries: async function* () {} }),
    permissions: () => ({ roots: [{ name: 'docs', path: '/docs' }], problem: undefined }),
    refusals: () => [],
    toolCalls: () => 3,
    day: roomyDay(),
    turns: () => ({ longestMs: 7.2, over: 0 }),
    faults: () => 0,
    startedAt: 0,
    closing: leave.signal,
  });
  return LocalServer.listen({
    socket: homePaths(place.home).socket,
    ownerKey: key,
    ownerKeyFile: homePaths(place.home).ownerKey,
    clients,
    routes: (router) => router.service(LocalService, service),
    log: silentLogger,
    faults: new RequestFaults(silentLogger),
  });
}

function client(bearer: string | undefined = key, protocol: 'grpc' | 'connect' = 'grpc'): Client<typeof LocalService> {
  const options = {
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => connect(homePaths(place.home).socket) },
    interceptors: [
      (next) => (request) => {
        if (bearer !== undefined) request.header.set('authorization', `Bearer ${bearer}`);
        return next(request);
      },
    ] satisfies import('@connectrpc/connect').Interceptor[],
  };
  return createClient(
    LocalService,
    protocol === 'grpc' ? createGrpcTransport(options) : createConnectTransport({ ...options, httpVersion: '2' }),
  );
}

const reasonOf = (error: unknown) =>
  error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0]?.reason : undefined;

async function refusal(call: Promise<unknown>): Promise<{ code: Code; reason: string | undefined }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConnectError)) throw new Error('it was not refused');
  return { code: error.code, reason: reasonOf(error) };
}

test.each(['grpc', 'connect'] as const)('an ask streams from acceptance to its end (%s)', async (protocol) => {
  const peer = await control.welcome();
  const events: AskResponse[] = [];
  const asking = (async () => {
    for await (const event of client(key, protocol).ask({ text: 'q' })) events.push(event);
  })();
  const { run, sequence } = await peer.next('ask');
  peer.send({ case: 'askVerdict', value: { run, sequence } });
  peer.send({ case: 'runUpdate', value: { run, job: { id: `${run}/0/0`, method: 'm' } } });
  peer.send({ case: 'runText', value: { run, chunk: { job: `${run}/0/0`, epoch: 1n, text: 'yes' } } });
  peer.send({ case: 'runEnded', value: { run, outcome: { state: RunState.ANSWERED, answer: 'yes' } } });
  await asking;
  const kinds = events.map(({ event }) => event?.event.case);
  expect(kinds[0]).toBe('accepted');
  expect(kinds).toContain('text');
  expect(kinds.at(-1)).toBe('ended');
  const again: string[] = [];
  for await (const { event } of client().follow({ run })) again.push(event?.event.case ?? '');
  expect(again).toEqual(['ended']);
});

test('what a conversation was about is kept and told', async () => {
  const peer = await control.welcome();
  expect((await refusal(client().getSummary({ conversation: 'c1' }))).reason).toBe('NOT_FOUND');
  const { run, conversation } = await edge.ask('q');
  const text = 'They spoke of knots.';
  for (const other of ['c1', conversation]) {
    peer.send({ case: 'conversationSummary', value: { conversation: other, run, text } });
    peer.send({ case: 'conversationSummary', value: { conversation: other, run: newId(), text: 'nobody asked' } });
  }
  await eventually(() => edge.summaries.get(conversation));
  expect(await client().getSummary({ conversation })).toMatchObject({ run, text });
  expect(await edge.summaries.get('c1')).toBeUndefined();
});

test('nothing is answered without the owner key, and only its owner may open the socket', async () => {
  const { socket } = homePaths(place.home);
  expect(lstatSync(socket).isSocket()).toBe(true);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  for (const bearer of [undefined, '', 'bwo_wrong', edge.identity.keys.secret, `${key}x`]) {
    const api = client(bearer ?? '');
    expect(await refusal(api.getStatus({}))).toEqual({ code: Code.Unauthenticated, reason: 'UNAUTHENTICATED' });
    expect((await refusal(api.listQueue({}))).code).toBe(Code.Unauthenticated);
    const stream = (async () => {
      for await (const _ of api.ask({ text: 'q' }));
    })();
    expect((await refusal(stream)).code).toBe(Code.Unauthenticated);
  }
  expect(edge.open.size).toBe(0);
});

test('errors carry their reason', async () => {
  const api = client();
  const follow = async (run: string) => {
    for await (const _ of api.follow({ run }));
  };
  expect(await refusal(follow('no-such-run'))).toEqual({ code: Code.NotFound, reason: 'NOT_FOUND' });
  expect(await refusal(api.cancel({ run: 'no-such-run' }))).toEqual({ code: Code.NotFound, reason: 'NOT_FOUND' });
  expect(await refusal(api.revokeGrant({ id: 'x' }))).toEqual({ code: Code.NotFound, reason: 'NOT_FOUND' });
  expect((await refusal(follow(''))).reason).toBe('INVALID_ARGUMENT');
  expect((await refusal(api.listEgress({ pageToken: 'nonsense' }))).reason).toBe('INVALID_ARGUMENT');
  const ask = async (text: string, conversation = '') => {
    for await (const _ of api.ask({ text, conversation }));
  };
  expect((await refusal(ask(''))).reason).toBe('INVALID_ARGUMENT');
  expect((await refusal(ask('   '))).reason).toBe('INVALID_ARGUMENT');
  expect((await refusal(ask('q', 'not-a-uuid'))).reason).toBe('INVALID_ARGUMENT');
  expect(edge.open.size).toBe(0);
});

test('queue, ledger, grants, approvals, journal and status are told', async () => {
  const api = client();
  const a = await edge.ask('first ask');
  const b = await edge.ask('second');
  const queue = await api.listQueue({});
  expect(queue.asks).toMatchObject([
    { run: a.run, text: 'first ask', sent: false },
    { run: b.run, text: 'second', sent: false },
  ]);
  const page = await api.listEgress({ pageSize: 1 });
  expect(page.entries).toMatchObject([{ run: b.run, field: 'ask.text', grant: 'ask' }]);
  const rest = await api.listEgress({ pageSize: 5, pageToken: page.nextPageToken });
  expect(rest.entries).toMatchObject([{ run: a.run }]);
  expect(rest.nextPageToken).toBe('');
  const grant = edge.grants.mintShare({ run: a.run, files: [], recipients: ['rules'], capBytes: 10 });
  expect((await api.listGrants({})).grants).toMatchObject([{ id: grant.id, run: a.run, capBytes: 10n }]);
  await api.revokeGrant({ id: grant.id });
  expect((await api.listGrants({})).grants).toEqual([]);
  expect(await api.verifyJournal({})).toMatchObject({ ok: true, journalId: edge.journal.id, problem: '' });
  expect(await api.getStatus({})).toMatchObject({
    device: 'device-1',
    control: control.url,
    waitingAsks: 2,
    toolCalls: 3n,
    roots: ['docs (/docs)'],
  });
});

test('what shares would share is told, and nothing is granted, journaled or sent for it', async () => {
  await server.close(0);
  await edge.stop();
  const file = create(GrantedFileSchema, { path: 'docs/a.md', realPath: '/docs/a.md', bytes: 3n });
  edge = await startEdge(place.home, control, {
    connect: false,
    resolve: async ([share]) => {
      if (share?.pattern !== 'docs/*.md') throw new AppError('SHARE_NO_MATCH', { pattern: 'x', why: 'no such file' });
      return [file];
    },
  });
  server = await listen();
  const api = client();
  const { shared } = await api.previewShares({ shares: [{ pattern: 'docs/*.md' }] });
  expect(shared).toMatchObject({ paths: ['docs/a.md'], bytes: 3n, grant: '' });
  expect((await refusal(api.previewShares({ shares: [{ pattern: 'nomatch' }] }))).reason).toBe('SHARE_NO_MATCH');
  expect((await refusal(api.previewShares({ shares: [] }))).reason).toBe('INVALID_ARGUMENT');
  expect((await api.listGrants({})).grants).toEqual([]);
  expect(edge.open.size).toBe(0);
  expect((await api.listEgress({})).entries).toEqual([]);
});

test('when the edge leaves, followers are told and the run stays', async () => {
  const { run } = await edge.ask('q');
  const following = (async () => {
    for await (const { event } of client().follow({ run })) if (event?.event.case === 'waiting') closing.abort();
  })();
  expect((await refusal(following)).code).toBe(Code.Unavailable);
  expect(edge.open.size).toBe(1);
});

test('a stale socket is replaced, anything else is left alone', async () => {
  const { socket } = homePaths(place.home);
  closing.abort();
  await server.close(0);
  expect(existsSync(socket)).toBe(false);
  writeFileSync(socket, 'a file');
  await expect(listen()).rejects.toMatchObject({ reason: 'SOCKET_IN_USE' });
  expect(readFileSync(socket, 'utf8')).toBe('a file');
  const shared = join(place.home, 'shared');
  mkdirSync(shared, { mode: 0o777 });
  const faults = new RequestFaults(silentLogger);
  const common = { ownerKey: key, ownerKeyFile: '', clients: 1, routes: () => {}, log: silentLogger, faults };
  const options = { ...common, socket: join(shared, 's') };
  process.umask(0);
  mkdirSync(dirname(join(shared, 'open', 's')), { recursive: true, mode: 0o777 });
  process.umask(0o022);
  await expect(LocalServer.listen({ ...options, socket: join(shared, 'open', 's') })).rejects.toMatchObject({
    reason: 'SOCKET_UNSAFE',
  });
  server = await LocalServer.listen({ ...options, socket: join(place.home, 'again.sock') });
});

test('beyond the clients that it serves it says so and how to raise that; who has no key takes no place, and one that leaves makes room', async () => {
  await server.close(0);
  server = await listen(2);
  await expect(client('wrong').getStatus({})).rejects.toMatchObject({ code: Code.Unauthenticated });
  const leave = new AbortController();
  const first = client().ask({ text: '有人吗？' }, { signal: leave.signal })[Symbol.asyncIterator]();
  await first.next();
  const second = client();
  await second.getStatus({});
  for (const protocol of ['grpc', 'connect'] as const) {
    const third = client(key, protocol);
    expect(await refusal(third.getStatus({}))).toEqual({ code: Code.ResourceExhausted, reason: 'CLIENTS_FULL' });
    await expect(third.getStatus({})).rejects.toThrow(
      /serves 2 clients at once.*raise limits\.clients in config\.yaml/,
    );
  }
  const waits = client().ask({ text: 'q' })[Symbol.asyncIterator]();
  expect(await refusal(waits.next())).toMatchObject({ reason: 'CLIENTS_FULL' });
  expect((await second.getStatus({})).device).toBe('device-1');
  await server.close(0);
  server = await listen(3);
  expect((await second.getStatus({})).device).toBe('device-1');
  leave.abort();
});

test('connections that show no key make room: however many there are, a client is served, and told when there is no place', async () => {
  await server.close(0);
  server = await listen(1);
  const { socket } = homePaths(place.home);
  const greetings = ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'PRI * HT', 'GET / HTTP/1.1\r\n', ''];
  const ended: number[] = [];
  const open = await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      const one = connect(socket);
      one.on('error', () => {}).on('close', () => ended.push(at));
      await once(one, 'connect');
      one.resume().write(greetings[at % greetings.length]!);
      return one;
    }),
  );
  const first = client();
  expect((await first.getStatus({})).device).toBe('device-1');
  expect(await refusal(client().getStatus({}))).toEqual({ code: Code.ResourceExhausted, reason: 'CLIENTS_FULL' });
  expect((await first.getStatus({})).device).toBe('device-1');
  await vi.waitFor(() => expect(ended.length).toBeGreaterThanOrEqual(200 - 32));
  for (const one of open) one.destroy();
});

test('the owner key is made once and kept', async () => {
  const { ownerKey: file } = homePaths(place.home);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect([ownerKey(file), ownerKey(file)]).toEqual([key, key]);
});

test('documents are granted before they leave, stand in the list of grants until they are revoked, and asks use them', async () => {
  const peer = await control.welcome();
  const api = client();
  let { grant, documents } = await api.grantDocuments({ collection: 'docs', patterns: ['/docs'] });
  expect(documents).toMatchObject([{ path: 'docs/a.md', realPath: '/docs/a.md', bytes: 7n }]);
  expect(grant).toMatchObject({ collection: 'docs', run: '', paths: ['/docs'] });
  expect(edge.entries.map(({ record }) => record.case).slice(-2)).toEqual(['grantMinted', 'ledger']);
  expect((await api.listGrants({})).grants).toMatchObject([{ id: grant!.id, collection: 'docs' }]);
  const { files, jobs } = await api.explainEgress({ grant: grant!.id });
  expect([files, jobs]).toMatchObject([[{ grant: grant!.id, path: '/docs' }], []]);
  // The same again stands in its place.
  for (const patterns of [['/docs'], ['/docs/'], ['/docs', '/docs/a.md']]) {
    const again = (await api.grantDocuments({ collection: 'docs', patterns })).grant;
    expect((await api.listGrants({})).grants.map(({ id }) => id)).toEqual([again?.id]);
    grant = again;
  }
  expect(edge.entries.at(-3)?.record).toMatchObject({ case: 'grantEnded', value: { why: GrantEndReason.REPLACED } });
  expect(await refusal(api.grantDocuments({ collection: 'docs', patterns: ['docs/none'] }))).toMatchObject({
    reason: 'SHARE_NO_MATCH',
  });
  expect(await refusal(api.grantDocuments({ collection: 'No Name', patterns: ['/docs'] }))).toMatchObject({
    code: Code.InvalidArgument,
  });
  const other = { collection: 'docs', patterns: ['/docs'], recipients: ['openai'] };
  expect(await refusal(api.grantDocuments(other))).toMatchObject({ reason: 'INVALID_ARGUMENT' });
  const ask = async (more: object) => {
    const leave = new AbortController();
    const asking = (async () => {
      for await (const _ of api.ask({ text: 'What?', ...more }, { signal: leave.signal }));
    })().catch(() => {});
    const event = await peer.next('ask');
    leave.abort();
    await asking;
    return event.collections.map(({ name, grant: by }) => [name, by]);
  };
  expect(await ask({})).toEqual([['docs', grant!.id]]);
  expect(await ask({ noCollections: true })).toEqual([]);
  await api.revokeGrant({ id: grant!.id });
  expect((await api.listGrants({})).grants).toEqual([]);
  expect(await ask({})).toEqual([]);
  const unknown = (async () => {
    for await (const _ of api.ask({ text: 'What?', collections: ['docs'] }));
  })();
  expect(await refusal(unknown)).toMatchObject({ reason: 'INVALID_ARGUMENT' });
});
