// The metrics and traces of a control plane at work: right by number, made of known names, with nothing of what was asked, answered or read;
// and metrics told to nobody without the key.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EmbedService } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { FsService, ListResponseSchema, ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { EdgeLogLevel, EdgeMeasureKind, EdgeSpanKind } from '../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import { homePaths } from '../../src/base/home.ts';
import { METRICS } from '../../src/base/telemetry/names.ts';
import { type Collected, startCollector } from '../support/collector.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import { freePort } from '../support/free-port.ts';
import { Program } from '../support/program.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { promtool } from '../support/promtool.ts';
import { commandOf } from '../support/stack.ts';

const CANARIES = ['水獭-question', 'otter-answer', 'otter-content', 'otter-path'];

const PATIENCE = { timeout: 20_000, interval: 250 };

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}

interface ScalerParts {
  readonly read: () => Promise<string>;
  readonly scale: (pool: string, count: number) => Promise<void>;
  readonly coolMs: number;
}
const { poolScaler }: { poolScaler: (parts: ScalerParts) => { look: () => Promise<void> } } = await import(
  join(import.meta.dirname, '../../docker/scale-pools.mjs')
);

const tool = await promtool();
let control: TestControl;
let port: number;
let collector: Awaited<ReturnType<typeof startCollector>>;
const folder = mkdtempSync(join(tmpdir(), 'bowline-test-pools-'));

beforeAll(async () => {
  port = await freePort();
  collector = await startCollector();
  const poolsFile = join(folder, 'pools.yaml');
  writeFileSync(poolsFile, 'pools:\n  tiny: { serve: [embed], provider: lexical, max: 2 }\n');
  control = await TestControl.start({ config: { metricsPort: port, otlpUrl: collector.url, poolsFile } });
});
afterAll(async () => {
  await control.close();
  await collector.close();
  rmSync(folder, { recursive: true });
});

const key = () => readFileSync(homePaths(control.home).metricsKey, 'utf8').trim();
const get = (path: string, authorization = `Bearer ${key()}`) =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization } });

/** The value of the sample whose line begins so. */
const sample = (text: string, begins: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(begins))
      ?.split(' ')
      .at(-1) ?? Number.NaN,
  );

test('a run is counted with its jobs, tokens and money, and nothing of its content is told', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const ask = edge.ask(CANARIES[0]!);
  worker.useTool(await worker.job(0), 'fs_read', { path: `docs/${CANARIES[3]}.md` });
  edge.done(await edge.call(), ReadResponseSchema, { text: CANARIES[2]! });
  const last = await worker.job(1);
  worker.reply(last, CANARIES[1]!);
  expect((await edge.end(ask.run)).answer).toBe(CANARIES[1]);
  const waiting = edge.ask('is not answered');
  await worker.job(2);

  const text = await (await get('/metrics')).text();
  expect(sample(text, 'bowline_runs_begun_total{kind="ask"}')).toBe(2);
  expect(sample(text, 'bowline_runs_ended_total{kind="ask",state="answered",reason=""}')).toBe(1);
  expect(sample(text, 'bowline_run_duration_count{kind="ask",state="answered"}')).toBe(1);
  expect(sample(text, 'bowline_jobs_ended_total{method="bowline.capability.fs.v1.FsService/Read"')).toBe(1);
  expect(sample(text, 'bowline_jobs_ended_total{method="bowline.capability.llm.v1.LlmService/Chat"')).toBe(2);
  const model = 'gen_ai_provider_name="",gen_ai_request_model=""';
  expect(sample(text, `gen_ai_client_token_usage_sum{${model},gen_ai_token_type="input"}`)).toBe(6);
  expect(sample(text, `gen_ai_client_token_usage_sum{${model},gen_ai_token_type="output"}`)).toBe(4);
  expect(sample(text, 'bowline_sessions{peer="edge"}')).toBe(1);
  expect(sample(text, 'bowline_sessions{peer="worker"}')).toBe(1);
  expect(sample(text, 'bowline_worker_slots{state="taken"}')).toBe(1);
  expect(sample(text, 'bowline_service_serving{service="database"}')).toBe(1);
  expect(sample(text, 'process_cpu_time_total{cpu_mode="user"}')).toBeGreaterThan(0);
  expect(sample(text, 'bowline_approvals_waiting')).toBe(0);
  expect(sample(text, 'process_memory_usage')).toBeGreaterThan(1e6);
  for (const told of [...CANARIES, waiting.run, ask.run]) expect(text).not.toContain(told);

  const known = Object.values(METRICS).map(({ name }) => name.replaceAll('.', '_'));
  const names = text.split('\n').flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  expect(names.length).toBeGreaterThan(10);
  for (const name of names)
    expect(name === 'target_info' || known.some((each) => name.startsWith(each)), name).toBe(true);
});

