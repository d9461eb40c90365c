// The journal as the edge uses it: typed records with the journal's time, the answers and ledger in them, pruning with its checkpoints.

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ClockSetBy, type ToolOutcome } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { causeText } from '../../base/cause-text.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { EdgeTime } from '../time/edge-time.ts';
import type { ApprovalBook } from './approval-book.ts';
import type { AskBook } from './ask-book.ts';
import type { CallBook } from './call-book.ts';
import type { CallGrantBook } from './call-grant-book.ts';
import type { ChangeBook } from './change-book.ts';
import { checkpointRecords, refusalAsOutcome } from './checkpoint.ts';
import type { DayBook } from './day-book.ts';
import type { Journal } from './journal.ts';
import { JournalSpace } from './journal-space.ts';
import { JournalState, type JournalStateOptions } from './journal-state.ts';
import type { AppendOptions, ChainHead, LastSession, Reservation } from './journal-types.ts';
import { type ArchiveOptions, type LedgerArchive, openLedgerArchive } from './ledger-archive.ts';
import { egressOf, type LedgerLine, type LedgerPage, newestLines, placed } from './ledger-lines.ts';
import { DEFAULT_JOURNAL_BYTES, type OpenJournalOptions, openJournal } from './open-journal.ts';
import type { OwnerBook } from './owner-book.ts';
import { decodeRecord, type Entry, encodeRecord, type Fold, type KnownRecord, type RecordInit } from './records.ts';
import type { RefusalBook } from './refusal-book.ts';
import type { SensitiveBook } from './sensitive-book.ts';
import type { StandingBook } from './standing-book.ts';
import { type LedgerVerification, verifyLedger } from './verify-ledger.ts';

export interface EdgeJournalOptions extends Omit<OpenJournalOptions, 'onRecord'>, JournalStateOptions {
  /** Of the archive of the ledger. Default: 256 MiB, and nothing of it goes. */
  readonly ledger?: Partial<Pick<ArchiveOptions, 'maxBytes' | 'whenFull'>>;
}

/** Opens the journal and folds it. @throws what `openJournal` throws, JOURNAL_DAMAGED when old segments or lines are missing, JOURNAL_UNREADABLE */
export async function openEdgeJournal(dir: string, options: EdgeJournalOptions): Promise<EdgeJournal> {
  try {
    return await openFolded(dir, options);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('JOURNAL_UNREADABLE', { folder: dir, problem: causeText(error) }, { cause: error });
  }
}

