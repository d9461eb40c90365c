// The verbs that list, show and call, as child processes against scripted servers.

import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import {
  type IngestRequest,
  IngestState,
  RetrievalService,
} from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { OutputStream, ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { DeviceService, DeviceState } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RunSchema, RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { DatabaseKind, StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { Connection, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { EgressSchema, JobState, OutcomeSchema, RunState, TextChunkSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { Health, HealthCheckResponse_ServingStatus as HealthStatus } from '../../gen/grpc/health/v1/health_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { CliRun, cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';

// Each command is a process that starts anew; on a machine that is busy that takes its time.
vi.setConfig({ testTimeout: 90_000 });

let box: ScriptedHome;
beforeEach(() => {
  box = new ScriptedHome();
});
afterEach(() => box.close());

const run = (words: string[], more: { input?: string; env?: Record<string, string> } = {}) =>
  cli(words, { cwd: box.cwd, home: box.home, ...more });

const theRun = create(RunSchema, {
  id: 'run-1',
  conversation: 'conv-1',
  device: 'pi',
  text: '发布日期是什么？',
  state: RunState.ANSWERED,
  outcome: { state: RunState.ANSWERED, answer: '三月三日', usage: { inputTokens: 5n } },
  jobs: [
    {
      id: 'run-1/0/0',
      method: 'bowline.capability.fs.v1.FsService/Read',
      target: 'device pi',
      state: JobState.DONE,
      attempts: 1,
      elapsed: durationFromMs(12),
    },
  ],
  egress: [{ path: 'notes/a.md', field: 'text', bytes: 9n, grant: 'g' }],
  createTime: timestampFromMs(1_700_000_000_000),
});

test('runs are listed over all pages up to the limit, for people and as JSON', async () => {
  await box.controlPlane((router) =>
    router.service(RunService, {
      listRuns: ({ pageToken }) => ({
        runs: [theRun],
        nextPageToken: pageToken === 'b' ? '' : pageToken === 'a' ? 'b' : 'a',
      }),
    }),
  );
  const [table, json, two] = await Promise.all([
    run(['runs', 'ls']),
    run(['runs', 'ls', '--json']),
    run(['runs', 'ls', '-n', '2', '--json']),
  ]);
  expect(table.stdout).toMatch(
    /^RUN +STATE +ASKED +DEVICE +TEXT\nrun-1 +answered +2023-11-1\d .* pi +发布日期是什么？\n/,
  );
  expect(table.stdout).not.toContain('\x1b');
  expect(JSON.parse(json.stdout)).toHaveLength(3);
  expect(two.stderr).toContain('there are more than these 2; list more with --limit');
  expect(table.stderr + json.stderr).not.toContain('there are more');
  expect(JSON.parse(json.stdout)[0]).toMatchObject({
    id: 'run-1',
    state: 'answered',
    createTime: '2023-11-14T22:13:20.000Z',
  });
  expect(JSON.parse(two.stdout)).toHaveLength(2);
});

test('a run is shown with its jobs and what left the box; an open one with what it waits for', async () => {
  await box.controlPlane((router) =>
    router.service(RunService, {
      getRun: ({ id }) => ({ run: id === 'open' ? { ...theRun, state: RunState.RUNNING } : theRun }),
      explainRun: () => ({
        summary: 'no worker serves llm',
        jobs: [
          { job: 'open/0/0', waitsFor: 'a worker', never: true, candidates: [{ name: '图形一', whyNot: 'is busy' }] },
        ],
        reason: 'NO_WORKER',
        act: 'Start one: `bowline worker --serve llm`.',
        sinceTime: { seconds: 1_700_000_000n },
      }),
    }),
  );
  const [shown, json, open, explained, explainedJson] = await Promise.all([
    run(['runs', 'show', 'run-1']),
    run(['runs', 'show', 'run-1', '--json']),
    run(['runs', 'show', 'open']),
    run(['runs', 'explain', 'open/0/0']),
    run(['runs', 'explain', 'open', '--json']),
  ]);
  for (const part of ['发布日期是什么？', '三月三日', 'fs.Read on device pi: done, 12 ms', 'notes/a.md  9 bytes']) {
    expect(shown.stdout).toContain(part);
  }
  expect(JSON.parse(json.stdout)).toMatchObject({
    id: 'run-1',
    answer: '三月三日',
    jobs: [{ method: 'bowline.capability.fs.v1.FsService/Read', milliseconds: 12, attempts: 1 }],
    egress: [{ path: 'notes/a.md', bytes: 9 }],
  });
  expect(open.stdout).toContain('waits for: no worker serves llm');
  expect(open.stdout).toContain('(no one who is connected could ever serve it)');
  expect(explained.stdout).toMatch(
    /^waits for: no worker serves llm \(no one .*\nsince: 2023-11-1\d .*\n {4}图形一: is busy\nwhat to do: Start one: `bowline worker --serve llm`\.\n$/,
  );
  expect(JSON.parse(explainedJson.stdout)).toMatchObject({
    id: 'open',
    reason: 'NO_WORKER',
    sinceTime: '2023-11-14T22:13:20.000Z',
    jobs: [{ candidates: [{ name: '图形一', whyNot: 'is busy' }] }],
  });
});

test('a watched run streams, and its outcome is the exit code', async () => {
  await box.controlPlane((router) =>
    router.service(RunService, {
      async *watchRun() {
        const open = create(RunSchema, { id: 'run-1', state: RunState.RUNNING });
        const outcome = create(OutcomeSchema, { state: RunState.TIMED_OUT });
        const late = create(RunSchema, { ...theRun, state: RunState.TIMED_OUT, outcome });
        yield { event: { case: 'run' as const, value: open } };
        yield {
          event: { case: 'text' as const, value: create(TextChunkSchema, { job: 'j', epoch: 1n, text: '三月' }) },
        };
        yield { event: { case: 'run' as const, value: late } };
      },
    }),
  );
  const { code, stdout, stderr } = await run(['runs', 'watch', 'run-1']);
  expect([code, stdout]).toEqual([7, '三月\n']);
  expect(stderr).toContain('fs.Read on device pi: done');
  expect(stderr).toContain('timed out');
});

test('a watch that is cut off says that the run goes on', async () => {
  await box.controlPlane((router) =>
    router.service(RunService, {
      // biome-ignore lint/correctness/useYield: it ends before it says anything
      async *watchRun() {
        throw new AppError('CLOSED', { what: 'this control plane' });
      },
    }),
  );
  const { code, stderr } = await run(['runs', 'watch', 'run-1']);
  expect([code, stderr]).toEqual([
    6,
    expect.stringContaining('the run goes on; watch it again with: bowline runs watch run-1'),
  ]);
});

test('a run that had ended before it was watched is told once', async () => {
  await box.controlPlane((router) =>
    router.service(RunService, {
      async *watchRun() {
        yield { event: { case: 'run' as const, value: theRun } };
        yield { event: { case: 'run' as const, value: theRun } };
      },
    }),
  );
  const { code, stdout, stderr } = await run(['runs', 'watch', 'run-1']);
  expect([code, stdout.split('三月三日').length]).toEqual([0, 2]);
  const json = await run(['runs', 'watch', 'run-1', '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({
    what: 'run',
    id: theRun.id,
    answer: expect.stringContaining('三月三日'),
  });
  expect(stderr.split('fs.Read on device pi').length).toBe(2);
});

test('a run is cancelled on the box if that knows it, else on the control plane', async () => {
  const cancelled: string[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      cancel: ({ run: id }) => {
        if (id !== 'mine') throw new AppError('NOT_FOUND', { kind: 'run' });
        cancelled.push(`edge ${id}`);
        return {};
      },
    }),
  );
  await box.controlPlane((router) =>
    router.service(RunService, {
      cancelRun: ({ id }) => {
        cancelled.push(`control ${id}`);
        return {};
      },
    }),
  );
  expect((await run(['runs', 'cancel', 'mine'])).code).toBe(0);
  expect((await run(['runs', 'cancel', 'other'])).code).toBe(0);
  expect(cancelled).toEqual(['edge mine', 'control other']);
});

test('a call goes to the single device, is told in JSON, and says what was withheld', async () => {
  const seen: (string | null)[] = [];
  await box.controlPlane((router) => {
    router.service(DeviceService, {
      listDevices: () => ({ devices: [{ id: 'dev-1', name: 'pi', state: DeviceState.ACTIVE, connected: true }] }),
    });
    router.service(FsService, {
      read: ({ path }, context) => {
        seen.push(path, context.requestHeader.get('bowline-device'));
        context.responseHeader.set('bowline-run', 'run-9');
        context.responseTrailer.append(
          'bowline-withheld',
          `text; why=NO_GRANT; name=${encodeURIComponent('笔记/a, b.md')}`,
        );
        context.responseTrailer.append('bowline-withheld', 'total_lines; why=NO_GRANT; name=x');
        return { file: { path, sizeBytes: 0n }, text: 'short' };
      },
    });
  });
  const { code, stdout, stderr } = await run(['call', 'fs/read', '--data', '{"path":"笔记/a, b.md"}']);
  expect(JSON.parse(stdout)).toEqual({ file: { path: '笔记/a, b.md' }, text: 'short' });
  expect(stderr).toContain('withheld: 笔记/a, b.md: text, not shared');
  expect(stderr).toContain('withheld: x: total_lines, not shared');
  expect(stderr).toContain('run-9');
  expect([code, ...seen]).toEqual([0, '笔记/a, b.md', 'dev-1']);
});

test('a streamed response is one JSON object a line', async () => {
  await box.controlPlane((router) =>
    router.service(ShellService, {
      async *run({ argv }) {
        yield { event: { case: 'output', value: { stream: OutputStream.STDOUT, data: Buffer.from(argv.join(' ')) } } };
        yield { event: { case: 'exit', value: { code: 3 } } };
      },
    }),
  );
  const { code, stdout } = await run(['call', 'shell.run', '--device', 'pi', '--data', '-'], {
    input: '{"argv":["echo","hi"]}',
  });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { output: { stream: 'OUTPUT_STREAM_STDOUT', data: Buffer.from('echo hi').toString('base64') } },
    { exit: { code: 3 } },
  ]);
  expect(code).toBe(0);
});

test('devices adopt says what it did, or why there is nothing to do and what helps', async () => {
  const answers = [
    { adopted: true, device: { name: 'pi', state: DeviceState.ACTIVE } },
    { adopted: false, device: { name: 'pi', state: DeviceState.ACTIVE, connected: true } },
    { adopted: false, device: { name: 'pi', state: DeviceState.ACTIVE } },
    { adopted: false, device: { name: 'pi', state: DeviceState.SUSPENDED } },
  ];
  await box.controlPlane((router) => router.service(DeviceService, { adoptDevice: () => answers.shift() ?? {} }));
  const said = async () => {
    const { code, stdout, stderr } = await run(['devices', 'adopt', 'pi']);
    expect(code).toBe(stderr.startsWith('error') ? 6 : 0);
    return stdout || stderr;
  };
  expect(await said()).toBe('pi is taken back; start its edge again\n');
  expect(await said()).toMatch(
    /^error: nothing to do: pi is not quarantined; an edge of it is connected\..*start the right one/,
  );
  expect(await said()).toMatch(/^error: nothing to do: pi is not quarantined; it is away\. Start its edge again/);
  expect(await said()).toMatch(/^error: nothing to do: .*bowline devices resume/);
});

test('mistakes in a call are told with line and column, field, method or devices', async () => {
  await box.controlPlane((router) =>
    router.service(DeviceService, {
      listDevices: () => ({
        devices: [
          { id: 'd1', name: 'pi' },
          { id: 'd2', name: 'nas' },
        ],
      }),
    }),
  );
  const cases: [string[], string][] = [
    [['fs.Read', '--data', '{\n  "path": x}'], '--data:2:11: not valid JSON'],
    [['fs.Read', '--data', '{"path": "a"'], '--data:1:13: not valid JSON'],
    [['fs.Read', '--data', '{"pat": "a"}'], 'key "pat" is unknown'],
    [['fs.Read', '--data', '@none.json'], 'the file none.json of --data cannot be read (ENOENT)'],
    [['fs.Raed', '--data', '{}'], 'there is no capability method fs.Raed; these are known here: fs.Read'],
    [['fs.Read', '--data', '{"path":"a"}'], 'say which with --device: pi, nas'],
    [[], 'no method was given'],
  ];
  const results = await Promise.all(cases.map(([words]) => run(['call', ...words])));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    expect(stderr).toContain(cases[i]?.[1]);
    expect([code, stdout]).toEqual([2, '']);
  }
});

