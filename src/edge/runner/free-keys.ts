// Refusals that leave their key free: nothing happened, and why may pass. The key begins anew; the attempt that was refused never
// runs, however often and late it comes, because its caller was told so. Folded from the journal where that had room for it.

import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from '../journal/records.ts';

/** Attempts that are remembered; the oldest go first. One comes again only from a session that ended while its answer was on the way. */
const MAX_ATTEMPTS = 1024;

/** What a tool throws only before it has changed anything. */
const NOTHING_DONE: ReadonlySet<string> = new Set(['EDGE_BUSY', 'DISK_FULL', 'FILE_CHANGED', 'APPROVAL_CHANGED']);

/** Whether an effect that ended like this, and said nothing before, has not happened. */
export const isUndone = ({ reason }: Failure): boolean => NOTHING_DONE.has(reason);

interface Attempt {
  readonly job: string;
  readonly epoch: bigint;
}

export class RefusedAttempts implements Fold {
  readonly #refused = new Map<string, Failure>();

  /** Why this attempt was refused; undefined when it was not. */
  get(attempt: Attempt): Failure | undefined {
    return this.#refused.get(nameOf(attempt));
  }

  add(attempt: Attempt, failure: Failure): void {
    this.#refused.set(nameOf(attempt), failure);
    dropOldest(this.#refused, MAX_ATTEMPTS);
  }

  apply({ record }: Entry): void {
    if (record.case === 'toolRefused') {
      const { job, freeEpoch: epoch, failure } = record.value;
      if (epoch > 0n && failure) this.add({ job, epoch }, failure);
    } else if (record.case === 'toolOutcome') {
      const { job, result, failure } = record.value;
      // Of what never began no attempt is spent.
      if (result?.keyFree && result.epoch > 0n && failure) this.add({ job, epoch: result.epoch }, failure);
    }
  }
}

const nameOf = ({ job, epoch }: Attempt): string => `${job}-${epoch}`;
