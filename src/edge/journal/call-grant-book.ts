// Which lasting grants hold, and how many calls began under each. Folded from the journal, so that a use that was written before a crash
// counts after it, whatever became of the call; what ended never comes back.

import { create } from '@bufbuild/protobuf';
import type { CallGrant } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  type GrantEndReason,
  type KeptCallGrant,
  KeptCallGrantSchema,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';

/** Grants that are remembered when they have ended, or are named before a checkpoint tells of them. */
const MOST_REMEMBERED = 4096;

/** Uses up to a sequence, and those after it one by one: a checkpoint tells the former, and records that follow the latter. */
interface Uses {
  readonly base: number;
  readonly through: number;
  readonly after: readonly number[];
}

const NONE: Uses = { base: 0, through: 0, after: [] };

export class CallGrantBook implements Fold {
  readonly #live = new Map<string, CallGrant>();
  readonly #uses = new Map<string, Uses>();
  readonly #ended = new Map<string, { readonly why: GrantEndReason; readonly grant: CallGrant | undefined }>();
  #made = 0;

  /** Oldest first. */
  list(): CallGrant[] {
    return [...this.#live.values()];
  }

  get(id: string): CallGrant | undefined {
    return this.#live.get(id);
  }

  /** Why it ended; undefined for one that holds and one that is not known. */
  endOf(id: string): GrantEndReason | undefined {
    return this.#ended.get(id)?.why;
  }

  /** Also one that ended and is remembered. */
  known(id: string): CallGrant | undefined {
    return this.#live.get(id) ?? this.#ended.get(id)?.grant;
  }

  /** Calls that began under it. */
  used(id: string): number {
    const { base, after } = this.#uses.get(id) ?? NONE;
    return base + after.length;
  }

  /** Grows with each grant that is made. */
  get made(): number {
    return this.#made;
  }

  /** What a checkpoint of all up to this sequence must keep. */
  kept(sequence: number): KeptCallGrant[] {
    return this.list().map((grant) => {
      const { base, after } = this.#uses.get(grant.id) ?? NONE;
      return create(KeptCallGrantSchema, { grant, used: base + after.filter((at) => at <= sequence).length });
    });
  }

  apply({ sequence, record }: Entry): void {
    if (record.case === 'callGrantMinted') this.#add(record.value.grant);
    else if (record.case === 'grantEnded') this.#end(record.value.id, record.value.why);
    else if (record.case === 'intent') for (const id of record.value.grants) this.#use(id, sequence);
    if (record.case !== 'checkpoint') return;
    for (const { grant, used } of record.value.callGrants) {
      this.#add(grant);
      if (grant) this.#restore(grant.id, used, Number(record.value.sequence));
    }
  }

  #add(grant: CallGrant | undefined): void {
    if (!grant || this.#ended.has(grant.id) || this.#live.has(grant.id)) return;
    this.#live.set(grant.id, grant);
    this.#made++;
  }

  #end(id: string, why: GrantEndReason): void {
    this.#ended.set(id, { why, grant: this.#live.get(id) });
    this.#live.delete(id);
    dropOldest(this.#ended, MOST_REMEMBERED);
  }

  #use(id: string, sequence: number): void {
    const known = this.#uses.get(id) ?? NONE;
    if (sequence <= known.through) return;
    this.#uses.delete(id);
    this.#uses.set(id, { ...known, after: [...known.after, sequence] });
    const old = this.#uses.size > MOST_REMEMBERED && [...this.#uses.keys()].find((one) => !this.#live.has(one));
    if (old) this.#uses.delete(old);
  }

  #restore(id: string, used: number, through: number): void {
    const known = this.#uses.get(id) ?? NONE;
    if (through <= known.through) return;
    this.#uses.set(id, { base: used, through, after: known.after.filter((at) => at > through) });
  }
}
