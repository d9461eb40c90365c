// What the journal's rooms hand to each other: positions, limits, reservations and the parts that a journal is made of.
import type { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { FsPort } from './fs-port.ts';
import type { Segment, StoredRecord } from './scan-journal.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** The longest record. */
export const MAX_RECORD_BYTES = 1 << 20;

/** Where the chain stands. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** The last session that began, as its Welcome told it. */
export interface LastSession {
  readonly epoch: bigint;
  /** The control plane's proof that it gave this epoch. */
  readonly resumeToken: Uint8Array;
}

export interface AppendOptions {
  /** Room reserved earlier; with it the append is not refused for a full disk or journal. */
  readonly use?: Reservation;
  /** The records end something, so that less must be kept: they may use the spare room of a full journal. */
  readonly ending?: boolean;
}

/** Room on the disk that is kept for one later append. */
export interface Reservation {
  /** Gives the room back; no effect after it was used. */
  release(): void;
}

export interface JournalLimits {
  /** A new segment begins when a batch would end behind this. */
  readonly segmentBytes: number;
  /** All segments together; appends without a reservation are refused above it. */
  readonly maxBytes: number;
  /** Of `maxBytes`, what only appends get that make room later (`AppendOptions.ending`). */
  readonly spareBytes: number;
  /** Appends that wait for the disk; more are refused. */
  readonly queueBytes: number;
  /** The longest record. */
  readonly recordBytes: number;
  /** Space is allocated ahead in steps of this. */
  readonly stepBytes: number;
}

export interface JournalParts {
  readonly id: string;
  readonly dir: string;
  readonly fs: FsPort;
  readonly log: Logger;
  readonly limits: JournalLimits;
  readonly onFatal: (error: AppError) => void;
  /** Sees every record when it is synced, in order, before its append resolves. */
  readonly onRecord: (record: StoredRecord) => void;
  readonly closed: Segment[];
  readonly current: CurrentSegment;
  readonly head: ChainHead;
  /** Makes the next segment durable, with `bytes` allocated behind its header; undefined when the disk is full. */
  readonly createSegment: (head: ChainHead, bytes: number) => Promise<CurrentSegment | undefined>;
}

export interface CurrentSegment extends Pick<Segment, 'name' | 'header'> {
  readonly writer: SegmentWriter;
}
