// Whether the idempotency key of a direct call begins anew: only when it is certain that nothing happened under it (or that twice is
// as good as once), and when why may pass. Everything else is the answer of the key for ever. Pure.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { mayPass } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { type FoldedRun, isEnded, isOpen } from '../run/state.ts';
import { mayRepeat } from './uncertain.ts';

export function keyIsFree(run: FoldedRun, methods: MethodRegistry): boolean {
  const [job] = run.jobs.values();
  // What its owner cancelled is not to happen, whoever asks for it again.
  if (run.kind !== 'call' || !isEnded(run) || run.cancelledBy !== '' || !job || isOpen(job)) return false;
  const { result } = job;
  // It was stopped before anyone had it, by its deadline.
  if (!result) return job.phase === 'cancelled' && passed(run.outcome?.failure);
  switch (result.result.case) {
    case 'neverStarted':
      return result.keyFree;
    case 'failure':
      return passed(result.result.value) && mayRepeat(job, methods);
    default:
      return false;
  }
}

const passed = (failure: Failure | undefined): boolean => failure !== undefined && mayPass(failure);