test('a run arrives at a collector as one tree: its jobs, and an attempt that was lost with the one after it; nothing of its content', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker({ name: 'first' });
  const ask = edge.ask(CANARIES[0]!);
  worker.useTool(await worker.until(() => worker.all('job').find(({ run }) => run === ask.run)), 'fs_read', {
    path: `docs/${CANARIES[3]}.md`,
  });
  edge.done(await edge.call(), ReadResponseSchema, { text: CANARIES[2]! });
  await worker.until(() => worker.all('job').filter(({ run }) => run === ask.run)[1]);
  await worker.cut();
  const second = await control.worker({ name: 'second' });
  second.reply(await second.until(() => second.all('job').find(({ run }) => run === ask.run)), CANARIES[1]!);
  expect((await edge.end(ask.run)).answer).toBe(CANARIES[1]);

  const trace = ask.run.replaceAll('-', '');
  await vi.waitFor(() => expect(collector.spans(trace).some(({ parent }) => parent === '')).toBe(true), {
    timeout: 10_000,
  });
  const spans = collector.spans(trace);
  const below = (span: Collected | undefined) => spans.filter(({ parent }) => parent === span?.id);
  const run = spans.find(({ parent }) => parent === '');
  expect(run).toMatchObject({ name: 'invoke_agent bowline', attributes: { 'bowline.state': 'answered' } });
  const jobs = below(run);
  expect(jobs.map(({ name }) => name)).toEqual(['chat', 'execute_tool fs_read', 'chat']);
  expect(jobs.map((job) => below(job).map(({ name, failed }) => `${name}${failed}`))).toEqual([
    ['attempt 1'],
    ['attempt 1'],
    ['attempt 1ATTEMPT_LOST', 'attempt 2'],
  ]);
  const [lost, again] = below(jobs[2]);
  expect([lost?.links, again?.links]).toEqual([[], [lost?.id]]);
  expect(again?.attributes).toMatchObject({ 'gen_ai.usage.input_tokens': 3, 'gen_ai.operation.name': 'chat' });
  expect(spans).toHaveLength(8);
  for (const span of spans) expect(span.end, span.name).toBeGreaterThanOrEqual(span.start);
  for (const told of CANARIES) expect(collector.raw()).not.toContain(told);
});

