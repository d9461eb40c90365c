import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointSchema, DayEgressSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { silentLogger } from '../../base/logger.ts';
import { DayBook } from './day-book.ts';
import { openEdgeJournal } from './edge-journal.ts';
import { decodeRecord, type Entry, encodeRecord, type RecordInit } from './records.ts';

const line = (bytes: number, grant = 'g', sensitivity: Sensitivity = Sensitivity.CONTENT): RecordInit => ({
  case: 'ledger',
  value: { entries: [{ path: 'docs/预算.md', field: 'text', sensitivity, bytes: BigInt(bytes), grant }] },
});
const entry = (sequence: number, at: number, record: RecordInit): Entry =>
  decodeRecord(sequence, encodeRecord(record, at).bytes);
const AT = new Date(2026, 5, 1, 12).getTime();
const DAY = 86_400_000;

test('content under a grant counts, and nothing else', () => {
  const book = new DayBook();
  for (const record of [line(5), line(7, 'config:execute/1'), line(11, 'ask'), line(13, 'owner:k'), line(17, '')])
    book.apply(entry(1, AT, record));
  book.apply(entry(2, AT, line(19, 'g', Sensitivity.NAME)));
  expect([...book.all().values()]).toEqual([12]);
});

test('whatever was pruned, and wherever a crash cut that off, the days are the same', () => {
  const days = fc.array(fc.record({ bytes: fc.nat(50), day: fc.nat(5) }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(days, fc.array(fc.nat(12), { maxLength: 3 }), fc.nat(12), (lines, cuts, kept) => {
      let entries = lines.map(({ bytes, day }, i) => entry(i + 1, AT + day * DAY, line(bytes)));
      const whole = replay(entries);
      const expected = whole.all();
      let last = 0;
      for (const wanted of cuts.toSorted((a, b) => a - b)) {
        const cut = Math.min(wanted, entries.at(-1)?.sequence ?? 0);
        const live = replay(entries);
        const told = live.upTo(cut).map((day) => create(DayEgressSchema, day));
        const checkpoint = create(CheckpointSchema, { sequence: BigInt(cut), days: told });
        entries.push(entry((entries.at(-1)?.sequence ?? 0) + 1, AT, { case: 'checkpoint', value: checkpoint }));
        expect(replay(entries).all()).toEqual(expected);
        // A crash may leave some of what was to go.
        last = Math.min(cut, kept);
        entries = entries.filter(({ sequence }) => sequence > last);
        expect(replay(entries).all()).toEqual(expected);
      }
    }),
    { numRuns: 200 },
  );
});

function replay(entries: readonly Entry[]): DayBook {
  const book = new DayBook();
  for (const each of entries) book.apply(each);
  return book;
}

test('a journal that was pruned and opened again knows what left today', async () => {
  const fs = new MemoryFs();
  const clock = new ManualClock(AT);
  const options = { clock, log: silentLogger, onFatal: () => {}, fs, segmentBytes: 3000, stepBytes: 1024 };
  let journal = await openEdgeJournal('/j', options);
  for (let i = 0; i < 200; i++) await journal.append([line(10)]);
  expect(await journal.prune(0)).toBeGreaterThan(0);
  await journal.append([line(1)]);
  expect([...journal.days.all().values()]).toEqual([2001]);
  await journal.close();
  journal = await openEdgeJournal('/j', options);
  expect(journal.firstSequence).toBeGreaterThan(1);
  expect([...journal.days.all().values()]).toEqual([2001]);
  await journal.close();
});

test('days of more than a week before the newest are forgotten', () => {
  const book = replay([entry(1, AT, line(1)), entry(2, AT + 7 * DAY, line(2)), entry(3, AT + 8 * DAY, line(4))]);
  expect([...book.all().values()]).toEqual([2, 4]);
});