test('a request that is too large for the control plane is told with its size, the limit and the setting', async () => {
  await box.controlPlane((router) => {
    router.service(DeviceService, { listDevices: () => ({ devices: [{ id: 'd1', name: 'pi' }] }) });
    router.service(FsService, { write: () => ({}) });
  }, 1000);
  const data = JSON.stringify({ path: 'a.txt', text: 'x'.repeat(2000) });
  const { code, stderr } = await run(['call', 'fs.Write', '--data', data]);
  expect(code).toBe(5);
  expect(stderr).toMatch(/a message of 20\d\d bytes is over the limit of 1000 bytes; raise BOWLINE_MAX_FRAME_BYTES/);
  expect(stderr).toContain('(LIMIT_EXCEEDED)');
});

test('errors of the device come with their reason and the exit code of the table', async () => {
  await box.controlPlane((router) =>
    router.service(FsService, {
      read: ({ path }) => {
        throw path === 'big'
          ? new AppError('FILE_TOO_LARGE', { limit: 4_194_304, setting: 'limits.file_bytes' })
          : new AppError('PATH_NOT_ALLOWED');
      },
    }),
  );
  const read = (path: string) => run(['call', 'fs.Read', '--device', 'pi', '--data', JSON.stringify({ path })]);
  const [denied, big] = await Promise.all([read('/etc/passwd'), read('big')]);
  expect(denied.code).toBe(5);
  expect(denied.stderr).toContain('"/etc/passwd": this path is not allowed on the device');
  expect(denied.stderr).toContain('(PATH_NOT_ALLOWED)');
  expect(big.code).toBe(5);
});

