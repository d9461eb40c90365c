// What the edge may ask its index. The journal is the truth: an index may miss what is old, and is never asked whether
// something happened (CallBook and AskBook know that).
import type { CallState } from '../journal/call-book.ts';
import type { LedgerLine, LedgerPage } from '../journal/ledger-lines.ts';
import type { Fold } from '../journal/records.ts';

/** `waiting`: not yet at the control plane; `cancelling`: the owner cancelled; then how it ended. Times in ms since 1970. */
export interface RunRow {
  readonly run: string;
  readonly conversation: string;
  readonly requestId: string;
  readonly sequence: number;
  readonly state: 'waiting' | 'accepted' | 'cancelling' | 'answered' | 'refused' | 'failed' | 'cancelled' | 'timed_out';
  /** First 200 characters. */
  readonly question: string;
  /** First 400 characters. */
  readonly answer: string;
  /** Reason code when it did not answer. */
  readonly reason: string;
  readonly askedAt: number;
  readonly endedAt: number | null;
  /** Record with the whole outcome. */
  readonly endedIn: number | null;
}

export interface CallRow {
  readonly key: string;
  readonly job: string;
  readonly run: string;
  readonly method: string;
  readonly state: CallState;
  readonly bootId: string;
  /** SHA-256 of method and parameters in hex. */
  readonly params: string;
  /** Record with its answer. */
  readonly outcomeIn: number | null;
  /** Name of the blob with its result, or empty. */
  readonly blob: string;
  readonly settled: boolean;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly expiresAt: number | null;
}

export interface GrantRow {
  readonly id: string;
  readonly run: string;
  readonly paths: readonly string[];
  readonly recipients: readonly string[];
  readonly capBytes: number;
  /** By the ledger. */
  readonly usedBytes: number;
  readonly mintedAt: number;
  readonly expiresAt: number | null;
  readonly endedAt: number | null;
  readonly why: string;
}

export interface IndexPort extends Fold {
  /** The last record it has seen. */
  readonly sequence: number;
  run(run: string): RunRow | undefined;
  /** The run of an owner's request, also when it ended. */
  runOfRequest(requestId: string): RunRow | undefined;
  /** Newest first; `before` is the sequence of the last row of the page before. */
  runs(page: { limit: number; before?: number; conversation?: string }): RunRow[];
  call(key: string): CallRow | undefined;
  /** Newest first. */
  calls(page: { limit: number; run?: string }): CallRow[];
  /** Lines from `ledgerFrom` on. */
  ledger(page: LedgerPage): LedgerLine[];
  /** Lines of this record and of all later ones are in the index; of earlier ones some may have gone. */
  readonly ledgerFrom: number;
  /** Newest first; `live` leaves out ended ones and those that expired before that time. */
  grants(page: { limit: number; live?: number }): GrantRow[];
  /** Writes `state.db` now, if something changed. Failures are logged: the file is only a shortcut. */
  snapshot(): Promise<void>;
  /** Writes the snapshot and frees the memory. */
  close(): Promise<void>;
}
