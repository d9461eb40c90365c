// What a line of the ledger is about, in words.
import type { DayUse } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import { bytesText, countText, timeText } from './units.ts';

/** Fields of an ask in lines of the ledger. Journals of before the ask had its name call it a user event. */
const OF_ASK = /^(?:ask|user_event)\./;

/** The path; what left with an ask itself has none. */
export function egressName({ path, field }: Pick<Egress, 'path' | 'field'>): string {
  if (path !== '') return path;
  return OF_ASK.test(field) ? '(the ask)' : '(this device)';
}

/** What content is of, by the permission that it left under. */
export type EgressKind = 'file' | 'command' | 'server';
export const egressKind = ({ grant }: Pick<Egress, 'grant'>): EgressKind =>
  grant.startsWith('config:execute/') ? 'command' : grant.startsWith('config:lan/') ? 'server' : 'file';

/** `3 files, 1 command`; without any: `0 files`. */
export function kindsText(counts: Readonly<Record<EgressKind, number>>): string {
  const some = (['file', 'command', 'server'] as const).filter((kind) => counts[kind] > 0);
  return some.map((kind) => countText(counts[kind], kind)).join(', ') || countText(0, 'file');
}

/** What people read as one: lines of the ledger that differ only in their field. */
export interface EgressGroup {
  /** The newest line. */
  readonly entry: Egress;
  readonly entries: readonly Egress[];
  readonly fields: readonly string[];
  readonly bytes: bigint;
}

/** What the lines of a group have in common. Those that belong to no run are told apart by their time: each Hello is one. */
export function groupKey(entry: Egress): string {
  const time = entry.run === '' && entry.createTime ? `${entry.createTime.seconds}.${entry.createTime.nanos}` : '';
  return [entry.run, time, egressName(entry), entry.sensitivity, entry.grant, ...entry.recipients].join('\0');
}

/** Newest first, as they came. */
export function groupedEgress(entries: readonly Egress[]): EgressGroup[] {
  return [...Map.groupBy(entries, groupKey).values()].map((entries) => ({
    entry: entries[0] as Egress,
    entries,
    fields: [...new Set(entries.map(({ field }) => field))],
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0n),
  }));
}

/** How much content left today, of how much may; and whether that is nearly all. Undefined where the edge does not tell. */
export function todayText(today: DayUse | undefined): { text: string; nearlyFull: boolean } | undefined {
  if (!today) return undefined;
  const { bytes, limitBytes, endTime } = today;
  const nearlyFull = bytes * 10n >= limitBytes * 9n;
  const from = nearlyFull ? `; more may from ${timeText(endTime)} on (limits.egress_day_bytes in config.yaml)` : '';
  return {
    text: `content that counts for the day cap: ${bytesText(bytes)} of ${bytesText(limitBytes)}${from}`,
    nearlyFull,
  };
}

/** One line for each group, as `egress ls` has one row; a size that only the box knows is not told. */
export const egressLines = (entries: readonly Egress[]): string[] =>
  groupedEgress(entries).map(({ entry, bytes }) => {
    const size = bytes > 0n ? `  ${bytesText(bytes)}` : '';
    const to = entry.recipients.length > 0 ? `  to ${entry.recipients.join(', ')}` : '';
    return `  ${egressName(entry)}${size}${to}`;
  });