test('help of a method shows its request schema without any server', async () => {
  const { code, stdout } = await run(['call', 'shell.Run', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('"argv"');
  expect(stdout).toContain(`bowline call shell.Run --data '{"argv":["..."]}'`);
});

test('without the control plane a conversation is shown as far as the box knows it', async () => {
  const asked: string[] = [];
  await box.edge((router) =>
    router.service(LocalService, {
      getSummary: ({ conversation }) => {
        asked.push(conversation);
        if (conversation !== 'c1') throw new AppError('NOT_FOUND', { kind: 'summary' });
        return { run: 'r1', text: 'They spoke of knots.' };
      },
    }),
  );
  const away = { env: { BOWLINE_CONTROL: 'http://127.0.0.1:9' } };
  const [shown, json, unknown] = await Promise.all([
    run(['conversations', 'show', 'c1'], away),
    run(['conversations', 'show', 'c1', '--json'], away),
    run(['conversations', 'show', 'c2'], away),
  ]);
  expect([shown.code, shown.stdout]).toEqual([0, 'in short: They spoke of knots.\n']);
  expect(shown.stderr).toContain('only the box’s summary is shown');
  expect(JSON.parse(json.stdout)).toEqual({ id: 'c1', summary: 'They spoke of knots.', lastRun: 'r1' });
  expect([unknown.code, unknown.stderr]).toEqual([6, expect.stringContaining('(NOT_RUNNING)')]);
  expect(asked.toSorted()).toEqual(['c1', 'c1', 'c2']);
});

test('devices, workers and conversations are listed, and keys are made', async () => {
  const made: unknown[] = [];
  await box.controlPlane((router) => {
    router.service(DeviceService, {
      listDevices: () => ({
        devices: [
          {
            id: 'd1',
            name: '厨房',
            state: DeviceState.ACTIVE,
            connected: true,
            manifest: { capabilities: [{ package: 'bowline.capability.fs.v1', methods: [{ name: 'Read' }] }] },
          },
        ],
      }),
      createJoinToken: ({ name, ttl }) => {
        made.push(name, ttl?.seconds);
        return { token: 'bwj_token', expireTime: timestampFromMs(1_700_000_000_000) };
      },
      deleteDevice: ({ id }) => {
        made.push(`removed ${id}`);
        return { id, name: '厨房' };
      },
    });
    router.service(WorkerPoolService, {
      listWorkers: () => ({
        workers: [{ name: 'w1', slots: 4, busy: 1, models: [{ provider: 'rules', local: true }] }],
      }),
      createWorkerKey: ({ name, packages }) => {
        made.push(name, packages);
        return { key: 'bww_key' };
      },
    });
    router.service(ConversationService, {
      listConversations: () => ({ conversations: [{ id: 'c1', title: 'Hello', turns: 2 }] }),
      getConversation: () => ({ conversation: { id: 'c1' }, runs: [theRun], summary: '谈发布。' }),
      deleteConversation: () => {
        throw new AppError('CONVERSATION_BUSY', { run: 'run-1' });
      },
    });
  });
  const [devices, workers, conversations, shown, removed, token, key] = await Promise.all([
    run(['devices', 'ls']),
    run(['workers', 'ls', '--json']),
    run(['conversations', 'ls']),
    run(['conversations', 'show', 'c1']),
    run(['conversations', 'rm', 'c1']),
    run(['devices', 'join-token', '--name', 'pi', '--ttl', '5m']),
    run(['workers', 'create-key', 'gpu', '--package', 'llm']),
  ]);
  expect(devices.stdout).toMatch(/厨房 +connected .* d1 +fs\.Read/);
  expect(JSON.parse(workers.stdout)).toMatchObject([
    { name: 'w1', slots: 4, busy: 1, models: [{ provider: 'rules' }] },
  ]);
  expect(conversations.stdout).toMatch(/c1 +2 .*Hello/);
  expect(shown.stdout).toContain('> 发布日期是什么？\n三月三日\n\nin short: 谈发布。\n');
  expect([removed.code, removed.stderr]).toEqual([6, expect.stringContaining('(CONVERSATION_BUSY)')]);
  expect(token.stdout).toBe(`${box.control} bwj_token pi\n`);
  expect(key.stdout).toBe('bww_key\n');
  expect(made).toEqual(expect.arrayContaining(['pi', 300n, 'gpu', ['bowline.capability.llm.v1']]));

  const there = await run(['devices', 'join-token', '--url', 'https://bowline.example:7420/']);
  expect(there.stdout).toBe('https://bowline.example:7420 bwj_token\n');
  const told = JSON.parse((await run(['devices', 'join-token', '--json'])).stdout);
  expect(told).toEqual({
    line: `${box.control} bwj_token`,
    url: box.control,
    token: 'bwj_token',
    name: '',
    expireTime: '2023-11-14T22:13:20.000Z',
  });
  const clear = await run(['devices', 'join-token', '--url', 'http://bowline.example']);
  expect([clear.code, clear.stdout]).toEqual([2, '']);

  const unsure = await run(['devices', 'remove', '厨房']);
  expect([unsure.code, unsure.stderr]).toEqual([2, expect.stringContaining('--yes')]);
  expect(made).not.toContain('removed 厨房');
  expect(await run(['devices', 'remove', '厨房', '--yes'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('厨房 is removed'),
  });
  expect(made).toContain('removed 厨房');
});

test('a run shows its device by name, and no size that only the box knows', async () => {
  const bare = { ...theRun, device: 'd-1', egress: [create(EgressSchema, { path: 'notes/a.md', field: 'text' })] };
  await box.controlPlane((router) => {
    router.service(RunService, { listRuns: () => ({ runs: [bare] }), getRun: () => ({ run: bare }) });
    router.service(DeviceService, { listDevices: () => ({ devices: [{ id: 'd-1', name: 'kitchen-pi' }] }) });
  });
  const [table, json, shown] = await Promise.all([
    run(['runs', 'ls']),
    run(['runs', 'ls', '--json']),
    run(['runs', 'show', 'run-1']),
  ]);
  expect(table.stdout).toMatch(/ kitchen-pi +发布日期/);
  expect(JSON.parse(json.stdout)[0]).toMatchObject({
    device: 'd-1',
    deviceName: 'kitchen-pi',
    egress: [{ bytes: null }],
  });
  expect(shown.stdout).toContain('device        kitchen-pi');
  expect(shown.stdout).not.toContain('0 bytes');
  expect(shown.stdout).toContain('how much: bowline egress ls --run run-1');
});

test("the ledger, the queue and the journal's check come from the box alone", async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      listEgress: ({ run: only }) => ({
        entries: [
          { path: 'notes/a.md', field: 'text', bytes: 9n, grant: 'g1', run: only || 'any', recipients: ['rules'] },
        ],
      }),
      listQueue: () => ({ asks: [{ run: 'r1', text: 'Who?', sent: false }] }),
      verifyJournal: () => ({ ok: false, records: 5n, segments: 1, problem: 'record 4 does not follow' }),
    }),
  );
  const [egress, json, queue, journal, explained] = await Promise.all([
    run(['egress', 'ls']),
    run(['egress', 'ls', '--run', 'r7', '--json']),
    run(['queue', 'ls']),
    run(['journal', 'verify']),
    run(['runs', 'explain', 'r1']),
  ]);
  expect(explained.stderr).toBe('');
  expect(explained.stdout).toBe(
    'waits for: It waits on this box: the control plane does not have it yet.\n' +
      'what to do: See what keeps the control plane away with `bowline status`, or withdraw it with `bowline queue rm r1`.\n',
  );
  expect(egress.stdout).toMatch(/notes\/a\.md +text .* 9 bytes +rules +any +g1/);
  expect(JSON.parse(json.stdout)).toMatchObject([{ run: 'r7', bytes: 9, recipients: ['rules'] }]);
  expect(queue.stdout).toMatch(/r1 +not sent yet .*Who\?/);
  expect([journal.code, journal.stdout]).toEqual([
    6,
    expect.stringContaining('broken after 5 records in 1 segment: record 4'),
  ]);
});

