// What a commit starts and ends besides its events: outbox rows, timers, projections. Derived from the state before and
// after and from nothing else, so that no decision can forget one.
import { dispatchId } from '../../../base/ids.ts';
import type { JobRow, OutboxRow, RunRow, TimerRow } from '../../store/unit.ts';
import { packageOf } from '../run/method-names.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import { jobTimers, type OpenTimer, runTimer } from './open-timers.ts';
import { jobRow, runRow } from './projection.ts';

/** `reason` of a row whose job is unwanted: it must not be sent (again), only stopped. Its state is `waiting`. */
export const CANCELLING = 'cancelling';

/** Seconds of waiting that a job has in advance in the line of its tenant: what has begun is finished first. */
const BEGUN = 86_400;
/** Seconds for which it goes only where nothing else waits. */
const BACKGROUND = 120;

/** Nobody waits for a summary; whoever waits for what has failed before waits anyway. */
const priorityOf = ({ role, step, failures }: FoldedJob): number =>
  role === 'summary' ? -BACKGROUND : (step > 0 ? BEGUN : 0) - (failures > 0 ? BACKGROUND : 0);

export interface Effects {
  readonly outbox: readonly OutboxRow[];
  readonly outboxDone: readonly string[];
  readonly timers: readonly TimerRow[];
  readonly timersDone: readonly string[];
  readonly runs: readonly RunRow[];
  readonly jobs: readonly JobRow[];
}

/** The row of a job's outstanding dispatch; undefined when nothing is outstanding. */
export function dispatchOf(run: FoldedRun, job: FoldedJob): OutboxRow | undefined {
  if (job.phase !== 'queued' && job.phase !== 'running' && job.phase !== 'cancelling') return undefined;
  const tier = Number(job.selector.tier ?? 0);
  return {
    dispatchId: dispatchId(job.id, job.epoch, job.nonce),
    run: run.id,
    job: job.id,
    epoch: job.epoch,
    capability: packageOf(job.method),
    tier: tier === 1 || tier === 2 ? tier : 0,
    target: job.target,
    ...(job.target === 'device' ? { device: job.device } : {}),
    selector: job.selector,
    recipients: job.recipients,
    slots: job.slots,
    priority: priorityOf(job),
    ...(job.phase === 'cancelling' ? { state: 'waiting', reason: CANCELLING } : { state: 'ready' }),
  };
}

/** What changes with the step from `before` to `after`. `at` is the time of the command in milliseconds since 1970. */
export function effects(before: FoldedRun | undefined, after: FoldedRun, at: number): Effects {
  const outbox: OutboxRow[] = [];
  const outboxDone: string[] = [];
  const timers: TimerRow[] = [];
  const timersDone: string[] = [];
  const jobs: JobRow[] = [];
  const ring = (was: readonly OpenTimer[], now: readonly OpenTimer[]) => {
    for (const { id, kind, dueAt } of now) {
      if (was.some((each) => each.id === id && each.dueAt === dueAt)) continue;
      timers.push({ id, stream: after.id, kind, dueInMs: Math.max(dueAt - at, 0) });
    }
    for (const { id } of was) if (!now.some((each) => each.id === id)) timersDone.push(id);
  };
  for (const job of after.jobs.values()) {
    const was = before?.jobs.get(job.id);
    if (was === job) continue;
    jobs.push(jobRow(after, job));
    const old = before && was && dispatchOf(before, was);
    const open = dispatchOf(after, job);
    if (open && (open.dispatchId !== old?.dispatchId || open.state !== old.state)) outbox.push(open);
    if (old && old.dispatchId !== open?.dispatchId) outboxDone.push(old.dispatchId);
    ring(was ? jobTimers(was) : [], jobTimers(job));
  }
  const own = before && runTimer(before);
  const next = runTimer(after);
  ring(own ? [own] : [], next ? [next] : []);
  return { outbox, outboxDone, timers, timersDone, jobs, runs: shows(before, after) ? [runRow(after)] : [] };
}

/** Whether the row of the run says something else than before; its jobs have rows of their own. */
const shows = (before: FoldedRun | undefined, after: FoldedRun): boolean =>
  before?.phase !== after.phase || (after.endedAt !== undefined && before.jobs !== after.jobs);
