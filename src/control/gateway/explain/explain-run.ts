// What a run waits for, job by job: by the tables of reasons. Pure.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ExplainRunResponseSchema } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import { type FoldedJob, type FoldedRun, openJobs } from '../../orchestrator/run/state.ts';
import { JOB_WAITS } from './job-waits.ts';
import { RUN_WAITS } from './run-waits.ts';
import { type FirstWait, firstWait, type World } from './wait.ts';

type Answer = MessageInitShape<typeof ExplainRunResponseSchema>;

/** @param only the id of a job: of the others nothing is told */
export function explainRun(run: FoldedRun, world: World, only = ''): Answer {
  const waits = openJobs(run)
    .filter(({ id }) => only === '' || id === only)
    .map((job) => ({ job, wait: firstWait(JOB_WAITS, { run, job, world }) }));
  const jobs = waits.map(({ job, wait }) => jobToProto(job, wait));
  const over = run.jobs.get(only);
  if (over && jobs.length === 0) return explainEnded(over, run);
  const whole = only === '' ? firstWait(RUN_WAITS, { run, world }) : undefined;
  if (whole) return { jobs, summary: whole.waitsFor, ...told(whole) };
  const first = (waits.find(({ wait }) => wait && !wait.underWay) ?? waits[0])?.wait;
  return { jobs, summary: waits.map(({ wait }) => wait?.waitsFor ?? '').join(' '), ...told(first) };
}

function jobToProto(job: FoldedJob, wait: FirstWait | undefined) {
  const { waitsFor = '', never = false, candidates = [] } = wait ?? {};
  const failure = job.lastFailure ? { lastFailure: job.lastFailure } : {};
  return { job: job.id, waitsFor, never, candidates: [...candidates], ...told(wait), ...failure };
}

function explainEnded({ phase, lastFailure, endedAt }: FoldedJob, run: FoldedRun): Answer {
  const why = lastFailure && phase !== 'done' ? `, because ${lastFailure.message}` : '';
  return {
    reason: 'ENDED',
    summary: `The job has ended: ${phase}${why}.`,
    act: `See how it ended with \`bowline runs show ${run.id}\`.`,
    sinceTime: endedAt ? timestampFromMs(endedAt) : undefined,
  };
}

const told = (wait: FirstWait | undefined) => ({
  reason: wait?.reason ?? '',
  act: wait?.act ?? '',
  sinceTime: wait?.since ? timestampFromMs(wait.since) : undefined,
  untilTime: wait?.until ? timestampFromMs(wait.until) : undefined,
});

/** A run whose history this replica cannot read: of its jobs nothing is known. */
export function explainUnreadable(id: string, ended: boolean, problem: string): Answer {
  if (ended)
    return {
      reason: 'ENDED',
      summary: 'The run has ended; its history cannot be read.',
      act: `See what is known of it with \`bowline runs show ${id}\`.`,
    };
  return {
    reason: 'SET_ASIDE',
    summary: problem,
    act: `Let it go on with \`bowline runs retry ${id}\`, or end it with \`bowline runs end ${id}\`.`,
  };
}
