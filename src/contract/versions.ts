// Session protocol versions. The newest this build speaks, and the oldest it still serves.
import type { VersionRange } from '../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../base/errors.ts';

/** N-1 versions stay served; this is the first, so both ends are 1. */
export const SESSION_VERSIONS = { min: 1, max: 1 } as const;

/** The highest version that both speak. Throws VERSION_UNSUPPORTED when there is none. */
export function negotiate(
  theirs: VersionRange | undefined,
  ours: { min: number; max: number } = SESSION_VERSIONS,
): number {
  const highest = Math.min(theirs?.max ?? 0, ours.max);
  if (theirs && theirs.min <= theirs.max && highest >= Math.max(theirs.min, ours.min)) return highest;
  throw new AppError('VERSION_UNSUPPORTED', {
    theirs: `${theirs?.min ?? 0}-${theirs?.max ?? 0}`,
    ours: `${ours.min}-${ours.max}`,
  });
}
