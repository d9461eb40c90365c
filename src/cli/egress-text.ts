// What a line of the ledger is about, in words.
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';

/** Fields of an ask in lines of the ledger. Journals of before the ask had its name call it a user event. */
const OF_ASK = /^(?:ask|user_event)\./;

/** The path; what left with an ask itself has none. */
export function egressName({ path, field }: Pick<Egress, 'path' | 'field'>): string {
  if (path !== '') return path;
  return OF_ASK.test(field) ? '(the ask)' : '(this device)';
}

/** Lines of the ledger that differ only in their field, as one: what people read. Newest first, as they came. */
export function groupedEgress(entries: readonly Egress[]): { entry: Egress; fields: string[]; bytes: bigint }[] {
  const groups = new Map<string, { entry: Egress; fields: string[]; bytes: bigint }>();
  for (const entry of entries) {
    const key = [entry.run, egressName(entry), entry.sensitivity, entry.grant, ...entry.recipients].join('\0');
    const group = groups.get(key) ?? { entry, fields: [], bytes: 0n };
    groups.set(key, group);
    if (!group.fields.includes(entry.field)) group.fields.push(entry.field);
    group.bytes += entry.bytes;
  }
  return [...groups.values()];
}
