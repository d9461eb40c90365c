// JobService of the public API: dead jobs, and what a person does about them.
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Transaction } from 'kysely';
import { DeadKind, JobService, RetryEffect } from '../../../../gen/bowline/control/v1/job_service_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { type OwnerPrincipal, principalName } from '../../identity/principal.ts';
import type { RestoreGuard } from '../../identity/restore-guard.ts';
import { writeAudit } from '../../ledger/audit.ts';
import { type RetryPlan, retryPlan } from '../../orchestrator/decide/retry-plan.ts';
import { type AttemptOfJob, attemptsOf } from '../../orchestrator/run/job-attempts.ts';
import { viewJob } from '../../orchestrator/run/job-view.ts';
import type { FoldedJob, FoldedRun } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { type DeadJobKind, type DeadJobRow, type DeadJobs, runOfJob } from '../../store/dead-jobs.ts';
import type { Requests } from '../../store/requests.ts';
import type { Schema } from '../../store/schema.ts';
import type { SetAside } from '../../store/set-aside.ts';
import { ownerOf } from '../call-principal.ts';
import { once } from './once.ts';

export interface JobApiParts {
  readonly runs: Pick<Orchestrator, 'state' | 'history' | 'command' | 'call' | 'ask' | 'runOf' | 'readAgain'>;
  readonly dead: DeadJobs;
  readonly setAside: Pick<SetAside, 'resume' | 'end'>;
  readonly requests: Requests;
  readonly methods: MethodRegistry;
  readonly restored: Pick<RestoreGuard, 'mustGoOn'>;
  readonly now: () => number;
}

interface Found {
  readonly run: FoldedRun;
  readonly job: FoldedJob;
}

export function jobApi(parts: JobApiParts): ServiceImpl<typeof JobService> {
  const { runs, dead, setAside, requests, methods } = parts;
  return {
    async listDeadJobs({ kind, ...filter }, context) {
      const only = KINDS.find((each) => KIND_OF[each] === kind);
      const page = await dead.list(ownerOf(context).tenant, { ...filter, ...(only ? { kind: only } : {}) });
      return { jobs: page.items.map(viewDead), nextPageToken: page.nextPageToken };
    },
    async getJob({ id }, context) {
      const { tenant } = ownerOf(context);
      const { run, job } = await find(parts, tenant, id);
      const attempts = attemptsOf(await runs.history(tenant, run.id), id);
      const plan = retryPlan(run, job, methods);
      const retry = 'how' in plan ? { retry: EFFECT_OF[plan.how] } : { whyNot: plan.whyNot };
      return { job: viewJob(run, job, parts.now()), attempts: attempts.map(viewAttempt), ...retry };
    },
    async retryJob(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const { id } = request;
      const isRun = runOfJob(id) === id;
      let made: { readonly done: RetryEffect; readonly run: string } = { done: RetryEffect.READ_AGAIN, run: id };
      return once(requests, owner, JobService.method.retryJob, request, {
        before: async () => {
          parts.restored.mustGoOn(tenant);
          if (isRun) await runs.readAgain(tenant, id);
          else made = await tryAgain(parts, owner, id);
        },
        within: async (trx) => {
          if (isRun) await setAside.resume(tenant, id, trx);
          else await dead.handle(trx, tenant, id, 'retried');
          await note(trx, owner, 'job.retry', id, { run: made.run });
          return made;
        },
      });
    },
    async dropJob(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const { id, reason } = request;
      return once(requests, owner, JobService.method.dropJob, request, {
        within: async (trx) => {
          const dropped =
            runOfJob(id) === id
              ? await setAside.end(tenant, id, 'failed', principalName(owner), trx)
              : await dead.handle(trx, tenant, id, 'dropped');
          if (!dropped) throw new AppError('NOT_FOUND', { kind: 'dead job' });
          await note(trx, owner, 'job.drop', id, { reason });
          return {};
        },
      });
    },
  };
}

