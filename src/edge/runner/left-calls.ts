// What an earlier start left without an outcome is given one, before anything else begins.
import type { Blobs } from '../journal/blobs.ts';
import type { CallEntry } from '../journal/call-book.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { CommitEnd } from '../tools/shell/preview/left-commits.ts';
import type { InHand } from './in-hand.ts';
import { leftRecord, notBegunRecord } from './outcome-records.ts';

export interface LeftCallsParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'calls'>;
  readonly blobs: Pick<Blobs, 'keep'>;
  readonly bootId: string;
  readonly inHand: Pick<InHand, 'left'>;
  /** What the start found on the disk of calls that had begun, by their keys. */
  readonly commitEnds: ReadonlyMap<string, CommitEnd>;
}

/**
 * An effect that had an intent is unknown, unless the disk says that all of it was done, or nothing. Of that, and of what had no intent, a
 * READ or an effect that never began, the key is free, and the end is counted against the request, because it may be what ended that
 * start. Returns how many are unknown and how many free.
 */
export async function settleLeftCalls({
  journal,
  blobs,
  bootId,
  inHand,
  commitEnds,
}: LeftCallsParts): Promise<{ readonly unknown: number; readonly free: number }> {
  const { calls } = journal;
  calls.pullDropped();
  await blobs.keep(calls.blobs());
  const orphans = calls.orphans(bootId);
  const count = { unknown: 0, done: 0, undone: 0 };
  for (const orphan of orphans) {
    const end = commitEnds.get(orphan.key);
    await journal.append([leftRecord(orphan, end)], { ending: true });
    count[end ?? 'unknown']++;
  }
  // A call that stood in two places came to one end.
  const inHandByKey = new Map(inHand.left.map((call) => [call.idempotencyKey, call]));
  const left = [...inHandByKey.values()].filter(({ idempotencyKey }) => {
    const known = calls.get(idempotencyKey);
    return !known || isRead(known);
  });
  if (left.length > 0) await journal.append(left.map(notBegunRecord), { ending: true });
  return { unknown: count.unknown, free: count.undone + left.length };
}

/** Nobody can tell any more whether it happened. */
export async function declareUnknown(journal: Pick<EdgeJournal, 'append'>, entry: CallEntry): Promise<void> {
  await journal.append([leftRecord(entry, undefined)], { ending: true });
}

/** An outcome without an intent: nothing changed, so it is run again instead of repeated. */
export const isRead = (entry: CallEntry): boolean => entry.state === 'done' && !entry.effect;
