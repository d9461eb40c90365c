// Which exit code a run means.
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { EXIT } from '../base/status-codes.ts';

/** The exit code of a run in this state; a run that is still open counts as queued. */
export function exitOfRun(state: RunState): number {
  switch (state) {
    case RunState.ANSWERED:
      return EXIT.answered;
    case RunState.REFUSED:
      return EXIT.refused;
    case RunState.TIMED_OUT:
      return EXIT.timedOut;
    case RunState.WAITING:
    case RunState.RUNNING:
      return EXIT.queued;
    default:
      return EXIT.failed;
  }
}
