// Checks a journal together with the archive of its ledger: both chains, the stretches and totals of the archive, and that each
// fits what the other says of it. It changes nothing.
import { join } from 'node:path';
import type { ArchivedLedger, ArchivePosition } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { sameHead } from '../../contract/integrity/hash-chain.ts';
import type { FsPort } from './fs-port.ts';
import { ARCHIVE_FOLDER, archiveDamaged, decodeArchived, hasArchive } from './ledger-archive.ts';
import { decodeRecord } from './records.ts';
import type { StoredRecord, TornEnd } from './scan-journal.ts';
import { damageOf, type Verification, verifyJournal } from './verify-journal.ts';

/** What the archive holds. Lines and bytes are of all that was ever archived, `dropped` are those that went by choice. */
export interface ArchiveVerification {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lines: bigint;
  readonly bytes: bigint;
  readonly droppedLines: bigint;
  readonly segments: number;
}

/** `ledger` is undefined while nothing was archived. */
export interface LedgerVerification extends Verification {
  /** The same of the archive. */
  readonly archiveCut?: TornEnd;
  readonly ledger?: ArchiveVerification;
}

/** Reads all records of one of the two and checks its chain. */
type Check = (onRecord: (record: StoredRecord) => void) => Promise<Verification | undefined>;

/** How often a folder is read at most. */
const MOST_READS = 5;

/**
 * Of the folder of a journal that nobody has open, or that an edge which starts has just opened: damage stays as it is, so what another
 * look does not find again was only being written. @throws JOURNAL_NEWER
 */
export async function verifyFolder(fs: FsPort, dir: string): Promise<LedgerVerification> {
  let found = await readFolder(fs, dir);
  for (let reads = 1; !found.ok && reads < MOST_READS; reads++) {
    const before = found;
    found = await readFolder(fs, dir);
    if (isSameDamage(before, found)) break;
  }
  return found;
}

const isSameDamage = (a: LedgerVerification, b: LedgerVerification): boolean =>
  a.records === b.records && a.firstBad?.file === b.firstBad?.file && a.firstBad?.offset === b.firstBad?.offset;

async function readFolder(fs: FsPort, dir: string): Promise<LedgerVerification> {
  return verifyLedger(
    (onRecord) => verifyJournal(fs, dir, { onRecord }),
    async (onRecord) =>
      (await hasArchive(fs, dir)) ? verifyJournal(fs, join(dir, ARCHIVE_FOLDER), { onRecord }) : undefined,
  );
}

/** Of both; nothing may be pruned meanwhile. @throws JOURNAL_NEWER */
export async function verifyLedger(
  journal: (onRecord: (record: StoredRecord) => void) => Promise<Verification>,
  archive: Check,
): Promise<LedgerVerification> {
  const check = new ArchiveCheck();
  const archived = await archive((record) => check.archived(record));
  const result = await journal((record) => check.journaled(record));
  if (!result.ok) return result;
  if (archived?.firstBad) {
    const { file } = archived.firstBad;
    const named = file === ARCHIVE_FOLDER ? file : `${ARCHIVE_FOLDER}/${file}`;
    return { ...result, ok: false, firstBad: { ...archived.firstBad, file: named } };
  }
  try {
    const ledger = check.end();
    const archiveCut = archived?.cut && { ...archived.cut, file: `${ARCHIVE_FOLDER}/${archived.cut.file}` };
    return {
      ...result,
      ...(archiveCut && { archiveCut }),
      ...(ledger && { ledger: { ...ledger, segments: archived?.segments ?? 0 } }),
    };
  } catch (error) {
    return { ...result, ok: false, firstBad: damageOf(error) };
  }
}

/** Sees the archive first, then the journal. */
class ArchiveCheck {
  #first: StoredRecord['sequence'] | undefined;
  #start = 0;
  #last: ArchivedLedger | undefined;
  /** The archive's chain after each of its records. */
  readonly #heads = new Map<number, Uint8Array>();
  #told: ArchivePosition[] = [];
  #base: number | undefined;
  #journalHead = 0;
  #through: Uint8Array | undefined;

  archived({ sequence, bytes, head }: StoredRecord): void {
    // A view of what was read: what is kept of it is a copy.
    const record = decodeArchived(sequence, Uint8Array.from(bytes));
    const last = this.#last;
    if (!last) {
      this.#first = sequence;
      this.#start = Number(record.firstSequence);
    } else if (record.firstSequence !== last.lastSequence + 1n) {
      throw archiveDamaged(`record ${record.firstSequence} of the journal follows ${last.lastSequence}`);
    }
    if (record.records.some((one) => one.sequence < record.firstSequence || one.sequence > record.lastSequence))
      throw archiveDamaged(`its record ${sequence} has lines of another stretch`);
    const before = last ?? (sequence === 1 ? { lines: 0n, bytes: 0n } : undefined);
    const entries = record.records.flatMap((one) => one.entries);
    const bytesOf = entries.reduce((total, entry) => total + entry.bytes, 0n);
    if (before && (record.lines !== before.lines + BigInt(entries.length) || record.bytes !== before.bytes + bytesOf))
      throw archiveDamaged(`the totals of its record ${sequence} do not fit its lines`);
    this.#last = record;
    this.#heads.set(sequence, Uint8Array.from(head));
  }

  journaled({ sequence, bytes, head }: StoredRecord): void {
    this.#base ??= sequence - 1;
    this.#journalHead = sequence;
    if (sequence === Number(this.#last?.lastSequence ?? -1n)) this.#through = Uint8Array.from(head);
    const { record } = decodeRecord(sequence, Uint8Array.from(bytes));
    if (record.case === 'checkpoint' && record.value.archive) this.#told.push(record.value.archive);
  }

  /** @throws JOURNAL_DAMAGED: they do not fit each other */
  end(): Omit<ArchiveVerification, 'segments'> | undefined {
    const [last, newest] = [this.#last, this.#told.at(-1)];
    if (!last) {
      if (newest) throw archiveDamaged(`it is gone, and ${newest.lines} lines with it`);
      return undefined;
    }
    const { lastSequence, lines, bytes, droppedLines, droppedSequence, journalHeadSha256 } = last;
    for (const told of this.#told) {
      if (told.archiveSequence <= droppedSequence) continue;
      const head = this.#heads.get(Number(told.archiveSequence));
      if (!head || !sameHead(head, told.archiveHeadSha256))
        throw archiveDamaged(`its record ${told.archiveSequence} is not the one that a checkpoint tells of`);
    }
    if ((this.#first ?? 1) - 1 > Number(droppedSequence))
      throw archiveDamaged(`its records 1 to ${(this.#first ?? 1) - 1} are missing, and nobody chose to drop them`);
    const through = Number(lastSequence);
    if (through < (this.#base ?? 0) || through > this.#journalHead)
      throw archiveDamaged(
        `it ends at record ${through}, and the journal holds ${(this.#base ?? 0) + 1} to ${this.#journalHead}`,
      );
    if (this.#through && !sameHead(this.#through, journalHeadSha256))
      throw archiveDamaged('it belongs to another course of this journal');
    return { firstSequence: this.#start, lastSequence: through, lines, bytes, droppedLines };
  }
}