test('status tells of each side by itself, also of one that does not answer', async () => {
  await box.edge((router) =>
    router.service(LocalService, {
      getStatus: () => ({ deviceName: 'pi', connection: Connection.CONNECTING, roots: ['/notes'] }),
    }),
  );
  const half = await run(['status']);
  expect(half.code).toBe(6);
  expect(half.stdout).toContain('edge     pi, connecting');
  expect(half.stdout).toContain('control  does not answer');
  await box.controlPlane((router) =>
    router.service(StatusService, {
      getStatus: () => ({ database: DatabaseKind.PGLITE, databaseOk: true, devices: 1, workers: 1 }),
    }),
  );
  const both = await run(['status', '--json']);
  // Both answer, and the edge is not connected yet.
  expect(both.code).toBe(6);
  expect(JSON.parse(both.stdout).health).toMatchObject({
    ok: false,
    conditions: [{ side: 'edge', stops: true, reason: 'EDGE_CONNECTING' }],
  });
  expect(JSON.parse(both.stdout)).toMatchObject({
    home: box.home,
    edge: { reachable: true, connection: 'connecting' },
    control: { reachable: true, database: 'pglite', devices: 1 },
  });
});

test('status tells what it can without a key that is taken, and what the owner should know with one', async () => {
  await box.edge((router) => router.service(LocalService, {}));
  await box.controlPlane((router) => {
    router.service(Health, { check: () => ({ status: HealthStatus.SERVING }) });
    router.service(StatusService, {
      getStatus: () => ({
        database: DatabaseKind.PGLITE,
        databaseOk: true,
        notices: [{ action: 'join_token.reused', text: 'the join line of the device pi was used a second time' }],
      }),
    });
  });
  const told = await run(['status']);
  expect(told.stdout).toContain(': the join line of the device pi was used a second time\n');
  rmSync(box.paths.ownerKey);
  const { code, stdout } = await run(['status']);
  expect(stdout).toContain(`edge     runs, and listens on ${box.paths.socket}`);
  expect(stdout).toMatch(/control {2}http:\S+ is ready\n/);
  expect(stdout).toContain('(OWNER_KEY_MISSING)');
  expect(code).toBe(0);
  const json = JSON.parse((await run(['status', '--json'])).stdout);
  expect(json).toMatchObject({ control: { reachable: true, reason: 'OWNER_KEY_MISSING' }, edge: { reachable: true } });
});

