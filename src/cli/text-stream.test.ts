import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextChunkSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { AGAIN, TextStream } from './text-stream.ts';

const piece = (text: string, offset: number, epoch = 1, job = 'r/0/0') =>
  create(TextChunkSchema, { job, epoch: BigInt(epoch), offset: BigInt(offset), text });

test('pieces that overlap, repeat or lack a middle never show a text twice or wrongly', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
      fc.array(fc.tuple(fc.nat(30), fc.nat(10))),
      (answer, cuts) => {
        const points = [...answer];
        const at = (n: number) => Buffer.byteLength(points.slice(0, n).join(''));
        const stream = new TextStream();
        let shown = '';
        for (const [from, length] of cuts) {
          shown += stream.add(piece(points.slice(from, from + length).join(''), at(from)));
        }
        shown += stream.end(answer);
        expect(shown).toBe(answer.endsWith('\n') ? answer : `${answer}\n`);
      },
    ),
    { numRuns: 300 },
  );
});

test('a new attempt begins again in words; what the old one still sends is dropped', () => {
  const stream = new TextStream();
  const shown = [piece('old', 0), piece('new', 0, 2), piece('er', 3), piece(' text', 3, 2)].map((p) => stream.add(p));
  expect([...shown, stream.end('new text')].join('')).toBe(`old\n${AGAIN}\nnew text\n`);
});

test('an answer that is not what was streamed is shown whole, not joined on', () => {
  const stream = new TextStream();
  const shown = stream.add(piece('Half an ans', 0)) + stream.end('Another answer');
  expect(shown).toBe(`Half an ans\n${AGAIN}\nAnother answer\n`);
});

test('white space behind the answer does not make it another one', () => {
  const stream = new TextStream();
  expect(stream.add(piece('Done. ', 0)) + stream.end('Done.')).toBe('Done. \n');
});

test('the text of another step stands apart', () => {
  const stream = new TextStream();
  const shown =
    stream.add(piece('Let me look.', 0)) + stream.add(piece('Found.', 0, 1, 'r/2/0')) + stream.end('Found.');
  expect(shown).toBe('Let me look.\n\nFound.\n');
});

test('a run without text ends without a line', () => {
  expect(new TextStream().end('')).toBe('');
});
