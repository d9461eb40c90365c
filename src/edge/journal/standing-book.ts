// Which standing grants are live: that documents left this box for a collection. Folded from the journal, so that they outlive
// the process; what ended never comes back.

import type { GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';

/** Ended grants that are remembered, because a checkpoint that was being made meanwhile may still list them. */
const MOST_ENDED = 4096;

export class StandingBook implements Fold {
  readonly #live = new Map<string, GrantMinted>();
  readonly #ended = new Set<string>();

  /** Oldest first. */
  list(): GrantMinted[] {
    return [...this.#live.values()];
  }

  get(id: string): GrantMinted | undefined {
    return this.#live.get(id);
  }

  apply({ record }: Entry): void {
    if (record.case === 'grantMinted') this.#add(record.value);
    else if (record.case === 'grantEnded') this.#end(record.value.id);
    else if (record.case === 'checkpoint') for (const grant of record.value.standing) this.#add(grant);
  }

  #add(grant: GrantMinted): void {
    if (grant.collection !== '' && !this.#ended.has(grant.id)) this.#live.set(grant.id, grant);
  }

  #end(id: string): void {
    this.#live.delete(id);
    this.#ended.add(id);
    dropOldest(this.#ended, MOST_ENDED);
  }
}
