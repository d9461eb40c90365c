// With what a call or a verb ends: gRPC status codes, and the exit codes made from them.

/** gRPC status names in the spelling of Connect. */
export type Code =
  | 'canceled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** Exit codes of every verb. */
export const EXIT = {
  answered: 0,
  usage: 2,
  approval: 3,
  queued: 4,
  refused: 5,
  failed: 6,
  timedOut: 7,
  /** Some of what was asked for was done; the rest is named. */
  partial: 8,
} as const;

/** Exit code of a verb that ended with this gRPC code. */
export function exitOf(code: Code): number {
  switch (code) {
    case 'invalid_argument':
    case 'out_of_range':
      return EXIT.usage;
    case 'permission_denied':
    case 'unauthenticated':
    case 'resource_exhausted':
      return EXIT.refused;
    case 'deadline_exceeded':
      return EXIT.timedOut;
    default:
      return EXIT.failed;
  }
}
