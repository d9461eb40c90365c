// The edge as its own process: joins by a line on standard input, says when it is ready, drains on a signal.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AskResponse, Connection, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { withPin } from '../../src/base/pin.ts';
import { commandOf } from '../support/stack.ts';
import { tempHome, until } from './support/edge-parts.ts';
import { ScriptedControl } from './support/scripted-control.ts';

const [PROGRAM = '', ...WORDS] = commandOf('edge');

let control: ScriptedControl;
let place: ReturnType<typeof tempHome>;
const children: ChildProcess[] = [];

beforeEach(async () => {
  control = await ScriptedControl.start();
  place = tempHome();
  mkdirSync(join(place.home, 'docs'));
  writeFileSync(join(place.home, 'docs', 'notes.md'), 'The launch is on Friday.\n');
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await control.close();
  place.dispose();
});

function run(args: string[], input?: string, home = join(place.home, 'home')) {
  const child = spawn(PROGRAM, [...WORDS, '--home', home, ...args], { stdio: 'pipe' });
  children.push(child);
  const out = { stdout: '', stderr: '', code: undefined as number | undefined };
  child.stdout.on('data', (data) => {
    out.stdout += data;
  });
  child.stderr.on('data', (data) => {
    out.stderr += data;
  });
  child.on('exit', (code) => {
    out.code = code ?? -1;
  });
  if (input !== undefined) child.stdin.write(input);
  return { child, out, home };
}

const line = () => `${control.url} ${withPin('bwj_test-token', control.publicKey)} box\n`;

test('it joins, is ready, answers an ask with a share, and leaves with a goodbye', async () => {
  const { child, out, home } = run(['--join', '--allow', join(place.home, 'docs')], line());
  await until(() => out.stdout.includes('\n'), `ready; ${out.stderr}`);
  const ready = /^ready (\{.*\})\n$/.exec(out.stdout);
  expect(JSON.parse(ready?.[1] ?? '{}')).toEqual({
    device: 'device-1',
    connection: 'offline',
    home,
    socket: join(home, 'edge.sock'),
  });
  const peer = await control.peer();
  const hello = await peer.next('hello');
  expect(hello.manifest?.capabilities.map((one) => one.package)).toContain('bowline.capability.fs.v1');
  expect(hello.manifest?.permissions.map(({ name }) => name)).toContain('docs');
  peer.send({ case: 'welcome', value: control.welcomeInit() });

  const key = readFileSync(join(home, 'owner.key'), 'utf8').trim();
  const api = createClient(
    LocalService,
    createGrpcTransport({
      baseUrl: 'http://localhost',
      nodeOptions: { createConnection: () => connect(join(home, 'edge.sock')) },
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', `Bearer ${key}`);
          return next(request);
        },
      ],
    }),
  );
  await peer.next('ping');
  const events: AskResponse[] = [];
  const asking = (async () => {
    const shares = [{ pattern: join(place.home, 'docs', '*.md') }];
    for await (const event of api.ask({ text: 'When is the launch?', shares })) events.push(event);
  })();
  const event = await peer.next('ask');
  expect(event.text).toBe('When is the launch?');
  expect(event.shares).toMatchObject([{ files: [{ path: 'docs/notes.md' }], recipients: ['rules'] }]);
  expect(events[0]?.event?.event).toMatchObject({
    case: 'shared',
    value: { paths: ['docs/notes.md'], bytes: 25n, recipients: ['rules (local)'] },
  });
  expect((await api.listGrants({})).grants).toMatchObject([{ run: event.run, paths: ['docs/notes.md'] }]);
  peer.send({ case: 'runEnded', value: { run: event.run, outcome: { state: RunState.ANSWERED, answer: 'Friday.' } } });
  await asking;
  const last = events.at(-1)?.event?.event;
  expect(last).toMatchObject({ case: 'ended', value: { outcome: { answer: 'Friday.' } } });
  expect(last?.case === 'ended' && last.value.egress.map(({ field }) => field)).toContain('ask.text');
  expect((await api.listGrants({})).grants).toEqual([]);
  const { grant, documents } = await api.grantDocuments({ collection: 'docs', patterns: [join(place.home, 'docs')] });
  expect(documents).toMatchObject([{ path: 'docs/notes.md', bytes: 25n }]);
  expect(documents[0]?.sha256).toHaveLength(32);
  expect((await api.listEgress({})).entries[0]).toMatchObject({
    path: 'docs/notes.md',
    field: 'document',
    grant: grant?.id,
    bytes: 25n,
  });
  await expect(api.grantDocuments({ collection: 'docs', patterns: ['/etc'] })).rejects.toThrow('in no allowed folder');
  await expect(
    (async () => {
      for await (const _ of api.ask({ text: 'q', shares: [{ pattern: join(place.home, 'docs', '*.nothing') }] }));
    })(),
  ).rejects.toMatchObject({ rawMessage: expect.stringContaining('nothing that may be shared') });
  expect((await api.getStatus({})).connection).toBe(Connection.CONNECTED);

  const second = run(['--allow', join(place.home, 'docs')]);
  await until(() => second.out.code !== undefined, 'the end of the second edge');
  expect(second.out).toMatchObject({ code: 6, stdout: '' });
  expect(second.out.stderr).toContain(`in use by another edge (pid ${child.pid})`);

  child.kill('SIGTERM');
  await peer.next('goodbye');
  await until(() => out.code !== undefined, 'the end');
  expect(out).toMatchObject({ code: 0, stderr: 'offline: waiting for the control plane\n' });
  expect(existsSync(join(home, 'edge.sock'))).toBe(false);
  const log = readFileSync(join(home, 'logs', 'edge.log'), 'utf8');
  expect(log).not.toContain('launch');
  expect(log).not.toContain('bwd_');
});