test('a declared pool that is empty is started by the scaler of compose when a call waits for it, and stopped when nothing does', async () => {
  const { key: workerKey } = await control.client(WorkerPoolService).createWorkerKey({
    name: 'tiny',
    packages: ['bowline.capability.embed.v1'],
    pool: 'tiny',
  });
  const keyFile = join(folder, 'worker.key');
  writeFileSync(keyFile, workerKey, { mode: 0o600 });
  const workers: Program[] = [];
  /** As compose does it. */
  const scale = async (pool: string, count: number) => {
    expect(pool).toBe('tiny');
    while (workers.length < count) {
      const words = ['--home', join(folder, `w${workers.length}`), '--control', control.url, '--key-file', keyFile];
      const env = { PATH: process.env.PATH ?? '', HOME: folder, BOWLINE_LOG_TO: 'stderr' };
      workers.push(new Program('worker', [...commandOf('worker'), ...words, '--serve', 'embed'], { cwd: folder, env }));
    }
    for (const worker of workers.splice(count)) {
      worker.child.kill('SIGTERM');
      expect(await worker.ended).toEqual({ code: 0, signal: undefined });
    }
  };
  const scaler = poolScaler({ read: async () => (await get('/metrics')).text(), scale, coolMs: 0 });
  try {
    await scaler.look();
    expect(workers).toEqual([]);
    const call = control.client(EmbedService).embed({ texts: ['发布日期', 'launch'] });
    const { summary, act } = await eventually(async () => {
      const { runs } = await control.client(RunService).listRuns({ pageSize: 1 });
      const explained = await control.client(RunService).explainRun({ id: runs[0]?.id ?? '' });
      return explained.reason === 'POOL_STARTING' && explained;
    });
    expect(summary).toContain('waits for pool tiny, which has no worker yet and is being started');
    expect(act).toContain('`bowline workers ls`');
    await eventually(async () => {
      await scaler.look();
      return workers.length === 1;
    });
    expect((await call).vectors).toHaveLength(2);
    expect(sample(await (await get('/metrics')).text(), 'bowline_pool_workers{pool="tiny"}')).toBe(1);
    await eventually(async () => {
      await scaler.look();
      return workers.length === 0;
    });
  } finally {
    for (const worker of workers) worker.child.kill('SIGKILL');
  }
}, 60_000);

test('a call is linked to the span of its caller, who is told its trace; an edge tells of its own runs alone', async () => {
  const edge = control.closing(await (await control.device('caller')).connect());
  expect((await edge.frame('welcome')).telemetry).toBe(true);
  const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  const headers = { 'bowline-device': 'caller', traceparent: `00-${trace}-${span}-01` };
  let [told, run] = ['', ''];
  const onHeader = (answer: Headers) => {
    told = answer.get('traceresponse') ?? '';
    run = answer.get('bowline-run') ?? '';
  };
  const listed = control.client(FsService).list({ path: 'docs' }, { headers, onHeader });
  const call = await edge.call();
  edge.done(call, ListResponseSchema, {});
  await listed;
  const own = run.replaceAll('-', '');
  expect(told).toMatch(new RegExp(`^00-${own}-[0-9a-f]{16}-01$`));
  const root = await vi.waitFor(
    () => collector.spans(own).find(({ parent }) => parent === '') ?? Promise.reject(),
    PATIENCE,
  );
  expect(root).toMatchObject({ name: `call ${call.method}`, links: [`${trace} ${span}`] });

  const other = control.closing(await (await control.device('other')).connect());
  const theirs = other.ask(CANARIES[0]!).run;
  const times = { startTime: timestampFromMs(1), endTime: timestampFromMs(2) };
  const said = { kind: EdgeSpanKind.TOOL_CALL, job: call.job, epoch: call.epoch, reason: CANARIES[2]!, ...times };
  const spans = [
    { ...said, run: theirs, job: `${theirs}/0/0` },
    { ...said, run, job: `${theirs}/0/0` },
    { ...said, run },
  ];
  const logs = [{ level: EdgeLogLevel.WARN, reason: CANARIES[2]!, count: 3, lastTime: times.endTime }];
  const measures = [{ kind: EdgeMeasureKind.CALLS, value: 2n ** 50n }];
  edge.send({ case: 'telemetry', value: { spans, logs, measures } });
  const ofEdge = () => collector.spans(own).filter(({ service }) => service === 'bowline-edge');
  await vi.waitFor(() => expect(ofEdge()).toHaveLength(1), PATIENCE);
  const attempt = collector.spans(own).find(({ name }) => name === 'attempt 1');
  expect(ofEdge()).toMatchObject([{ name: 'edge tool_call', parent: attempt?.id, failed: 'UNKNOWN' }]);
  expect(collector.spans(theirs.replaceAll('-', '')).filter(({ service }) => service === 'bowline-edge')).toEqual([]);
  const text = await (await get('/metrics')).text();
  expect(sample(text, 'bowline_edge_log_lines_total{level="warn",reason="UNKNOWN"}')).toBe(3);
  expect(sample(text, 'bowline_edge_calls_total{state="done"}')).toBe(100_000);
  const logged = control.lines.find(({ msg }) => msg === 'an edge told of its log');
  expect(logged).toMatchObject({ edge: 'warn', reason: 'UNKNOWN', count: 3 });
  expect(collector.problems).toEqual([]);
  for (const canary of CANARIES)
    for (const exported of [collector.raw(), text, JSON.stringify(control.lines)])
      expect(exported).not.toContain(canary);
});