async function find({ runs }: JobApiParts, tenant: string, id: string): Promise<Found> {
  const run = await runs.state(tenant, runOfJob(id));
  const job = run?.jobs.get(id);
  if (!run || !job) throw new AppError('NOT_FOUND', { kind: 'job' });
  return { run, job };
}

/**
 * The id of the command is that of the job, and the inbox knows it: however often and by whomever a job is tried again, its run is begun
 * anew once. Throws JOB_NOT_RETRIED.
 */
async function tryAgain(parts: JobApiParts, owner: OwnerPrincipal, id: string) {
  const { runs, methods } = parts;
  const { tenant } = owner;
  const { run, job } = await find(parts, tenant, id);
  const plan = retryPlan(run, job, methods);
  if ('whyNot' in plan) throw new AppError('JOB_NOT_RETRIED', { job: id, why: plan.whyNot });
  if (plan.how === 'now') {
    const timer = `${id}/retry/${job.epoch}`;
    const command = { source: 'retry', commandId: timer };
    await runs.command(tenant, run.id, { type: 'timer', id: timer, kind: 'retry' }, command);
    return { done: RetryEffect.NOW, run: run.id };
  }
  const command = { source: 'retry', commandId: `again:${run.id}` };
  const known = await runs.runOf(tenant, command);
  return { done: RetryEffect.NEW_RUN, run: known ?? (await beginAgain(parts, tenant, run, command)) };
}

async function beginAgain(
  { runs }: JobApiParts,
  tenant: string,
  { call, ...run }: FoldedRun,
  command: { source: string; commandId: string },
): Promise<string> {
  const same = {
    ...command,
    run: newId(),
    device: run.device,
    deviceName: run.deviceName,
    principal: run.principal,
    timeoutMs: run.timeoutMs,
  };
  if (call) {
    const { method, params, selector } = call;
    const target = run.device === '' ? ('worker' as const) : ('device' as const);
    const begun = await runs.call(tenant, { ...same, method, params, selector, target, idempotencyKey: '' });
    return begun.run;
  }
  const { conversation, text, requestDigest } = run;
  const maxCostMicros = BigInt(run.maxCostMicros);
  const ask = { ...same, conversation, text, shares: [], requestDigest, maxCostMicros };
  const answer = await runs.ask(tenant, ask);
  if ('refused' in answer) throw new AppError('JOB_NOT_RETRIED', { job: run.id, why: answer.refused.message });
  return (await runs.runOf(tenant, command)) ?? same.run;
}

const note = (
  trx: Transaction<Schema>,
  owner: OwnerPrincipal,
  action: string,
  id: string,
  detail: Readonly<Record<string, string>>,
): Promise<void> =>
  writeAudit(trx, [{ tenant: owner.tenant, principal: principalName(owner), action, subject: `job:${id}`, detail }]);

const EFFECT_OF = {
  now: RetryEffect.NOW,
  again: RetryEffect.NEW_RUN,
} as const satisfies Record<Extract<RetryPlan, { how: string }>['how'], RetryEffect>;

const KIND_OF: Readonly<Record<DeadJobKind, DeadKind>> = {
  failed: DeadKind.FAILED,
  holders: DeadKind.ENDS_ITS_HOLDERS,
  unknown: DeadKind.UNKNOWN,
  unreadable: DeadKind.UNREADABLE,
};

const KINDS = Object.keys(KIND_OF) as DeadJobKind[];

const viewDead = ({ kind, conversation, at, ...row }: DeadJobRow) => ({
  ...row,
  conversation: conversation ?? '',
  kind: KIND_OF[kind],
  endTime: timestampFromMs(at),
});

const viewAttempt = ({ epoch, beginsAt, endsAt, delayMs, ...rest }: AttemptOfJob) => ({
  ...rest,
  epoch: BigInt(epoch),
  beginTime: timestampFromMs(beginsAt),
  ...(endsAt === undefined ? {} : { endTime: timestampFromMs(endsAt) }),
  ...(delayMs === undefined ? {} : { delay: durationFromMs(delayMs) }),
});
