// The attempts of one job, read from the events of its run. Pure.
import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';

export interface AttemptOfJob {
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly beginsAt: number;
  readonly endsAt?: number;
  readonly target?: string;
  readonly failure?: Failure;
  /** Why its holder counts as lost. */
  readonly lost?: string;
  /** How long the next one had to wait. */
  readonly delayMs?: number;
}

export function attemptsOf(events: readonly RunEvent[], job: string): AttemptOfJob[] {
  const attempts: AttemptOfJob[] = [];
  const end = (more: Omit<AttemptOfJob, 'epoch' | 'beginsAt'>) => {
    const last = attempts.pop();
    if (last) attempts.push({ ...last, ...more });
  };
  for (const { event, eventTime } of events) {
    const at = eventTime ? timestampMs(eventTime) : 0;
    if (event.case === undefined || !('job' in event.value) || event.value.job !== job) continue;
    switch (event.case) {
      case 'jobQueued':
      case 'attemptDue':
        attempts.push({ epoch: Number(event.value.epoch), beginsAt: at });
        break;
      case 'attemptStarted':
        end({ target: event.value.targetName });
        break;
      case 'attemptLost':
        end({ endsAt: at, lost: event.value.why });
        attempts.push({ epoch: Number(event.value.nextEpoch), beginsAt: at });
        break;
      case 'attemptFailed': {
        const { failure, delay } = event.value;
        end({ endsAt: at, ...(failure ? { failure } : {}), ...(delay ? { delayMs: durationMs(delay) } : {}) });
        break;
      }
      case 'jobFinished': {
        const { result, targetName } = event.value;
        const failure = result.case === 'done' || result.case === undefined ? undefined : result.value;
        end({ endsAt: at, ...(targetName ? { target: targetName } : {}), ...(failure ? { failure } : {}) });
        break;
      }
      case 'jobCancelled':
        end({ endsAt: at });
        break;
    }
  }
  return attempts;
}
