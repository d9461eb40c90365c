// When a run was asked. The control plane knows when it took it; an ask that waited on its box was asked before. Pure.
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';

/** A clock that was never set is further off. */
const LONGEST_MS = 31 * 24 * 3_600_000;

/** As the run's id says, which was made with the ask and has its time; where that cannot be, when the run was taken. */
export function askedTime({
  id,
  createTime,
}: {
  readonly id: string;
  readonly createTime?: Timestamp | undefined;
}): Timestamp | undefined {
  const [, high = '', low = ''] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(id) ?? [];
  if (!createTime || high === '') return createTime;
  const asked = Number.parseInt(high + low, 16);
  const waited = timestampMs(createTime) - asked;
  return waited > 0 && waited <= LONGEST_MS ? timestampFromMs(asked) : createTime;
}

/** Whether it waited for so long that both times are of interest. */
export const waitedOnBox = (run: Parameters<typeof askedTime>[0]): boolean => {
  const asked = askedTime(run);
  return (
    asked !== undefined && run.createTime !== undefined && timestampMs(run.createTime) - timestampMs(asked) >= 10_000
  );
};
