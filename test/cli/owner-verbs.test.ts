// The verbs of an owner who speaks with the control plane alone, as child processes against scripted servers.
import { rmSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AuditService } from '../../gen/bowline/control/v1/audit_service_pb.ts';
import { type BudgetInfo, BudgetService } from '../../gen/bowline/control/v1/budget_service_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { DeviceService, DeviceState } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { DeadKind, JobService, RetryEffect } from '../../gen/bowline/control/v1/job_service_pb.ts';
import { KeyKind, KeyService, KeyState } from '../../gen/bowline/control/v1/key_service_pb.ts';
import { RegistryService } from '../../gen/bowline/control/v1/registry_service_pb.ts';
import { RunSchema, RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { UsageService } from '../../gen/bowline/control/v1/usage_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { OutcomeSchema, RunState, TextChunkSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { freePort } from '../support/free-port.ts';
import { cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';

vi.setConfig({ testTimeout: 90_000 });

let box: ScriptedHome;
beforeEach(() => {
  box = new ScriptedHome();
});
afterEach(() => box.close());

const run = (...words: string[]) => cli(words, { cwd: box.cwd, home: box.home });

test('keys are listed and revoked, but not without a word; devices are shown, suspended and resumed', async () => {
  const revoked: string[] = [];
  const device = { id: 'd1', name: 'pi', state: DeviceState.SUSPENDED };
  await box.controlPlane((router) =>
    router
      .service(KeyService, {
        listKeys: ({ all }) => ({
          keys: all ? [{ id: 'k1', kind: KeyKind.WORKER, state: KeyState.REVOKED, name: 'gpu', packages: ['*'] }] : [],
        }),
        revokeKey: ({ id }) => ({ revoked: revoked.push(id) > 0, key: { id, state: KeyState.REVOKED } }),
      })
      .service(DeviceService, {
        getDevice: () => ({ device }),
        suspendDevice: () => ({ device, suspended: true }),
        resumeDevice: () => ({ device: { ...device, state: DeviceState.ACTIVE }, resumed: true }),
      }),
  );
  expect((await run('keys', 'ls')).stdout).toBe('no such keys\n');
  expect((await run('keys', 'ls', '--all')).stdout).toMatch(/^k1 +worker +revoked .*gpu +\*$/m);
  expect((await run('keys', 'revoke', 'k1')).code).toBe(2);
  expect(revoked).toEqual([]);
  expect((await run('keys', 'revoke', 'k1', '--yes')).stderr).toContain('k1 is revoked');
  expect((await run('devices', 'show', 'pi')).stdout).toContain('state      suspended');
  expect((await run('devices', 'suspend', 'pi')).stderr).toContain('bowline devices resume pi');
  expect((await run('devices', 'resume', 'pi')).stderr).toContain('connects again by itself');
});

test('capabilities, usage and audit are tables, or JSON', async () => {
  await box.controlPlane((router) =>
    router
      .service(RegistryService, {
        listCapabilities: () => ({
          capabilities: [{ package: 'a.v1', methods: [{ name: 'a.v1.A/Do' }], devices: ['pi'] }],
        }),
      })
      .service(UsageService, {
        getUsage: () => ({ sums: [{ provider: 'p', model: 'm', jobs: 2n, inputTokens: 3n, costMicros: 1_500_000n }] }),
      })
      .service(AuditService, {
        listAudit: () => ({
          entries: [{ principal: 'owner:x', action: 'device.join', subject: 'device:1', detailJson: '{}' }],
        }),
      }),
  );
  expect((await run('capabilities', 'ls')).stdout).toMatch(/^a\.v1 +Do +pi$/m);
  expect((await run('usage')).stdout).toMatch(/^p +m +2 +3 +0 +1\.5 +█+$/m);
  expect((await run('usage', '--by', 'model', '--csv')).stdout).toBe(
    'model,title,provider,model,jobs,tokens_in,tokens_out,cost\n,,p,m,2,3,0,1.5\n',
  );
  expect(JSON.parse((await run('audit', 'ls', '--json')).stdout)).toMatchObject([{ action: 'device.join' }]);
});

test('dead jobs are listed and shown; one or all are retried, and what is refused is told', async () => {
  const run1 = '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11';
  const [good, bad] = [`${run1}/1/0`, `${run1}/1/1`];
  const method = 'bowline.capability.llm.v1.LlmService/Chat';
  const failure = { reason: 'PROVIDER_FAILED', message: '服务坏了' };
  await box.controlPlane((router) =>
    router.service(RunService, { listRuns: () => ({ runs: [{ id: run1 }] }) }).service(JobService, {
      listDeadJobs: () => ({
        jobs: [good, bad].map((id) => ({
          id,
          run: run1,
          method,
          kind: DeadKind.FAILED,
          attempts: 4,
          reason: failure.reason,
        })),
      }),
      getJob: ({ id }) => ({
        job: { id, method, attempts: 1 },
        attempts: [{ epoch: 1n, target: 'worker w1', failure }],
        ...(id === good ? { retry: RetryEffect.NEW_RUN } : { whyNot: 'it would be done twice' }),
      }),
      retryJob: ({ id }) => {
        if (id === good) return { done: RetryEffect.NEW_RUN, run: 'r2' };
        throw new AppError('JOB_NOT_RETRIED', { job: id, why: 'it would be done twice' });
      },
      dropJob: ({ reason }) => {
        if (reason !== '看过了') throw new AppError('NOT_FOUND', { kind: 'dead job' });
        return {};
      },
    }),
  );
  expect((await run('jobs', 'dead')).stdout).toMatch(
    new RegExp(`^${good} +failed .*llm\\.Chat +4 +PROVIDER_FAILED$`, 'm'),
  );
  expect((await run('jobs', 'show', '5c2e11/1/0')).stdout).toMatch(
    /attempt 1: .*on worker w1\n +PROVIDER_FAILED: 服务坏了\na retry begins a new run .*: bowline jobs retry /,
  );
  expect((await run('jobs', 'show', bad)).stdout).toContain('a retry does nothing: it would be done twice');
  expect((await run('jobs', 'retry', good)).stderr).toContain('begun once more, as the run: r2');
  expect(JSON.parse((await run('jobs', 'retry', '--all', '--json')).stdout)).toMatchObject({
    retried: 1,
    refused: [{ id: bad }],
  });
  expect((await run('jobs', 'retry', bad)).code).toBe(5);
  expect((await run('jobs', 'retry')).stderr).toContain('--all');
  expect((await run('jobs', 'drop', good, '--reason', '看过了')).stderr).toContain('is dropped');
});

test('budgets are set with what is not given kept, listed with what is used, and removed', async () => {
  const kept = new Map<string, BudgetInfo>();
  await box.controlPlane((router) =>
    router.service(BudgetService, {
      listBudgets: () => ({ budgets: [...kept.values()] }),
      setBudget({ budget }) {
        if (budget) kept.set(budget.id, { ...budget, spentMicros: 750_000n, reservedMicros: 250_000n });
        return { budget: kept.get(budget?.id ?? '')! };
      },
      deleteBudget({ id }) {
        kept.delete(id);
        return {};
      },
    }),
  );
  expect((await run('budgets', 'set', 'all')).stderr).toContain('--limit or --tokens');
  expect((await run('budgets', 'set', 'all', '--limit', 'much')).stderr).toContain('not an amount');
  expect((await run('budgets', 'set', 'all', '--limit', '2.5')).stdout).toBe(
    'all: 2.5 per month, of which 0.75 is spent\n',
  );
  await run('budgets', 'set', 'all', '--limit', '2', '--warn', '50,90');
  await run('budgets', 'set', 'pi', '--tokens', '5000', '--per', 'day', '--device', '厨房');
  const json = JSON.parse((await run('budgets', 'ls', '--json')).stdout);
  expect(json).toMatchObject([
    { id: 'all', scope: 'tenant', period: 'month', limitMicros: 2_000_000, warnPercent: [50, 90] },
    { id: 'pi', scope: 'device', subject: '厨房', period: 'day', limitTokens: 5000, limitMicros: 0, warnPercent: [80] },
  ]);
  expect((await run('budgets', 'ls')).stdout).toMatch(/^all +all +month +2 +0\.75 +0\.25 +█{8}$/m);
  expect((await run('budgets', 'rm', 'pi')).stdout).toBe('pi is removed\n');
  expect(kept.has('pi')).toBe(false);
});

test('an ask over the control plane is streamed, with an id of its own and the exit codes of an ask', async () => {
  const asked: { text: string; requestId: string }[] = [];
  await box.controlPlane((router) =>
    router.service(RunService, {
      async *ask({ text, requestId }) {
        asked.push({ text, requestId });
        yield { event: { case: 'run' as const, value: create(RunSchema, { id: 'run-1', conversation: 'c' }) } };
        const chunk = create(TextChunkSchema, { job: 'j', epoch: 1n, text: 'Paris' });
        yield { event: { case: 'text' as const, value: chunk } };
        const outcome = create(OutcomeSchema, { state: RunState.ANSWERED, answer: 'Paris' });
        const state = RunState.ANSWERED;
        yield {
          event: { case: 'run' as const, value: create(RunSchema, { id: 'run-1', conversation: 'c', state, outcome }) },
        };
      },
    }),
  );
  const { code, stdout } = await run('runs', 'ask', 'Which capital?');
  expect([code, stdout]).toEqual([0, 'Paris\n']);
  const json = await run('runs', 'ask', '--json', 'Which capital?');
  expect(JSON.parse(json.stdout)).toMatchObject({
    id: 'run-1',
    conversation: 'c',
    state: 'answered',
    answer: 'Paris',
  });
  expect(asked.map(({ text }) => text)).toEqual(['Which capital?', 'Which capital?']);
  expect(asked.every(({ requestId }) => requestId !== '')).toBe(true);
  const quick = await run('runs', 'ask', '--no-wait', 'Which capital?');
  expect([quick.code, quick.stdout]).toEqual([4, 'run-1\n']);
});

test('a listing that is cut says so, of one as of many', async () => {
  const keys = [{ id: 'k1', kind: KeyKind.OWNER, state: KeyState.VALID, name: 'a' }];
  await box.controlPlane((router) => router.service(KeyService, { listKeys: () => ({ keys, nextPageToken: 'more' }) }));
  expect((await run('keys', 'ls', '-n', '1')).stderr).toContain('there are more than this one; list more with --limit');
  const json = await run('keys', 'ls', '-n', '2', '--json');
  expect(json.stderr).toContain('there are more than these 2;');
  expect(JSON.parse(json.stdout)).toHaveLength(2);
});

test('without the owner key, a control plane that answers is not said to be down', async () => {
  await box.controlPlane((router) => router.service(KeyService, { listKeys: () => ({ keys: [] }) }));
  rmSync(box.paths.ownerKey);
  const missing = await run('keys', 'ls');
  expect([missing.code, missing.stderr]).toEqual([6, expect.stringContaining('(OWNER_KEY_MISSING)')]);
  rmSync(box.paths.controlPin);
  expect((await run('keys', 'ls')).stderr).toContain('(OWNER_KEY_MISSING)');
  expect((await run('--control', `http://127.0.0.1:${await freePort()}`, 'keys', 'ls')).stderr).toContain(
    '(NOT_RUNNING)',
  );
});

test('the key of the worker beside the control plane is revoked only with a second word, and what comes next is told', async () => {
  const revoked: string[] = [];
  const key = { id: 'k1', kind: KeyKind.WORKER, state: KeyState.VALID, name: 'beside the control plane' };
  await box.controlPlane((router) =>
    router.service(KeyService, {
      listKeys: () => ({ keys: [key] }),
      revokeKey: ({ id }) => ({ revoked: revoked.push(id) > 0, key: { ...key, state: KeyState.REVOKED } }),
    }),
  );
  const first = await run('keys', 'revoke', 'k1', '--yes');
  expect([first.code, first.stderr]).toEqual([2, expect.stringContaining('--yes --stop-worker')]);
  expect(revoked).toEqual([]);
  expect((await run('keys', 'revoke', 'k1', '--yes', '--stop-worker')).stderr).toContain('start it again');
  expect(revoked).toEqual(['k1']);
});

test('a cancel of a run that has ended says so, and an empty list of runs that were set aside is no empty list of runs', async () => {
  const endTime = { seconds: 1n, nanos: 0 };
  await box.controlPlane((router) =>
    router.service(RunService, {
      cancelRun: ({ id }) => ({ run: { id, state: id === 'over' ? RunState.ANSWERED : RunState.CANCELLED, endTime } }),
      getRun: ({ id }) => ({ run: { id, state: RunState.ANSWERED, ...(id !== 'mine' && { endTime }) } }),
      listRuns: () => ({ runs: [] }),
    }),
  );
  const over = await run('runs', 'cancel', 'over');
  expect([over.code, over.stderr]).toEqual([6, expect.stringContaining('nothing to do: over has ended already')]);
  expect((await run('runs', 'cancel', 'mine')).stderr).toContain('mine is cancelled');
  await box.edge((router) => router.service(LocalService, { cancel: () => ({}) }));
  expect((await run('runs', 'cancel', 'asked-here')).stderr).toContain('nothing to do: asked-here has ended already');
  expect((await run('runs', 'ls', '--set-aside')).stdout).toBe('no run is set aside\n');
});

test('a filter by an id that there is not is told, and is no empty list; what exists and sent nothing is', async () => {
  await box.controlPlane((router) => {
    router.service(RunService, {
      listRuns: () => ({ runs: [] }),
      getRun: ({ id }) => {
        if (id !== 'silent') throw new AppError('NOT_FOUND', { kind: 'run' });
        return { run: { id } };
      },
    });
    router.service(ConversationService, {
      getConversation: ({ id }) => {
        if (id !== 'known') throw new AppError('NOT_FOUND', { kind: 'conversation' });
        return { conversation: { id } };
      },
    });
  });
  await box.edge((router) =>
    router.service(LocalService, {
      listEgress: () => ({ entries: [] }),
      async *follow({ run }) {
        if (run !== 'mine') throw new AppError('NOT_FOUND', { kind: 'run' });
        yield { event: { event: { case: 'waiting' as const, value: { what: 'a worker' } } } };
      },
    }),
  );
  const unknown = await Promise.all([run('egress', 'ls', '--run', 'zzzz'), run('runs', 'ls', '-c', 'zzzz')]);
  expect(unknown.map(({ code, stdout }) => [code, stdout])).toEqual([
    [6, ''],
    [6, ''],
  ]);
  expect(unknown[0].stderr).toContain('(NOT_FOUND)');
  const known = await Promise.all([
    run('egress', 'ls', '--run', 'silent'),
    run('egress', 'ls', '--run', 'mine'),
    run('runs', 'ls', '-c', 'known'),
  ]);
  expect(known.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(known[0].stdout).toBe('nothing left the box\n');
});

test('an id that means several is told with one of them a line, five at most', async () => {
  const runs = Array.from({ length: 9 }, (_, at) => ({ id: `01a2-${at}`, text: `Frage ${at}\nof two lines` }));
  await box.controlPlane((router) => router.service(RunService, { listRuns: () => ({ runs }) }));
  const { code, stderr } = await run('runs', 'show', '01a2');
  expect(code).toBe(2);
  const lines = stderr.split('\n');
  expect(lines[0]).toBe('error: 01a2 means more than one run; type more of the id: (USAGE)');
  expect(lines.slice(1, 7)).toEqual([
    ...[0, 1, 2, 3, 4].map((at) => expect.stringMatching(new RegExp(`^ {2}01a2-${at} {2}Frage ${at}.*of two lines$`))),
    '  and 4 more',
  ]);
});

test('docs rm of something that is no collection says that the collection comes first', async () => {
  const { code, stderr } = await run('docs', 'rm', 'notes/car.txt');
  expect(code).toBe(2);
  expect(stderr).toContain('the collection comes first, then its documents: bowline docs rm COLLECTION notes/car.txt');
  expect(stderr).not.toContain('regex');
});
