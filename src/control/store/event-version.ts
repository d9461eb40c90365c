// Which kinds of stored events exist since which version, and what follows from it: a lease says the version of its replica, and a kind
// is written only while every live replica knows it. A new kind gets the next number here; a field of an old kind gets none, unless
// whoever does not know it reads the event wrongly.
import type { ConversationEvent, RunEvent } from '../../../gen/bowline/event/v1/event_pb.ts';

type Kind = NonNullable<RunEvent['event']['case'] | ConversationEvent['event']['case']>;

/** A job about which the owner of its device must be asked: whoever does not know that would send it as if they need not be. */
export const CONFIRMED_JOB = 'jobQueued with confirm';

/** 0 is from before leases had a version. */
const SINCE: Readonly<Record<Kind | typeof CONFIRMED_JOB, number>> = {
  accepted: 0,
  started: 0,
  jobQueued: 0,
  attemptStarted: 0,
  attemptLost: 0,
  attemptFailed: 0,
  attemptDue: 0,
  jobFinished: 0,
  jobCancelling: 0,
  jobCancelled: 0,
  lateResult: 0,
  cancelRequested: 0,
  ended: 0,
  jobReceived: 0,
  kept: 5,
  jobHeld: 3,
  jobReleased: 3,
  escalated: 5,
  [CONFIRMED_JOB]: 3,
  enqueued: 0,
  turnTaken: 0,
  turnEnded: 0,
};

/** Since when a job may be queued with a nonce: whoever does not know it makes other dispatch ids. */
const NONCES_SINCE = 2;

/** Since when commits reserve in budgets: whoever does not know them spends past them. */
export const BUDGETS_SINCE = 4;

/** Since when a large event may lie in the blob store. */
export const KEPT_SINCE = SINCE.kept;

/** What this build knows. */
export const EVENT_VERSION = Math.max(NONCES_SINCE, BUDGETS_SINCE, ...Object.values(SINCE));

/** The version that every live replica must have before events of these kinds are written. */
export function versionNeeded(kinds: Iterable<string>, since: Readonly<Record<string, number>> = SINCE): number {
  let needed = 0;
  for (const kind of kinds) needed = Math.max(needed, since[kind] ?? EVENT_VERSION);
  return needed;
}
