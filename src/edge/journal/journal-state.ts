// What is remembered of the journal's records: the folds, the journal's time, the last session, what was anchored and pruned.
import type { ArchivePosition } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { sameHead } from '../../contract/integrity/hash-chain.ts';
import { EdgeTime } from '../time/edge-time.ts';
import { ApprovalBook } from './approval-book.ts';
import { AskBook } from './ask-book.ts';
import { CallBook, type CallBookOptions } from './call-book.ts';
import { CallGrantBook } from './call-grant-book.ts';
import { ChangeBook } from './change-book.ts';
import { DayBook } from './day-book.ts';
import type { ChainHead, LastSession } from './journal-types.ts';
import { OwnerBook } from './owner-book.ts';
import { RecentHeads } from './recent-heads.ts';
import { decodeRecord, type Fold, type KnownRecord } from './records.ts';
import { RefusalBook } from './refusal-book.ts';
import type { StoredRecord } from './scan-journal.ts';
import { SensitiveBook } from './sensitive-book.ts';
import { StandingBook } from './standing-book.ts';

export interface JournalStateOptions {
  readonly clock: Clock;
  readonly calls?: CallBookOptions;
  /** More folds; they see all records at opening and each one that follows. */
  readonly folds?: readonly Fold[];
}

/** Exists before the journal does, because opening feeds it. */
export class JournalState {
  readonly calls: CallBook;
  readonly asks = new AskBook();
  readonly approvals = new ApprovalBook();
  readonly callGrants = new CallGrantBook();
  readonly standing = new StandingBook();
  readonly owners = new OwnerBook();
  readonly refusals = new RefusalBook();
  readonly changes = new ChangeBook();
  readonly days = new DayBook();
  readonly sensitive = new SensitiveBook();
  readonly folds: Fold[];
  /** Messages of records that are being appended, so that they need not be parsed again. */
  readonly fresh = new WeakMap<Uint8Array, { record: KnownRecord; at: number }>();
  readonly time: EdgeTime;
  readonly heads = new RecentHeads();
  anchor: ChainHead | undefined;
  session: LastSession | undefined;
  /** Where the newest checkpoint says that the archive of the ledger stood. */
  archive: ArchivePosition | undefined;
  #pruned: ChainHead[] = [];
  /** Records of earlier starts are read: later ones have their time from here. */
  #opening = true;

  constructor(options: JournalStateOptions) {
    this.time = new EdgeTime(options.clock);
    this.calls = new CallBook(options.calls);
    this.folds = [
      this.calls,
      this.asks,
      this.approvals,
      this.callGrants,
      this.standing,
      this.refusals,
      this.changes,
      this.owners,
      this.days,
      this.sensitive,
      ...(options.folds ?? []),
    ];
  }

  see({ sequence, bytes, head }: StoredRecord): void {
    // A view of what was read; the newest ones are asked for when their outcomes are sent and acknowledged.
    this.heads.set(sequence, head);
    const fresh = this.fresh.get(bytes);
    const entry = fresh ? { sequence, ...fresh } : decodeRecord(sequence, Uint8Array.from(bytes));
    const { record } = entry;
    if (this.#opening && record.case === 'clockSet') this.time.set(entry.at);
    else if (this.#opening) this.time.reached(entry.at);
    if (record.case === 'sessionOpened' || record.case === 'checkpoint') {
      const { sessionEpoch: epoch, resumeToken } = record.value;
      if (epoch > (this.session?.epoch ?? 0n)) this.session = { epoch, resumeToken };
    }
    if (record.case === 'sessionOpened' && record.value.anchor) {
      this.anchor = { sequence: Number(record.value.anchor.sequence), hash: record.value.anchor.headSha256 };
    } else if (record.case === 'checkpoint' && record.value.anchor) {
      const { headSha256, anchoredSequence, anchoredSha256 } = record.value.anchor;
      this.#pruned = [...this.#pruned.slice(-64), { sequence: Number(record.value.sequence), hash: headSha256 }];
      this.archive = record.value.archive ?? this.archive;
      if (anchoredSha256.length > 0) this.anchor ??= { sequence: Number(anchoredSequence), hash: anchoredSha256 };
    }
    if (record.case === 'toolSettled') this.acknowledged(this.calls.get(record.value.idempotencyKey)?.sequence ?? 0);
    else if (record.case === 'askOutcome') this.acknowledged(Number(record.value.sequence));
    for (const fold of this.folds) fold.apply(entry);
  }

  /** The control plane acknowledged the outcome at this sequence: its anchor is there, or later. */
  acknowledged(sequence: number): void {
    const hash = this.heads.get(sequence);
    if (hash && sequence > (this.anchor?.sequence ?? 0)) this.anchor = { sequence, hash };
  }

  /** A journal that does not begin at its first record must hold the checkpoint that says so. */
  checkBase(base: ChainHead): void {
    this.#opening = false;
    this.refusals.opened();
    const told = this.#pruned.some(
      ({ sequence, hash }) => sequence > base.sequence || (sequence === base.sequence && sameHead(hash, base.hash)),
    );
    this.#pruned = [];
    if (base.sequence === 0 || told) return;
    const problem = `records 1 to ${base.sequence} are missing and no checkpoint tells of their pruning`;
    throw new AppError('JOURNAL_DAMAGED', { file: 'journal', offset: 0, problem });
  }
}