async function openFolded(dir: string, options: EdgeJournalOptions): Promise<EdgeJournal> {
  const view = new JournalState(options);
  const spareBytes = (options.maxBytes ?? DEFAULT_JOURNAL_BYTES) / SPARE_PART;
  const journal = await openJournal(dir, { spareBytes, ...options, onRecord: (record) => view.see(record) });
  try {
    view.checkBase(journal.base);
    const { clock, log, onFatal, fs, segmentBytes, ledger } = options;
    const archive = await openLedgerArchive(dir, journal.id, {
      clock,
      log,
      onFatal,
      ...(fs && { fs }),
      ...(segmentBytes && { segmentBytes }),
      maxBytes: ledger?.maxBytes ?? 256 << 20,
      whenFull: ledger?.whenFull ?? 'refuse',
    });
    await archive.check(journal, view.archive);
    return new EdgeJournal(journal, archive, view, options);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

export class EdgeJournal {
  readonly #journal: Journal;
  readonly #archive: LedgerArchive;
  readonly #view: JournalState;
  readonly #log: Logger;
  readonly #space: JournalSpace;
  /** One pruning or check at a time. */
  #lock: Promise<unknown> = Promise.resolve();

  constructor(journal: Journal, archive: LedgerArchive, view: JournalState, options: { log: Logger; clock: Clock }) {
    this.#journal = journal;
    this.#archive = archive;
    this.#view = view;
    this.#log = options.log;
    this.#space = new JournalSpace(journal, () => this.prune(), options);
  }

  get id(): string {
    return this.#journal.id;
  }

  get head(): ChainHead {
    return this.#journal.head;
  }

  get bytes(): number {
    return this.#journal.bytes;
  }

  get firstSequence(): number {
    return this.#journal.firstSequence;
  }

  /** What is known of every idempotency key. */
  get calls(): CallBook {
    return this.#view.calls;
  }

  /** Asks without an answer. */
  get asks(): AskBook {
    return this.#view.asks;
  }

  /** What the owner was asked and answered. */
  get approvals(): ApprovalBook {
    return this.#view.approvals;
  }

  /** Lasting grants for calls. */
  get callGrants(): CallGrantBook {
    return this.#view.callGrants;
  }

  /** Standing grants that are live. */
  get standing(): StandingBook {
    return this.#view.standing;
  }

  /** Changes that can be taken back. */
  get changes(): ChangeBook {
    return this.#view.changes;
  }

  /** Keys of the owner on other machines that may answer. */
  get owners(): OwnerBook {
    return this.#view.owners;
  }

  /** How much content left on each day. */
  get days(): DayBook {
    return this.#view.days;
  }

  /** Turns of sensitive conversations. */
  get sensitive(): SensitiveBook {
    return this.#view.sensitive;
  }

  /** How many refusals are written down. */
  get refusals(): RefusalBook {
    return this.#view.refusals;
  }

  /** The newest position that the control plane is known to have anchored. */
  get anchor(): ChainHead | undefined {
    return this.#view.anchor;
  }

  /** The last session with the control plane; undefined before the first one. */
  get session(): LastSession | undefined {
    return this.#view.session;
  }

  /** "Now" on the edge, in milliseconds since 1970. */
  now(): number {
    return this.time.now();
  }

  /** What time it is, by whom, and whether the machine's clock is doubted. */
  get time(): EdgeTime {
    return this.#view.time;
  }

  /**
   * The control plane signed its time. Where the journal has run ahead of that and of the machine's clock, it is set back.
   * @param anew as in `EdgeTime.signed`
   */
  async signedTime(at: number, anew: boolean): Promise<void> {
    const back = this.time.signed(at, anew);
    if (back === undefined) return;
    this.#log.warn('the journal had run ahead of the time; it was set back', { aheadMs: this.now() - back });
    await this.#setBack(back, ClockSetBy.SIGNED);
  }

  /** The owner says that the machine's clock is right. */
  async resetClock(): Promise<void> {
    await this.#setBack(this.time.machine(), ClockSetBy.OWNER);
  }

  async #setBack(at: number, by: ClockSetBy): Promise<void> {
    const previousTime = timestampFromMs(this.now());
    this.time.set(at);
    await this.append([{ case: 'clockSet', value: { previousTime, by } }]);
  }

  /** Why it took nothing the last time it was asked; undefined when it did. */
  get refused(): AppError | undefined {
    return this.#space.refused;
  }

  /**
   * Appends records as one unit; resolves with the first sequence when synced and folded. Records that end something are taken
   * by a full journal too, as are those that the caller says are needed for that: they are what makes room in it.
   * Errors: `Journal.append`.
   */
  append(records: readonly RecordInit[], options: AppendOptions = {}): Promise<number> {
    const ending = options.ending ?? records.every((record) => ENDING.includes(record.case));
    if (ending) this.#space.ended();
    const at = this.now();
    const bytes = records.map((record) => {
      const encoded = encodeRecord(record, at);
      this.#view.fresh.set(encoded.bytes, { record: encoded.record, at });
      return encoded.bytes;
    });
    const result = this.#space.with(() => this.#journal.append(bytes, { ...options, ending }));
    this.#space.grown();
    result.then(
      () => this.#space.took(ending),
      (error: unknown) => this.#space.refusedBy(error),
    );
    return result;
  }

  /** Room for one later append of `records` records with `bytes` of content together. Errors: `Journal.reserve`. */
  reserve(bytes: number, records = 1): Promise<Reservation> {
    return this.#space.with(() => this.#journal.reserve(bytes + records * TIME_BYTES, records));
  }

  /** The record of a sequence, or undefined when there is none (any more). */
  async entry(sequence: number): Promise<Entry | undefined> {
    if (sequence < this.#journal.firstSequence || sequence > this.#journal.head.sequence) return undefined;
    for await (const entry of this.entries(sequence)) return entry;
    return undefined;
  }

  /** Synced entries from `from` (default: the oldest) to the head of now. */
  async *entries(from?: number): AsyncGenerator<Entry, void, undefined> {
    for await (const { sequence, bytes } of this.#journal.read(from)) yield decodeRecord(sequence, bytes);
  }

  /** The journaled answer of a key: its outcome or its refusal, also when a checkpoint holds it. */
  async outcome(key: string): Promise<ToolOutcome | undefined> {
    const call = this.calls.get(key);
    const record = call && (await this.entry(call.sequence))?.record;
    if (record?.case === 'toolOutcome') return record.value;
    if (record?.case === 'toolRefused') return refusalAsOutcome(record.value, call?.expiresAt);
    if (record?.case === 'checkpoint') return record.value.outcomes.find((outcome) => outcome.idempotencyKey === key);
    return undefined;
  }

  /** Adds a fold that sees what is appended from now on. */
  follow(fold: Fold): void {
    this.#view.folds.push(fold);
  }

  async hashAt(sequence: number): Promise<Uint8Array | undefined> {
    return this.#view.heads.get(sequence) ?? this.#journal.hashAt(sequence);
  }

  /** The control plane acknowledged the outcome at this sequence, and so anchored it. */
  acknowledged(sequence: number): void {
    this.#view.acknowledged(sequence);
  }

  holds(head: ChainHead): Promise<boolean> {
    return this.#journal.holds(head);
  }

  /** Reads and checks the journal and the archive of its ledger, while appends go on. Damage is reported, not thrown. */
  verify(): Promise<LedgerVerification> {
    return this.#exclusive(() =>
      verifyLedger(
        (onRecord) => this.#journal.verify(onRecord),
        (onRecord) => this.#archive.verify(onRecord),
      ),
    );
  }

  /** Lines of the ledger, newest first: from the journal, then from the archive of what was pruned. */
  async ledger(page: LedgerPage): Promise<LedgerLine[]> {
    for (let tries = 3; ; tries--) {
      try {
        return await newestLines(this.#ledgerPieces(page.before?.sequence ?? this.head.sequence), page);
      } catch (error) {
        // What is pruned meanwhile is in the archive by then.
        if (!(error instanceof AppError) || error.reason !== 'JOURNAL_PRUNED' || tries === 0) throw error;
      }
    }
  }

  async *#ledgerPieces(sequence: number): AsyncGenerator<AsyncIterable<LedgerLine>> {
    const { through } = this.#archive;
    for (const { firstSequence, lastSequence } of this.#journal.segments.reverse()) {
      const from = Math.max(firstSequence, through + 1);
      if (from <= Math.min(lastSequence, sequence)) yield this.#linesOf(from, Math.min(lastSequence, sequence));
    }
    yield* this.#archive.pieces(sequence);
  }

  async *#linesOf(from: number, to: number): AsyncGenerator<LedgerLine> {
    for await (const { sequence, at, record } of this.entries(from)) {
      yield* placed(sequence, at, egressOf(record));
      if (sequence >= to) return;
    }
  }

  /**
   * Drops the oldest segments until at most `keepBytes` remain, leaving what is still needed of them in checkpoints, and their
   * lines of the ledger in its archive. Runs by itself when the journal is three quarters full. Returns how many segments went.
   * @throws LEDGER_FULL, DISK_FULL: nothing went
   */
  prune(keepBytes = this.#journal.maxBytes / 2): Promise<number> {
    return this.#exclusive(() => this.#prune(keepBytes));
  }

  async #prune(keepBytes: number): Promise<number> {
    let left = this.#journal.bytes;
    let freed = 0;
    let before = 0;
    for (const { sequence, bytes } of this.#journal.cuts) {
      if (left <= keepBytes) break;
      left -= bytes;
      freed += bytes;
      before = sequence + 1;
    }
    const cut = before ? this.#journal.cut(before) : undefined;
    if (!cut) return 0;
    const past = this.time.surelyPast();
    this.calls.condense(cut.sequence, past);
    this.calls.forget(past);
    const records = await checkpointRecords(this, cut, this.anchor, this.session);
    const encoded = () => records.map((value) => encodeRecord({ case: 'checkpoint', value }, this.now()).bytes);
    const size = encoded().reduce((sum, { length }) => sum + length, 0);
    if (size > freed / 2) {
      this.#log.warn('the journal is full of what is still needed; nothing was pruned', { bytes: freed, needed: size });
      return 0;
    }
    await this.#archive.add(this.#journal, cut);
    const { position } = this.#archive;
    if (position) records[0]!.archive = position;
    return this.#journal.prune(before, encoded());
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await this.#lock;
    await this.#archive.close();
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lock.then(run);
    this.#lock = result.catch(() => {});
    return result;
  }
}

/** An eighth of the journal is for what makes room in a full one. */
const SPARE_PART = 8;
/** Records that let something go that was kept, and those without which an edge cannot start and connect. */
const ENDING: readonly KnownRecord['case'][] = [
  'askOutcome',
  'cancel',
  'runAnswered',
  'toolSettled',
  'grantEnded',
  'approvalAnswered',
  'approvalEnded',
  'started',
  'sessionOpened',
  'clockSet',
];
/** Bytes of a record beside its message: the time, the case's tag and length. */
const TIME_BYTES = 32;
