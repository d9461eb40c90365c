// Which keys of the owner on other machines may answer. Folded from the journal, so that nothing else makes one; what was removed never
// comes back.

import type { OwnerAdded } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';

/** Keys at once. */
export const MOST_OWNERS = 16;
/** Removed keys that are remembered, because a checkpoint that was being made meanwhile may still list them. */
const MOST_REMOVED = 1024;
/** Removed keys that are told so anew after a start. */
const MOST_TOLD = 16;

export class OwnerBook implements Fold {
  readonly #owners = new Map<string, OwnerAdded>();
  /** By id; undefined where it was added before all that the journal has now. */
  readonly #removed = new Map<string, OwnerAdded | undefined>();

  /** Oldest first. */
  list(): OwnerAdded[] {
    return [...this.#owners.values()];
  }

  get(id: string): OwnerAdded | undefined {
    return this.#owners.get(id);
  }

  /** Those removed last, as far as the journal has them. */
  removed(): OwnerAdded[] {
    return [...this.#removed.values()].filter((owner) => owner !== undefined).slice(-MOST_TOLD);
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
    this.#removed.set(id, this.#owners.get(id));
    this.#owners.delete(id);
    dropOldest(this.#removed, MOST_REMOVED);
  }
}
