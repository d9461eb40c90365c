// Whether an unwanted or lost attempt may have changed the world. Pure; everything unstated is read in the strict way.
import { Effect } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { isHarmless } from '../../../contract/policy.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import type { FoldedJob } from '../run/state.ts';

/**
 * True when the job's effect may have happened although no result is there, so that it can only be told by its holder. On a
 * worker an effect needs a committed AttemptStarted; a device may have got the call even when it never said so.
 */
export function mayHaveHappened(job: FoldedJob, methods: MethodRegistry): boolean {
  if (job.phase === 'retrying') return false;
  const method = methods.byFullName(job.method);
  const effect = method?.effect ?? Effect.UNSPECIFIED;
  if (isHarmless(effect)) return false;
  if (job.target === 'worker') return job.phase !== 'queued' && !method?.idempotent;
  return effect !== Effect.NETWORK || !method?.idempotent;
}

/** Whether a failed attempt may be followed by another one: the method changes nothing, or twice is as good as once. */
export function mayRepeat(job: FoldedJob, methods: MethodRegistry): boolean {
  const method = methods.byFullName(job.method);
  if (!method) return false;
  if (isHarmless(method.effect)) return true;
  // A device answers a settled key with the same outcome again, so repeating it there changes nothing.
  return job.target === 'worker' && method.idempotent;
}
