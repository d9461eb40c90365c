// Whether the journal that a device shows is the one that was anchored. Pure.
import type { JournalPosition } from '../../../gen/bowline/record/v1/record_pb.ts';
import type { JournalAnchor } from '../identity/devices.ts';

/**
 * fork: it is behind, or different at the anchor: a clone or a restored backup. proven: it holds the anchor, so its head
 * becomes the next one. unproven: the device does not know the anchor, because a Welcome or an acknowledgement was lost: it is
 * told that one again, and is not served until it has proven that it holds it.
 */
export type JournalVerdict = 'fork' | 'proven' | 'unproven';

export function judgeJournal(anchor: JournalAnchor | null, shown: JournalPosition): JournalVerdict {
  if (!anchor) return 'proven';
  const sequence = Number(shown.sequence);
  if (shown.journalId !== anchor.id || sequence < anchor.sequence) return 'fork';
  if (sequence === anchor.sequence) return same(shown.headSha256, anchor.head) ? 'proven' : 'fork';
  if (Number(shown.anchoredSequence) !== anchor.sequence) return 'unproven';
  // It was pruned there: the device kept the number, not the record.
  if (shown.anchoredSha256.length === 0) return 'proven';
  return same(shown.anchoredSha256, anchor.head) ? 'proven' : 'fork';
}

/** A position as it is kept. */
export const anchorOf = (shown: JournalPosition): JournalAnchor => ({
  id: shown.journalId,
  sequence: Number(shown.sequence),
  head: shown.headSha256,
});

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