test('kill -9 between the ask and its answer: the next start presents it again', async () => {
  const first = run(['--join'], line());
  await until(() => first.out.stdout.includes('\n'), 'ready');
  const peer = await control.welcome();
  const key = readFileSync(join(first.home, 'owner.key'), 'utf8').trim();
  const transport = createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => connect(join(first.home, 'edge.sock')) },
  });
  const asking = (async () => {
    const headers = { authorization: `Bearer ${key}` };
    for await (const _ of createClient(LocalService, transport).ask({ text: 'q' }, { headers }));
  })().catch(() => {});
  const event = await peer.next('ask');
  first.child.kill('SIGKILL');
  await asking;
  const second = run([]);
  await until(() => second.out.stdout.includes('\n'), 'ready');
  const next = await control.welcome();
  expect(await next.next('ask')).toMatchObject({ run: event.run, sequence: event.sequence, text: 'q' });
});

test('it ends with the program that started it', async () => {
  const { child, out } = run(['--join', '--with-parent'], line());
  await until(() => out.stdout.includes('\n'), 'ready');
  const peer = await control.welcome();
  await peer.next('ping');
  child.stdin.end();
  await peer.next('goodbye');
  await until(() => out.code !== undefined, 'the end');
  expect(out.code).toBe(0);
});

test('a program that starts it may say later where it dials, or how it joins', async () => {
  const first = run(['--with-parent', '--wait']);
  first.child.stdin.write(line());
  await until(() => first.out.stdout.includes('\n'), `ready; ${first.out.stderr}`);
  await (await control.welcome()).next('ping');
  first.child.stdin.end();
  await until(() => first.out.code !== undefined, 'the end');

  const moved = join(first.home, 'config.yaml');
  writeFileSync(moved, 'control: http://127.0.0.1:1\n');
  const second = run(['--with-parent', '--wait']);
  second.child.stdin.write(`${control.url}\n`);
  await (await control.welcome()).next('ping');
  expect(second.out.stdout).toMatch(/^ready /);
});

test('what is wrong is said in one line with an exit code', async () => {
  const cases: [string[], string | undefined, number, string][] = [
    [[], undefined, 2, 'has not joined a control plane'],
    [['--join'], 'http://example.org bwj_secret-token\n', 2, 'without TLS'],
    [['--join'], `http://127.0.0.1:1 ${withPin('bwj_secret-token', control.publicKey)}\n`, 6, 'cannot be reached'],
    [['--join'], `${control.url} bwj_secret-token\n`, 2, 'has no pin'],
    [['--join'], `${control.url} ${withPin('bwj_secret-token', new Uint8Array(32))}\n`, 6, 'did not prove'],
    [['--allow', '/no/such/folder'], undefined, 2, 'does not exist'],
  ];
  for (const [index, [args, input, code, words]] of cases.entries()) {
    const { out } = run(args, input, join(place.home, `home-${index}`));
    await until(() => out.code !== undefined, `the end of ${args.join(' ')}`);
    expect(out.stderr).toContain(words);
    expect(out.stderr).toMatch(/^error: .* \([A-Z_]+\)\n(?: {2}home: .*\n)?$/);
    expect(out.stderr).not.toContain('bwj_');
    expect(out.stdout).toBe('');
    expect(out.code).toBe(code);
  }
}, 60_000);

test('--help has examples', async () => {
  const { out } = run(['--help']);
  await until(() => out.code !== undefined, 'the end');
  expect(out.code).toBe(0);
  expect(out.stdout).toContain('$ bowline edge --join');
});
