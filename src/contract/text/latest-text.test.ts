import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AttemptText, LatestText } from './latest-text.ts';

const piece = (text: string, offset: number, epoch = 1, job = 'r/0/0') => ({
  job,
  epoch: BigInt(epoch),
  offset: BigInt(offset),
  text,
});

test('a later attempt begins again from its first byte on; what an earlier one still sends is old', () => {
  const latest = new LatestText();
  expect(latest.position).toEqual({ job: '', epoch: 0, offset: 0 });
  expect(latest.receive(piece('old text', 0))).toBe('added');
  expect(latest.receive(piece('tail', 4, 2))).toBe('gap');
  expect(latest.position).toEqual({ job: 'r/0/0', epoch: 1, offset: 8 });
  expect(latest.receive(piece('new', 0, 2))).toBe('added');
  expect(latest.receive(piece('more old', 8))).toBe('old');
  expect([latest.held?.from(0), latest.bytesOf('r/0/0', 2), latest.bytesOf('r/0/0', 1)]).toEqual(['new', 3, 0]);
});

test('jobs follow each other by step, then by index, as numbers, whatever their epochs are', () => {
  const latest = new LatestText();
  const order = ['r/2/0', 'r/10/0', 'r/10/2', 'r/10/10'];
  for (const [at, job] of order.entries()) {
    expect(latest.receive(piece(job, 0, 9 - at, job))).toBe('added');
    for (const earlier of order.slice(0, at)) expect(latest.receive(piece('late', 0, 99, earlier))).toBe('old');
  }
  expect(latest.held?.from(0)).toBe('r/10/10');
});

test('a text that is written here is held as it is, and grows under its readers; an earlier one displaces nothing', () => {
  const latest = new LatestText();
  const own = new AttemptText('r/0/0', 2);
  latest.hold(own);
  own.append('abc');
  expect(latest.receive(piece('bc', 1, 2))).toBe('old');
  latest.hold(new AttemptText('r/0/0', 1));
  expect(latest.held).toBe(own);
  latest.drop();
  expect(latest.held).toBeUndefined();
});

test('a reader gets what follows its place, aligned to a character, or the beginning of another attempt', () => {
  const text = new AttemptText('r/0/0', 2);
  const at = (offset: number, epoch = 2, job = 'r/0/0') => text.after({ job, epoch, offset });
  expect(at(0)).toBeUndefined();
  text.append('añb');
  expect([at(0), at(2), at(3), at(4), at(9)]).toEqual([
    { offset: 0, text: 'añb' },
    { offset: 3, text: 'b' },
    { offset: 3, text: 'b' },
    undefined,
    undefined,
  ]);
  expect([at(4, 1), at(4, 2, 'r/1/0')]).toEqual([
    { offset: 0, text: 'añb' },
    { offset: 0, text: 'añb' },
  ]);
  expect(text.after({ job: 'r/0/0', epoch: 2, offset: 0 }, 1)).toEqual({ offset: 0, text: 'a' });
});

test('however pieces of several attempts are mixed, what is held is the beginning of one of them, and attempts only get later', () => {
  const texts = ['北京的秋天很美。', 'Peking im Herbst', '🍁'.repeat(5)];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(16), fc.nat(6))), (sent) => {
      const latest = new LatestText();
      let epoch = 0;
      for (const [attempt, from, length] of sent) {
        const points = [...texts[attempt]!];
        const offset = Buffer.byteLength(points.slice(0, from).join(''));
        latest.receive(piece(points.slice(from, from + length).join(''), offset, attempt + 1));
        expect(latest.position.epoch).toBeGreaterThanOrEqual(epoch);
        epoch = latest.position.epoch;
        if (latest.held) expect(texts[epoch - 1]!.startsWith(latest.held.from(0))).toBe(true);
      }
    }),
  );
});
