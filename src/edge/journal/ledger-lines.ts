// Which lines of the ledger a record holds, and their order. Pure.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { KnownRecord } from './records.ts';

/** A line of the ledger. (sequence, line) is its place: newest first means both descending. */
export interface LedgerLine extends LedgerPlace {
  readonly egress: Egress;
}

export interface LedgerPlace {
  readonly sequence: number;
  readonly line: number;
}

/** A page of the ledger, newest first; `before` is the place of the last line of the page before. */
export interface LedgerPage {
  readonly limit: number;
  readonly run?: string;
  readonly before?: LedgerPlace;
}

/** The lines that a record adds. A checkpoint only repeats what was pruned, so it adds none. */
export function egressOf(record: KnownRecord): readonly Egress[] {
  if (record.case === 'ledger') return record.value.entries;
  return record.case === 'ask' || record.case === 'toolOutcome' ? record.value.egress : [];
}

/** The lines of one record, each with its place and its time. */
export function placed(sequence: number, at: number, entries: readonly Egress[]): LedgerLine[] {
  return entries.map((entry, line) => ({
    sequence,
    line,
    egress: entry.createTime ? entry : create(EgressSchema, { ...entry, createTime: timestampFromMs(at) }),
  }));
}

/** The newest lines that a page asks for, from pieces of the ledger. Pieces come newest first, lines in each oldest first. */
export async function newestLines(
  pieces: Iterable<AsyncIterable<LedgerLine>> | AsyncIterable<AsyncIterable<LedgerLine>>,
  { limit, run, before }: LedgerPage,
): Promise<LedgerLine[]> {
  const found: LedgerLine[] = [];
  for await (const piece of pieces) {
    const wanted: LedgerLine[] = [];
    for await (const line of piece) {
      if (before && !isBefore(line, before)) break;
      if (run === undefined || line.egress.run === run) wanted.push(line);
      if (wanted.length >= 2 * limit) wanted.splice(0, wanted.length - limit);
    }
    found.push(...wanted.slice(-(limit - found.length)).reverse());
    if (found.length >= limit) break;
  }
  return found;
}

const isBefore = (a: LedgerPlace, b: LedgerPlace): boolean =>
  a.sequence < b.sequence || (a.sequence === b.sequence && a.line < b.line);