test('logs are shown in order of time, and followed across rotation', async () => {
  mkdirSync(box.paths.logs);
  const line = (time: string, msg: string) =>
    `${JSON.stringify({ level: 30, time, program: 'p', pid: 1, msg, n: 2 })}\n`;
  const edge = join(box.paths.logs, 'edge.log');
  writeFileSync(edge, line('2026-01-01T00:00:02Z', 'second'));
  writeFileSync(join(box.paths.logs, 'control.log'), line('2026-01-01T00:00:01Z', 'first \u202e'));
  const all = await run(['logs']);
  expect(all.stdout).toMatch(/first <U\+202E> n=2\n.*second n=2\n$/);
  expect((await run(['logs', 'wrong'])).stderr).toContain('are control, edge, worker');
  const follow = new CliRun(['logs', '-f', 'edge'], { cwd: box.cwd, home: box.home });
  await follow.until('second');
  appendFileSync(edge, line('2026-01-01T00:00:03Z', 'third'));
  await follow.until('third');
  renameSync(edge, `${edge}.1`);
  writeFileSync(edge, line('2026-01-01T00:00:04Z', 'fourth'));
  await follow.until('fourth');
  follow.interrupt();
  expect(await follow.ended).toBe(0);
  expect(follow.stdout.match(/third/g)).toHaveLength(1);
});

