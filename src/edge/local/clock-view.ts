// What the owner is told of the clocks.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type EdgeClock, EdgeClockSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { toFailure } from '../../contract/errors.ts';
import type { EdgeTime } from '../time/edge-time.ts';

/** Why the clock of this machine is doubted, as an error with its remedy; undefined when it is not. */
export function clockDoubt(time: Pick<EdgeTime, 'doubt'>): AppError | undefined {
  const doubt = time.doubt();
  if (!doubt) return undefined;
  const off = `${spanText(Math.abs(doubt.aheadMs))} ${doubt.aheadMs > 0 ? 'ahead of' : 'behind'}`;
  const what = doubt.by === 'control' ? 'the control plane' : 'the newest record of the journal';
  return new AppError('CLOCK_DOUBTED', { off, what });
}

export function clockView(time: EdgeTime): EdgeClock {
  const control = time.control();
  const doubt = clockDoubt(time);
  return create(EdgeClockSchema, {
    edgeTime: timestampFromMs(time.now()),
    machineTime: timestampFromMs(time.machine()),
    ...(control !== undefined && { controlTime: timestampFromMs(control) }),
    ...(doubt && { doubt: toFailure(doubt) }),
  });
}

function spanText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
