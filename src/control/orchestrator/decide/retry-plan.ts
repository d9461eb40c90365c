// What a person's retry of a job would do, and why it would do nothing. Pure. It never makes an effect happen twice: what may have happened
// and is not harmless when repeated is refused.
import { Effect } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { isHarmless } from '../../../contract/policy.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { type FoldedJob, type FoldedRun, isEnded } from '../run/state.ts';

/** now: the attempt that it waits for begins. again: its run is begun once more, as a new one. */
export type RetryPlan = { readonly how: 'now' | 'again' } | { readonly whyNot: string };

export function retryPlan(run: FoldedRun, job: FoldedJob, methods: MethodRegistry): RetryPlan {
  if (job.phase === 'retrying') return { how: 'now' };
  if (!isEnded(run)) {
    return job.endedAt === undefined
      ? { whyNot: 'it is under way' }
      : { whyNot: 'its run goes on without it; wait until that has ended, or cancel it' };
  }
  if (job.phase === 'done') return { whyNot: 'it is done' };
  if (job.role === 'summary') return { whyNot: 'the conversation is summed up after a later turn' };
  if (run.kind === 'ask' && run.requestDigest.length === 0)
    return { whyNot: 'a box asked it, with grants that only its owner can give again; ask it there again' };
  const twice = [...run.jobs.values()].find((each) => mayDouble(each, methods));
  if (!twice) return { how: 'again' };
  const name = twice.method.slice(twice.method.lastIndexOf('.') + 1);
  return { whyNot: `it would be done twice: whether ${name} (${twice.id}) happened already ${knownText(twice)}` };
}

const knownText = (job: FoldedJob): string =>
  job.phase === 'done' ? 'is known, and it did' : 'cannot be told; look at its target first';

/** Whether a run that is begun anew may repeat an effect of this job. */
function mayDouble(job: FoldedJob, methods: MethodRegistry): boolean {
  if (job.result?.result.case === 'neverStarted') return false;
  const method = methods.byFullName(job.method);
  const effect = method?.effect ?? Effect.UNSPECIFIED;
  return !isHarmless(effect) && !method?.idempotent;
}
