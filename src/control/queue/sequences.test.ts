import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GapDetector, Sequencer } from './sequences.ts';

test('sequences are gapless per topic while it is remembered', () => {
  const sequencer = new Sequencer();
  expect(['a', 'b', 'a', 'a', 'b'].map((topic) => sequencer.next(topic))).toEqual([1, 1, 2, 3, 2]);
});

test('whatever topics are forgotten and whatever is lost, each loss is followed by a gap', () => {
  const steps = fc.array(fc.record({ topic: fc.integer({ min: 0, max: 5 }), lost: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (messages) => {
      const sequencer = new Sequencer(2);
      const readers = new Map<number, { gaps: GapDetector; missing: boolean; last: number }>();
      for (const { topic, lost } of messages) {
        const reader = readers.get(topic) ?? { gaps: new GapDetector(), missing: false, last: 0 };
        readers.set(topic, reader);
        const sequence = sequencer.next(`${topic}`);
        expect(sequence).toBeGreaterThan(reader.last);
        reader.last = sequence;
        if (lost) {
          reader.missing = true;
        } else {
          if (reader.missing) expect(reader.gaps.missed('p', sequence)).toBe(true);
          else reader.gaps.missed('p', sequence);
          reader.missing = false;
        }
      }
    }),
  );
});

test('repeats and late messages are no gap', () => {
  const gaps = new GapDetector();
  expect([1, 3, 2, 3, 1, 4].map((sequence) => gaps.missed('p', sequence))).toEqual([
    false,
    true,
    false,
    false,
    false,
    false,
  ]);
});
