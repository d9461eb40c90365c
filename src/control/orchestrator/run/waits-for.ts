// What a run waits for, in words for its owner. Pure; who could serve a job is for placement to say.
import { targetText } from './job-view.ts';
import { isEnded, type JobState, openJobs, type RunState } from './state.ts';

export interface JobWait {
  readonly job: string;
  readonly what: string;
}

/** One clause for each open job, in order. `now` in milliseconds since 1970; without it no time is told. */
export const jobWaits = (run: RunState, now?: number): JobWait[] =>
  openJobs(run).map((job) => ({ job: job.id, what: waitOf(run, job, now) }));

/** What the run as a whole waits for, in one sentence. */
export function waitsFor(run: RunState, now?: number): string {
  const waits = jobWaits(run, now).map(({ what }) => what);
  if (isEnded(run)) {
    return waits.length === 0
      ? 'Nothing: the run has ended.'
      : `The run has ended, but something is not settled: ${waits.join('; ')}.`;
  }
  if (run.phase === 'waiting') return 'Waits for the run before it in its conversation.';
  return `Waits for ${waits.join('; ')}.`;
}

function waitOf(run: RunState, job: JobState, now: number | undefined): string {
  const what = shortName(job.method);
  const who = targetText(run, job);
  switch (job.phase) {
    case 'queued':
      if (job.target === 'device') return `the ${who} to take ${what}`;
      return `a worker that takes ${what}${requirements(job)}${tries(job)}`;
    case 'running':
      return `the ${who} to finish ${what}${tries(job)}`;
    case 'retrying':
      return `the next attempt of ${what}${now === undefined ? '' : ` in ${seconds(job.dueAt - now)}`} (the last one failed: ${job.lastFailure?.reason ?? 'unknown'})`;
    default:
      return `the ${who} to tell what became of ${what}, which was stopped (${job.cancelReason})`;
  }
}

function requirements(job: JobState): string {
  const labels = Object.entries(job.selector).map(([key, value]) => `${key}=${value}`);
  return [
    ...(labels.length > 0 ? [` with ${labels.join(', ')}`] : []),
    ...(job.recipients.length > 0 ? [`; its content may go to ${job.recipients.join(', ')} only`] : []),
  ].join('');
}

const tries = (job: JobState): string => (job.attempts > 1 ? ` (attempt ${job.attempts})` : '');

const seconds = (ms: number): string => `${Math.max(Math.ceil(ms / 1000), 0)} s`;

/** `bowline.capability.fs.v1.FsService/Read` -> `fs.Read`. */
function shortName(method: string): string {
  const [service = '', name = ''] = method.split('/');
  return `${service.split('.').at(-3) ?? service}.${name}`;
}
