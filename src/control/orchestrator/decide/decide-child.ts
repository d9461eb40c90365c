// Jobs that handlers of other jobs call: whether a call is taken, and that no child outlives the attempt that made it. Pure,
// part of `decide`.
import { JobRole, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import { jobId } from '../../../base/ids.ts';
import { mayCallOf } from '../../../contract/policy.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { nextIndex } from '../models/steps.ts';
import { MAX_CHILDREN } from '../run/limits.ts';
import { metMoney } from '../run/money.ts';
import { askedOfSearch } from '../run/run-recipients.ts';
import { type FoldedJob, type FoldedRun, isOpen, openJobs } from '../run/state.ts';
import type { DecisionDraft } from './draft.ts';
import type { ChildCallCommand } from './run-commands.ts';

/** The job that was made for a call; undefined when it was never taken. */
export function childOf(run: FoldedRun, { job, epoch, number }: Call): FoldedJob | undefined {
  for (const each of run.jobs.values()) {
    const { parent } = each;
    if (parent?.job === job && parent.epoch === epoch && parent.number === number) return each;
  }
  return undefined;
}

type Call = Pick<ChildCallCommand, 'job' | 'epoch' | 'number'>;

/** Why a call is not taken; undefined when it is, or was. */
export function childRefusal(run: FoldedRun, call: ChildCallCommand, methods: MethodRegistry): AppError | undefined {
  if (childOf(run, call)) return undefined;
  const parent = run.jobs.get(call.job);
  const refused = (why: string) => new AppError('CHILD_REFUSED', { method: call.method.slice(0, 256), why });
  if (!parent || !isAtWork(parent) || parent.epoch !== call.epoch) return refused('the calling attempt is over');
  const caller = methods.byFullName(parent.method);
  if (!caller || !mayCallOf(caller.desc).includes(call.method)) {
    return refused(`the contract of ${caller?.shortName ?? 'the calling method'} does not name it`);
  }
  if (!methods.byFullName(call.method)) return refused('it is not known here');
  const { maxDepth } = run.limits;
  if (depthOf(run, parent) >= maxDepth) {
    return fixedLimit('how deep jobs call jobs', maxDepth, 'call from a job further up');
  }
  let children = 0;
  for (const { role } of run.jobs.values()) if (role === 'child') children++;
  if (children >= MAX_CHILDREN) {
    return fixedLimit('the number of calls of jobs in one run', MAX_CHILDREN, 'ask for less in one run');
  }
  return metMoney(run);
}

export function decideChild(draft: DecisionDraft, call: ChildCallCommand): void {
  const { run, methods } = draft;
  if (childOf(run, call) || childRefusal(run, call, methods)) return;
  const parent = run.jobs.get(call.job)!;
  const id = jobId(run.id, parent.step, nextIndex(run, parent.step));
  draft.queue({
    job: id,
    role: JobRole.CHILD,
    method: call.method,
    target: TargetKind.WORKER,
    params: call.params,
    idempotencyKey: id,
    selector: { ...call.selector },
    recipients: [...(parent.role === 'retrieval' ? askedOfSearch(run) : parent.recipients)],
    parent: parent.id,
    parentEpoch: BigInt(call.epoch),
    callNumber: call.number,
    slots: methods.byFullName(call.method)?.slots ?? 1,
  });
}

/** Open children whose attempt is over. */
export const orphans = (run: FoldedRun): FoldedJob[] =>
  openJobs(run).filter(({ parent }) => {
    const caller = parent && run.jobs.get(parent.job);
    return parent !== undefined && (!caller || !isAtWork(caller) || caller.epoch !== parent.epoch);
  });

/** Whether an attempt of it may be running. */
const isAtWork = (job: FoldedJob): boolean => isOpen(job) && job.phase !== 'retrying' && job.phase !== 'cancelling';

function depthOf(run: FoldedRun, job: FoldedJob): number {
  let depth = 0;
  for (let at = job; at.parent; depth++) {
    const caller = run.jobs.get(at.parent.job);
    if (!caller) break;
    at = caller;
  }
  return depth;
}
