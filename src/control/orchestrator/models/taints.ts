// The two taints of a run: PRIVATE (content of a device or a collection) and UNTRUSTED (bytes that somebody else wrote). What
// a result brings is decided once and recorded; here is also what counts at a step. Pure; what a taint forbids is judged in
// taint-verdict.ts.
import type { JobFinished } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { Sensitivity, Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { isOwnMethod, taintsOf } from '../../../contract/policy.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';

const ALL: readonly Taint[] = [Taint.PRIVATE, Taint.UNTRUSTED];

/**
 * What the result of a job brings into its run, as it is recorded: TAINT_NONE alone for nothing. A model turn brings nothing of
 * its own. The error of a worker may quote what it read, so it counts as its result; that of a device is a fixed text.
 */
export function taintsOfResult(
  job: FoldedJob,
  result: JobFinished['result'],
  egress: readonly Egress[],
  methods: MethodRegistry,
): Taint[] {
  if (job.role === 'turn' || job.role === 'summary') return [];
  const found = new Set<Taint>();
  const told = result.case === 'done' || (job.target === 'worker' && result.case !== 'neverStarted');
  if (told) for (const each of statedOf(job, methods)) found.add(each);
  // Names are the owner's too: which files there are, and which of them match, is what was read.
  if (egress.some(({ sensitivity }) => sensitivity !== Sensitivity.METADATA)) found.add(Taint.PRIVATE);
  found.delete(Taint.NONE);
  return found.size > 0 ? [...found] : [Taint.NONE];
}

function statedOf(job: FoldedJob, methods: MethodRegistry): readonly Taint[] {
  const method = methods.byFullName(job.method);
  const stated = method ? taintsOf(method.desc).filter((each) => each !== Taint.UNSPECIFIED) : [];
  // What a plugin's contract says of itself is a claim: it may add, and only its owner's word takes away.
  if (!isOwnMethod(job.method)) return method?.plugin?.trusted ? stated : [...stated, Taint.UNTRUSTED];
  // Whatever a device answers (a size, a kind, that there is such a file) is told of the owner's things.
  if (job.target === 'device' && stated.length === 0) return ALL;
  return stated;
}

/** What the recorded result of a job brought. One of a device from before taints were recorded brought all. */
function broughtBy(job: FoldedJob): readonly Taint[] {
  const { result } = job;
  if (!result) return [];
  if (result.taints.length > 0) return result.taints;
  return job.role === 'tool' && job.target === 'device' && result.result.case === 'done' ? ALL : [];
}

/** Everything that a run was tainted by so far. */
export function taintsOfRun(run: FoldedRun): Taint[] {
  const found = new Set(run.brought);
  for (const job of run.jobs.values()) for (const each of broughtBy(job)) found.add(each);
  return ALL.filter((each) => found.has(each));
}

/**
 * Where a taint came from before the tool calls of a step, in words; undefined when it was not there. What tool calls of the
 * step itself bring does not count: they are independent, and a verdict stays the same when it is made again later.
 */
export function taintOrigin(run: FoldedRun, step: number, taint: Taint): string | undefined {
  if (run.brought.includes(taint)) return 'in the turns before';
  for (const job of run.jobs.values()) {
    if (isBefore(run, job, step) && broughtBy(job).includes(taint)) return `by ${job.toolName || job.method}`;
  }
  return undefined;
}

function isBefore(run: FoldedRun, job: FoldedJob, step: number): boolean {
  if (job.step !== step) return job.step < step;
  let at: FoldedJob | undefined = job;
  while (at?.parent) at = run.jobs.get(at.parent.job);
  return at?.role === 'retrieval' || at?.role === 'turn';
}