test('where the control plane is: flag, environment, home; a key is not sent in clear beyond this machine', async () => {
  await box.controlPlane((router) => router.service(RunService, { listRuns: () => ({ runs: [theRun] }) }));
  const env = { BOWLINE_CONTROL: 'http://127.0.0.1:1' };
  const [fromEnv, fromFlag, clear, wrongKey] = await Promise.all([
    run(['runs', 'ls'], { env }),
    run(['runs', 'ls', '--control', box.control], { env }),
    run(['runs', 'ls', '--control', 'http://example.com']),
    run(['runs', 'ls'], { env: { BOWLINE_OWNER_KEY_FILE: keyFile('bwo_wrong') } }),
  ]);
  expect([fromEnv.code, fromEnv.stderr]).toEqual([6, expect.stringContaining('nothing answers at http://127.0.0.1:1')]);
  expect(fromFlag.code).toBe(0);
  expect(clear.stderr).toContain('(INSECURE_CONTROL)');
  expect([wrongKey.code, wrongKey.stderr]).toEqual([5, expect.stringContaining('(UNAUTHENTICATED)')]);
});

test('every verb has help with examples, and help never needs a home', async () => {
  const verbs = [
    'ask',
    'chat',
    'call',
    'runs ls',
    'runs show',
    'conversations rm',
    'devices join-token',
    'egress ls',
    'logs',
  ];
  const all = await Promise.all(verbs.map((verb) => run([...verb.split(' '), '--help'])));
  for (const { code, stdout } of all) expect([code, stdout]).toEqual([0, expect.stringContaining('Examples:')]);
});

