// The journal's writer: groups appends into batches, one sync each, and keeps room for the outcomes that were promised.
// Records are opaque bytes. Opening and repair are in open-journal.ts.
import { join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { nextHead, sameHead } from '../../contract/integrity/hash-chain.ts';
import type {
  AppendOptions,
  ChainHead,
  CurrentSegment,
  JournalLimits,
  JournalParts,
  Reservation,
} from './journal-types.ts';
import { readRecords } from './read-records.ts';
import type { Segment, StoredRecord } from './scan-journal.ts';
import { BATCH_OVERHEAD, batchBytes, encodeBatch, RECORD_OVERHEAD, SEGMENT_HEADER_BYTES } from './segment-format.ts';
import { MAX_BATCH_BYTES } from './segment-reader.ts';
import { journalFailed } from './segment-writer.ts';
import { type Verification, verifyJournal } from './verify-journal.ts';

interface Pending {
  readonly records: readonly Uint8Array[];
  readonly bytes: number;
  readonly held: Held | undefined;
  readonly resolve: (first: number) => void;
  readonly reject: (error: unknown) => void;
}

interface Held extends Reservation {
  readonly cost: number;
  live: boolean;
}

export class Journal {
  readonly id: string;
  readonly #parts: JournalParts;
  readonly #limits: JournalLimits;
  readonly #closed: Segment[];
  #current: CurrentSegment;
  #head: ChainHead;
  #queue: Pending[] = [];
  #queued = 0;
  #writing = 0;
  #reserved = 0;
  #scheduled = false;
  #lock: Promise<unknown> = Promise.resolve();
  #maintenance: Promise<unknown> = Promise.resolve();
  #stopped: AppError | undefined;
  #full = false;

  constructor(parts: JournalParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.#limits = parts.limits;
    this.#closed = parts.closed;
    this.#current = parts.current;
    this.#head = parts.head;
  }

  /** The last synced record. */
  get head(): ChainHead {
    return this.#head;
  }

  /** Sequence of the oldest record that is still here. */
  get firstSequence(): number {
    return (this.#closed[0] ?? this.#current).header.firstSequence;
  }

  /** Head before the oldest record: what a checkpoint must name after pruning. */
  get base(): ChainHead {
    const { header } = this.#closed[0] ?? this.#current;
    return { sequence: header.firstSequence - 1, hash: header.previousHead };
  }

  /** Most bytes of all segments. */
  get maxBytes(): number {
    return this.#limits.maxBytes;
  }

  /** Which records each segment holds, oldest first. The newest may hold none: then its last is less than its first. */
  get segments(): { readonly firstSequence: number; readonly lastSequence: number }[] {
    const closed = this.#closed.map(({ header, lastSequence }) => ({
      firstSequence: header.firstSequence,
      lastSequence,
    }));
    return [...closed, { firstSequence: this.#current.header.firstSequence, lastSequence: this.#head.sequence }];
  }

  /** Ends of the closed segments, oldest first: where `prune` can cut, and what it would free. */
  get cuts(): { readonly sequence: number; readonly bytes: number }[] {
    return this.#closed.map((segment) => ({ sequence: segment.lastSequence, bytes: segment.end }));
  }

  /** Bytes of records and headers in all segments. */
  get bytes(): number {
    return this.#closed.reduce((sum, segment) => sum + segment.end, this.#current.writer.end);
  }

  /**
   * Appends records as one unit: after a crash all are there or none. Resolves with the first one's sequence when they are
   * synced. Appends of one tick, and those that arrive while a batch is written, share the next batch and its one sync.
   * @throws DISK_FULL, JOURNAL_FULL, LIMIT_EXCEEDED (a record that is too long), JOURNAL_BUSY, JOURNAL_WRITE: nothing was kept; JOURNAL_FAILED: the process must end
   */
  append(records: readonly Uint8Array[], options: AppendOptions = {}): Promise<number> {
    return this.#append(records, options);
  }

  /**
   * Keeps room on the disk for one append of `records` records of `bytes` bytes together, before their cause is journaled.
   * @throws DISK_FULL, JOURNAL_FULL when there is no room
   */
  async reserve(bytes: number, records = 1): Promise<Reservation> {
    if (this.#stopped) throw this.#stopped;
    const cost = BATCH_OVERHEAD + records * RECORD_OVERHEAD + bytes;
    this.#admit(cost, this.#limits.spareBytes);
    this.#reserved += cost;
    const held: Held = {
      cost,
      live: true,
      release: () => {
        if (held.live) this.#reserved -= cost;
        held.live = false;
      },
    };
    const covered = () => this.#current.writer.end + this.#writing + this.#reserved <= this.#current.writer.allocated;
    if (covered()) return held;
    try {
      await this.#exclusive(async () => {
        if (!covered()) await this.#allocate(0);
      });
    } catch (error) {
      held.release();
      throw this.#failed(error);
    }
    return held;
  }

  /** Synced records from `from` to the head of now, in order. @throws JOURNAL_PRUNED, JOURNAL_DAMAGED */
  read(from = this.firstSequence): AsyncGenerator<StoredRecord, void, undefined> {
    const { name, header, writer } = this.#current;
    const current = { name, header, lastSequence: this.#head.sequence, end: writer.end };
    return readRecords(this.#parts.fs, this.#parts.dir, [...this.#closed, current], from);
  }

  /** The chain's hash after record `sequence`; undefined when that is ahead or pruned. */
  async hashAt(sequence: number): Promise<Uint8Array | undefined> {
    if (sequence === this.base.sequence) return this.base.hash;
    if (sequence < this.firstSequence || sequence > this.#head.sequence) return undefined;
    for await (const record of this.read(sequence)) return record.head;
    return undefined;
  }

  /** Whether this journal once had exactly this head and can still show it. */
  async holds(head: ChainHead): Promise<boolean> {
    const hash = await this.hashAt(head.sequence);
    return hash !== undefined && sameHead(hash, head.hash);
  }

  /** Reads and checks everything that is synced, while appends go on. Damage is reported, not thrown. */
  verify(onRecord?: (record: StoredRecord) => void): Promise<Verification> {
    return this.#maintain(async () => {
      const limits = new Map([[this.#current.name, this.#current.writer.end]]);
      return verifyJournal(this.#parts.fs, this.#parts.dir, { limits, onRecord });
    });
  }

  /** The head at which `prune(before)` would cut: the end of the last whole segment before `before`. */
  cut(before: number): ChainHead | undefined {
    const count = this.#closed.findIndex((segment) => segment.lastSequence >= before);
    const kept = count < 0 ? this.#current : this.#closed[count];
    if (!kept || count === 0 || this.#closed.length === 0) return undefined;
    return { sequence: kept.header.firstSequence - 1, hash: kept.header.previousHead };
  }

  /**
   * Appends `checkpoints` (what must outlive the records, with the head of `cut`), also when the journal is full, then
   * removes whole segments that end before `before`, oldest first. Returns how many went; without any, nothing is appended.
   */
  async prune(before: number, checkpoints: readonly Uint8Array[]): Promise<number> {
    return this.#maintain(async () => {
      if (!this.cut(before)) return 0;
      await Promise.all(checkpoints.map((checkpoint) => this.#append([checkpoint], { always: true })));
      let removed = 0;
      for (let first = this.#closed[0]; first && first.lastSequence < before; first = this.#closed[0]) {
        this.#closed.shift();
        await this.#parts.fs.unlink(join(this.#parts.dir, first.name));
        await this.#parts.fs.syncDir(this.#parts.dir);
        removed++;
      }
      return removed;
    });
  }

  /** Writes what waits, then refuses further use. Idempotent. */
  async close(): Promise<void> {
    if (this.#stopped) return;
    await this.#exclusive(() => this.#flush());
    this.#stopped = new AppError('CLOSED', { what: 'the journal' });
    this.#rejectQueue(this.#stopped);
    await this.#maintenance;
    await this.#exclusive(() => this.#current.writer.file.close());
  }

  #append(
    records: readonly Uint8Array[],
    { use, ending = false, always = false }: AppendOptions & { always?: boolean },
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) throw this.#stopped;
      if (records.length === 0) throw new AppError('INVALID_ARGUMENT', { what: 'an append needs a record' });
      const bytes = batchBytes(records);
      if (bytes > MAX_BATCH_BYTES || records.some((record) => record.length > this.#limits.recordBytes)) {
        throw fixedLimit('a journal record', this.#limits.recordBytes, 'split it');
      }
      const held = use as Held | undefined;
      if (held && !held.live) throw new AppError('INVALID_ARGUMENT', { what: 'the reservation was used or released' });
      if (!always && !(held && bytes <= held.cost)) {
        this.#admit(bytes - (held?.cost ?? 0), ending ? 0 : this.#limits.spareBytes);
        if (this.#queued + bytes > this.#limits.queueBytes) throw new AppError('JOURNAL_BUSY');
      }
      if (held) held.live = false;
      this.#queue.push({ records, bytes, held, resolve, reject });
      this.#queued += bytes;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the poll phase, so that every append that this tick's input causes is in the batch.
    setImmediate(() => void this.#exclusive(() => this.#flush()).catch(() => {}));
  }

  /** Throws when `bytes` more would pass the journal's limit, or leave less than `spare` of it. */
  #admit(bytes: number, spare: number): void {
    const used = this.bytes + this.#queued + this.#writing + this.#reserved;
    if (used + bytes > this.#limits.maxBytes - spare) {
      throw new AppError('JOURNAL_FULL', { limit: this.#limits.maxBytes, folder: this.#parts.dir });
    }
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    try {
      while (this.#queue.length > 0 && !this.#stopped) await this.#commit(this.#pullBatch());
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #pullBatch(): Pending[] {
    let bytes = BATCH_OVERHEAD;
    let count = 0;
    for (const { bytes: own } of this.#queue) {
      if (count > 0 && bytes + own - BATCH_OVERHEAD > MAX_BATCH_BYTES) break;
      bytes += own - BATCH_OVERHEAD;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    for (const pending of batch) this.#queued -= pending.bytes;
    return batch;
  }

  async #commit(taken: Pending[]): Promise<void> {
    let batch = taken;
    this.#writing = total(batch);
    const spent = sum(batch, (pending) => pending.held?.cost ?? 0);
    this.#reserved -= spent;
    try {
      await this.#rotate();
      try {
        await this.#allocate(this.#writing);
      } catch (error) {
        batch = this.#refuse(batch, error);
      }
      if (batch.length === 0) return;
      try {
        await this.#write(batch);
      } catch (error) {
        batch = this.#refuse(batch, error);
        if (batch.length === 0) return;
        await this.#write(batch).catch((second: unknown) => {
          throw journalFailed('an outcome could not be written', second);
        });
      }
    } catch (error) {
      for (const pending of batch) pending.reject(this.#failed(error));
      throw error;
    } finally {
      this.#writing = 0;
    }
  }

  /** Rejects what has no reserved room and returns the rest; a fatal error is thrown on. */
  #refuse(batch: Pending[], error: unknown): Pending[] {
    if (error instanceof AppError && error.reason === 'JOURNAL_FAILED') throw error;
    const kept = batch.filter((pending) => pending.held && pending.bytes <= pending.held.cost);
    for (const pending of batch) {
      if (kept.includes(pending)) continue;
      if (pending.held) {
        pending.held.live = true;
        this.#reserved += pending.held.cost;
      }
      pending.reject(error);
    }
    return kept;
  }

  async #write(batch: Pending[]): Promise<void> {
    const records = batch.flatMap((pending) => pending.records);
    const first = this.#head.sequence + 1;
    const heads: Uint8Array[] = [];
    for (const record of records) heads.push(nextHead(heads.at(-1) ?? this.#head.hash, record));
    const hash = heads.at(-1) ?? this.#head.hash;
    await this.#current.writer.append(encodeBatch(this.#current.header.salt, first, records, hash));
    this.#head = { sequence: first + records.length - 1, hash };
    for (const [index, bytes] of records.entries()) {
      this.#parts.onRecord({ sequence: first + index, bytes, head: heads[index]! });
    }
    let next = first;
    for (const pending of batch) {
      pending.resolve(next);
      next += pending.records.length;
    }
  }

  /** Room for `bytes` now and all that is reserved. @throws DISK_FULL */
  async #allocate(bytes: number): Promise<void> {
    const { writer } = this.#current;
    const full = !(await writer.allocate(writer.end + bytes + this.#reserved, this.#limits.stepBytes));
    if (full && !this.#full) this.#parts.log.warn('the disk is full: new work is refused, running work has its room');
    if (!full && this.#full) this.#parts.log.info('the disk has room for the journal again');
    this.#full = full;
    if (full) throw new AppError('DISK_FULL', { what: 'the journal' });
  }

  async #rotate(): Promise<void> {
    const { name, header, writer } = this.#current;
    if (writer.end === SEGMENT_HEADER_BYTES || writer.end + this.#writing <= this.#limits.segmentBytes) return;
    const next = await this.#parts.createSegment(this.#head, this.#writing + this.#reserved).catch((error: unknown) => {
      if (error instanceof AppError && error.reason === 'JOURNAL_FAILED') throw error;
      this.#parts.log.error('no new journal segment could be made', error);
      return undefined;
    });
    if (!next) return; // The old segment grows on: its reserved room is still there.
    this.#current = next;
    this.#closed.push({ name, header, lastSequence: this.#head.sequence, end: writer.end, size: writer.end });
    await writer.file.truncate(writer.end);
    await writer.file.close();
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lock.then(run);
    this.#lock = result.catch(() => {});
    return result;
  }

  #maintain<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#maintenance.then(run);
    this.#maintenance = result.catch(() => {});
    return result;
  }

  /** Makes an AppError of anything; a fatal one stops the journal and is told once. */
  #failed(error: unknown): AppError {
    if (this.#stopped?.reason === 'JOURNAL_FAILED') return this.#stopped;
    const known = error instanceof AppError ? error : journalFailed('a file operation failed', error);
    if (known.reason === 'JOURNAL_FAILED') {
      this.#stopped = known;
      this.#rejectQueue(known);
      this.#parts.log.error('the journal failed; this process must end', known);
      this.#parts.onFatal(known);
    }
    return known;
  }

  #rejectQueue(error: AppError): void {
    for (const pending of this.#queue.splice(0)) pending.reject(error);
    this.#queued = 0;
  }
}

function total(batch: readonly Pending[]): number {
  return BATCH_OVERHEAD + sum(batch, (pending) => pending.bytes - BATCH_OVERHEAD);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((result, item) => result + of(item), 0);
}
