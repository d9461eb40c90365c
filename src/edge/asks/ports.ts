// What the asks need from their neighbours: the journal, the grants and the ledger.
import type { GrantedFile, GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Share } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Entry, RecordInit } from '../journal/records.ts';

/** The journal, as records. */
export interface AskJournal {
  /** Appends as one unit; resolves with the first sequence when all are synced and folded. */
  append(records: readonly RecordInit[]): Promise<number>;
  /** The record of a sequence, or undefined when there is none (any more). */
  entry(sequence: number): Promise<Entry | undefined>;
  /** "Now" on the edge, in milliseconds since 1970. */
  now(): number;
}

/** The share grants of runs. */
export interface Shares {
  /** The files that the patterns name, frozen. Throws SHARE_NO_MATCH, PATH_NOT_ALLOWED. Nothing is journaled. */
  resolve(shares: readonly Share[]): Promise<GrantedFile[]>;
  /** A grant for one run, not valid before `begin`. */
  mint(grant: { run: string; files: GrantedFile[]; recipients: readonly string[] }): GrantMinted;
  /** The grant is in the journal and holds from now on. */
  begin(grant: GrantMinted): void;
  /** Ends all grants of the run, in memory at once and then in the journal. Idempotent. */
  endRun(run: string): Promise<void>;
}

/** The ledger of what left the box. */
export interface EgressLedger {
  /** Everything that left for this run, oldest first, at most `limit`. */
  ofRun(run: string, limit: number): Promise<Egress[]>;
}