function keyFile(key: string): string {
  const file = join(box.folder, 'key');
  writeFileSync(file, key, { mode: 0o600 });
  return file;
}

/** An edge and a control plane that keep what `docs` says to them. */
async function docsBox(more: { grants?: object[]; unknown?: string[]; refuses?: boolean } = {}) {
  const said: { grant: object[]; ingest: IngestRequest[]; removed: object[]; revoked: string[] } = {
    grant: [],
    ingest: [],
    removed: [],
    revoked: [],
  };
  const file = (name: string, content: string | Buffer) => {
    const realPath = join(box.cwd, name);
    writeFileSync(realPath, content);
    return {
      path: `work/${name}`,
      realPath,
      bytes: BigInt(content.length),
      sha256: createHash('sha256').update(content).digest(),
    };
  };
  const documents = [
    file('第一.md', '# 发布\n三月三日'),
    file('scan.pdf', Buffer.from([0x25, 0x50, 0x44, 0x46, 0, 1])),
    { ...file('changed.md', 'as granted'), sha256: new Uint8Array(32) },
  ];
  await box.edge((router) =>
    router.service(LocalService, {
      grantDocuments: (request) => {
        said.grant.push(request);
        return { grant: { id: 'g1', collection: request.collection, recipients: ['rules', 'local'] }, documents };
      },
      listGrants: () => ({ grants: more.grants ?? [] }),
      revokeGrant: ({ id }) => {
        said.revoked.push(id);
        return {};
      },
    }),
  );
  await box.controlPlane((router) =>
    router.service(RetrievalService, {
      ingest: (request) => {
        said.ingest.push(request);
        return {
          documents: request.documents.map(({ id }) => ({ id, state: IngestState.ADDED, passages: 2, embedded: 1 })),
        };
      },
      search: ({ query, collections, pageSize }) => ({
        passages: [
          {
            collection: 'docs',
            document: 'work/第一.md',
            text: `${query} ${pageSize}`,
            startLine: 3,
            endLine: 4,
            headings: ['发布'],
          },
        ],
        collections: collections.length > 0 ? collections : ['docs'],
        lexical: true,
      }),
      listCollections: () => {
        if (more.refuses) throw new AppError('UNAUTHENTICATED', { hint: 'owner.key' });
        return {
          collections: [{ name: 'docs', documents: 2, passages: 4, bytes: 2048n, model: 'lexical/x', lexical: true }],
        };
      },
      listDocuments: ({ collection }) => ({
        documents: [{ id: `${collection}/a.md`, passages: 1, bytes: 10n, title: '甲' }],
      }),
      delete: (request) => {
        if (more.refuses) throw new AppError('UNAUTHENTICATED', { hint: 'owner.key' });
        if (more.unknown?.includes(request.collection))
          throw new AppError('COLLECTION_UNKNOWN', { collection: request.collection });
        said.removed.push(request.what);
        return { documents: 3 };
      },
    }),
  );
  return said;
}

