// What a run waits for, job by job, in words. Pure.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ExplainRunResponseSchema } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import { type FoldedJob, type FoldedRun, isEnded, isHeld, openJobs } from '../../orchestrator/run/state.ts';
import { explain } from '../../routing/explain.ts';
import { misfit } from '../../routing/fit.ts';
import { type JobNeed, serves, type WorkerView } from '../../routing/worker-view.ts';

type Answer = MessageInitShape<typeof ExplainRunResponseSchema>;

export function explainRun(
  run: FoldedRun,
  world: { workers: readonly WorkerView[]; connected: (device: string) => boolean },
): Answer {
  const jobs = openJobs(run).map((job) => explainJob(run, job, world));
  return {
    jobs,
    summary: summaryOf(
      run,
      jobs.map(({ waitsFor }) => waitsFor ?? ''),
    ),
  };
}

function summaryOf(run: FoldedRun, waits: readonly string[]): string {
  if (isEnded(run)) return 'It has ended and waits for nothing.';
  if (run.phase === 'waiting') return 'It waits for the run before it in its conversation.';
  return waits.length === 0 ? 'It waits for its next decision.' : waits.join(' ');
}

function explainJob(
  run: FoldedRun,
  job: FoldedJob,
  { workers, connected }: { workers: readonly WorkerView[]; connected: (device: string) => boolean },
): NonNullable<Answer['jobs']>[number] {
  const failure = job.lastFailure ? { lastFailure: job.lastFailure } : {};
  if (job.phase === 'retrying') return { job: job.id, waitsFor: 'It waits before its next attempt.', ...failure };
  if (job.phase === 'cancelling') return { job: job.id, waitsFor: 'It is being stopped.', ...failure };
  if (job.target === 'device') {
    const name = run.deviceName || job.device;
    if (isHeld(job)) {
      const waitsFor = `It waits for the owner’s yes on ${name}; \`bowline approvals ls\` there shows it.`;
      return { job: job.id, waitsFor, ...failure };
    }
    const waitsFor = connected(job.device)
      ? `It runs on the device ${name}.`
      : `It waits for the device ${name}, which is not connected.`;
    return { job: job.id, waitsFor, ...failure };
  }
  const need = needOf(run, job);
  const { never, summary } = explain(need, workers);
  const candidates = workers
    .filter((worker) => serves(worker, run.tenant))
    .slice(0, 50)
    .map((worker) => ({ name: worker.name, whyNot: misfit(need, worker)?.why ?? '' }));
  return { job: job.id, waitsFor: summary, never, candidates, ...failure };
}

function needOf(run: FoldedRun, job: FoldedJob): JobNeed {
  const slash = job.method.indexOf('/');
  const service = job.method.slice(0, slash);
  return {
    capability: service.slice(0, service.lastIndexOf('.')),
    method: job.method.slice(slash + 1),
    tenant: run.tenant,
    selector: job.selector,
    recipients: job.recipients,
    slots: job.slots,
  };
}
