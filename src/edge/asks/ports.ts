// What the asks need from their neighbours: the journal, the grants and the ledger.
import type { GrantedFile, GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Share } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { AppError } from '../../base/errors.ts';
import type { ShareRules } from '../grants/share-resolver.ts';
import type { Entry, RecordInit } from '../journal/records.ts';

/** The journal, as records. */
export interface AskJournal {
  /**
   * Appends as one unit; resolves with the first sequence when all are synced and folded.
   * @param options.ending needed to end something, so a full journal takes it too
   */
  append(records: readonly RecordInit[], options?: { readonly ending?: boolean }): Promise<number>;
  /** The record of a sequence, or undefined when there is none (any more). */
  entry(sequence: number): Promise<Entry | undefined>;
  /** "Now" on the edge, in milliseconds since 1970. */
  now(): number;
}

/** The share grants of runs. */
export interface Shares {
  /** The files that the patterns name, frozen. What of several cannot be read is told. Throws SHARE_NO_MATCH, PATH_NOT_ALLOWED. Nothing is journaled. */
  resolve(
    shares: readonly Share[],
    left: (path: string, error: AppError) => void,
    rules: ShareRules,
  ): Promise<GrantedFile[]>;
  /** Keeps what was piped into the ask of a run until its end, as a file that can be granted. Throws LIMIT_EXCEEDED, DISK_FULL, and what reading it throws. */
  pipe(run: string, bytes: Uint8Array, rules: Pick<ShareRules, 'secrets'>): Promise<GrantedFile>;
  /** A grant for one run, in force at once; `drop` the run when its ask is not journaled. */
  mint(grant: { run: string; files: readonly GrantedFile[]; recipients: readonly string[] }): GrantMinted;
  /** Gives up all that was granted and kept for a run. Idempotent. */
  drop(run: string): void;
  /** Ends all grants of the run, and what was kept for it. Idempotent. */
  endRun(run: string): void;
}

/** The ledger of what left the box. */
export interface EgressLedger {
  /** What left for this run, oldest first, at most `limit` lines. */
  ofRun(run: string, limit: number): Egress[] | Promise<Egress[]>;
}

type Found = ArchivedRun | undefined;

/** Runs that ended long ago. */
export interface AskArchive {
  run(run: string): Found | Promise<Found>;
  runOfRequest(requestId: string): Found | Promise<Found>;
}

export interface ArchivedRun {
  readonly run: string;
  readonly conversation: string;
  /** Sequence of the record that ended it; null when it did not. */
  readonly endedIn: number | null;
}
