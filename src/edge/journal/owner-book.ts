// Which keys of the owner on other machines may answer. Folded from the journal, so that nothing else makes one; what was removed never
// comes back.

import type { OwnerAdded } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';

/** Keys at once. */
export const MOST_OWNERS = 16;
/** Removed keys that are remembered, because a checkpoint that was being made meanwhile may still list them. */
const MOST_REMOVED = 1024;

export class OwnerBook implements Fold {
  readonly #owners = new Map<string, OwnerAdded>();
  readonly #removed = new Set<string>();

  /** Oldest first. */
  list(): OwnerAdded[] {
    return [...this.#owners.values()];
  }

  get(id: string): OwnerAdded | undefined {
    return this.#owners.get(id);
  }

  apply({ record }: Entry): void {
    if (record.case === 'ownerAdded') this.#add(record.value);
    else if (record.case === 'ownerRemoved') this.#remove(record.value.id);
    else if (record.case === 'checkpoint')
      for (const owner of record.value.owners) if (!this.#removed.has(owner.id)) this.#add(owner);
  }

  #add(owner: OwnerAdded): void {
    this.#removed.delete(owner.id);
    this.#owners.set(owner.id, owner);
  }

  #remove(id: string): void {
    this.#owners.delete(id);
    this.#removed.add(id);
    dropOldest(this.#removed, MOST_REMOVED);
  }
}
