// Typed records over the journal's bytes. A record that this version does not know stops the start: it could be an intent.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type JournalRecord, JournalRecordSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError } from '../../base/errors.ts';

/** What happened: one case of `bowline.journal.v1.JournalRecord`. */
export type KnownRecord = Exclude<JournalRecord['record'], { case: undefined }>;

/** What a caller hands in: a case and the fields of its message. */
export type RecordInit = Exclude<
  NonNullable<MessageInitShape<typeof JournalRecordSchema>['record']>,
  { case?: undefined }
>;

/** A record as it is read. */
export interface Entry {
  readonly sequence: number;
  /** Milliseconds since 1970; never less than in the record before. */
  readonly at: number;
  readonly record: KnownRecord;
}

/** Sees every entry once, in order, when it is synced. Must be quick and must not throw. */
export interface Fold {
  apply(entry: Entry): void;
}

/** A record with its bytes, ready to be appended. */
export function encodeRecord(record: RecordInit, at: number): { record: KnownRecord; bytes: Uint8Array } {
  const message = create(JournalRecordSchema, { writeTime: timestampFromMs(at), record });
  return { record: message.record as KnownRecord, bytes: toBinary(JournalRecordSchema, message) };
}

/** @throws JOURNAL_NEWER for a record of a later version, JOURNAL_DAMAGED for bytes that are none */
export function decodeRecord(sequence: number, bytes: Uint8Array): Entry {
  const message = parse(sequence, bytes);
  if (message.record.case === undefined) throw new AppError('JOURNAL_NEWER', { file: `record ${sequence}` });
  return { sequence, at: message.writeTime ? timestampMs(message.writeTime) : 0, record: message.record };
}

function parse(sequence: number, bytes: Uint8Array): JournalRecord {
  try {
    return fromBinary(JournalRecordSchema, bytes);
  } catch (cause) {
    const problem = 'these bytes are not a record';
    throw new AppError('JOURNAL_DAMAGED', { file: `record ${sequence}`, offset: 0, problem }, { cause });
  }
}