test('docs add sends exactly what the edge granted, with the grant, and says what failed', async () => {
  const said = await docsBox();
  const { code, stdout, stderr } = await run(['docs', 'add', '.', '--to', 'notes', '--recipient', 'local']);
  expect(stderr).toContain('sharing 3 files');
  expect(stderr).toContain('work/changed.md: the file changed');
  expect(stdout).toBe('notes: 2 added, 1 failed; 4 passages, 2 embedded\n');
  expect(code).toBe(8);
  expect(said.grant).toMatchObject([{ collection: 'notes', patterns: [box.cwd], recipients: ['local'] }]);
  expect(said.ingest).toHaveLength(1);
  const [first, second, third] = said.ingest[0]!.documents;
  expect(first).toMatchObject({ id: 'work/第一.md', grant: 'g1', body: { case: 'text', value: '# 发布\n三月三日' } });
  expect(second).toMatchObject({ id: 'work/scan.pdf', body: { case: 'data' } });
  expect(third).toBeUndefined();
  const json = await run(['docs', 'add', '.', '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({
    grant: { id: 'g1' },
    documents: [{ state: 'added' }, { state: 'added' }, { state: 'failed', reason: 'FILE_CHANGED' }],
  });
});

test('a control plane that does not know the key: nothing is granted for it, and what was granted can be taken back', async () => {
  const said = await docsBox({ grants: [{ id: 'g4', collection: 'lost' }], refuses: true });
  const added = await run(['docs', 'add', '.', '--to', 'lost']);
  expect(added.stderr).toContain('(UNAUTHENTICATED)');
  expect(added.stderr).not.toContain('sharing');
  expect(said.grant).toEqual([]);
  const removed = await run(['docs', 'rm', 'lost']);
  expect(said.revoked).toEqual(['g4']);
  expect(removed.stdout).toBe('lost: what this box granted for it is taken back\n');
  expect(removed.stderr).toContain('what the control plane keeps of it stays there');
  expect(removed.stderr).toContain('(UNAUTHENTICATED)');
});

test('docs are listed, searched with their lines, and removed with the grants for them', async () => {
  const said = await docsBox({
    grants: [
      { id: 'g1', collection: 'docs' },
      { id: 'g2', collection: 'other' },
      { id: 'g3', run: 'r' },
      { id: 'g4', collection: 'lost' },
    ],
    unknown: ['lost', 'nowhere'],
  });
  expect((await run(['docs', 'ls'])).stdout).toMatch(/docs +2 +4 +2 KB .*lexical\/x \(letters, not meaning\)/);
  expect(JSON.parse((await run(['docs', 'ls', 'docs', '--json'])).stdout)).toMatchObject([
    { id: 'docs/a.md', title: '甲' },
  ]);
  const found = await run(['docs', 'search', '何时', '发布', '-n', '2']);
  expect(found.stdout).toBe('work/第一.md:3-4  ·  发布  ·  docs\n  何时 发布 2\n\n');
  expect(found.stderr).toContain('by letters, not by meaning');
  expect((await run(['docs', 'rm', 'docs', 'a', 'b'])).stdout).toBe('removed 3 documents from docs\n');
  expect(said.revoked).toEqual([]);
  // Granted here, and never there.
  expect((await run(['docs', 'rm', 'lost'])).stdout).toBe(
    'lost: what this box granted for it is taken back\nthe control plane has no such collection\n',
  );
  expect(said.revoked).toEqual(['g4']);
  said.revoked.length = 0;
  expect(await run(['docs', 'rm', 'nowhere'])).toMatchObject({ code: 6, stdout: '' });
  await run(['docs', 'rm', 'docs']);
  expect(said.removed).toMatchObject([{ case: 'documents', value: { ids: ['a', 'b'] } }, { case: 'everything' }]);
  expect(said.revoked).toEqual(['g1']);
});