test('without its key nobody is told anything; the key is readable to its owner only', async () => {
  for (const wrong of ['', 'Bearer', `Bearer ${key()}x`, `Basic ${key()}`, key()])
    for (const path of ['/metrics', '/health', '/']) {
      const response = await get(path, wrong);
      expect([response.status, await response.text()], `${wrong} ${path}`).toEqual([
        401,
        expect.not.stringContaining('bowline_'),
      ]);
    }
  expect(statSync(homePaths(control.home).metricsKey).mode & 0o777).toBe(0o600);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
  expect((await get('/other')).status).toBe(404);
});

test('health tells each part, and whether all is well', async () => {
  const response = await get('/health');
  expect([response.status, await response.json()]).toEqual([
    200,
    { well: true, parts: expect.objectContaining({ database: true, queue: true, dispatch: true }) },
  ]);
});

test.skipIf(tool === undefined)('promtool finds nothing wrong with the form', async () => {
  const text = await (await get('/metrics')).text();
  const told = await new Promise<string>((resolve) => {
    const child = execFile(tool ?? '', ['check', 'metrics'], (error, stdout, stderr) =>
      resolve(error ? stdout + stderr : ''),
    );
    child.stdin?.end(text);
  });
  expect(told).toBe('');
});

test.skipIf(tool === undefined)(
  'Prometheus scrapes it, and every panel of the dashboard is a query that it answers',
  async () => {
    const prometheus = await startPrometheus({ target: `127.0.0.1:${port}`, key: key() });
    try {
      await vi.waitFor(async () => expect(await prometheus.query('count(bowline_sessions)')).toHaveLength(1), PATIENCE);
      const file = join(import.meta.dirname, '../../docker/observability/grafana/bowline.json');
      const { panels } = JSON.parse(readFileSync(file, 'utf8')) as Dashboard;
      const exprs = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
      expect(exprs.length).toBeGreaterThan(20);
      // Rates need two scrapes.
      await vi.waitFor(
        async () => expect(await prometheus.query('rate(process_cpu_time_total[1m])')).not.toEqual([]),
        PATIENCE,
      );
      const empty = [];
      for (const expr of exprs) if ((await prometheus.query(expr)).length === 0) empty.push(expr);
      // Nothing waits, nobody was asked, and all was answered.
      expect(empty.filter((expr) => !/waiting|oldest|approvals_total|attempts_failed|!="answered"/.test(expr))).toEqual(
        [],
      );
    } finally {
      await prometheus.close();
    }
  },
  60_000,
);

test('a port that is taken, and an address beyond this machine without TLS, are refused at the start', async () => {
  for (const [config, reason] of [
    [{ metricsPort: port }, 'LISTEN_FAILED'],
    [{ metricsPort: await freePort(), metricsHost: '0.0.0.0' }, 'INSECURE_LISTEN'],
  ] as const)
    await expect(TestControl.start({ config })).rejects.toMatchObject({ reason });
});
