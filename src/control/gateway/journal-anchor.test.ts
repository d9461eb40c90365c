import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { JournalPositionSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { judgeJournal } from './journal-anchor.ts';

const hash = (n: number) => new Uint8Array(32).fill(n);
const anchor = { id: 'j', sequence: 10, head: hash(10) };
const shown = (sequence: number, more: { id?: string; head?: number; at?: number; proof?: Uint8Array } = {}) =>
  create(JournalPositionSchema, {
    journalId: more.id ?? 'j',
    sequence: BigInt(sequence),
    headSha256: hash(more.head ?? sequence),
    anchoredSequence: BigInt(more.at ?? 0),
    ...(more.proof ? { anchoredSha256: more.proof } : {}),
  });

test.each([
  ['nothing is anchored yet', null, shown(5), 'proven'],
  ['it stands where it was', anchor, shown(10), 'proven'],
  ['it went on and proves the anchor', anchor, shown(20, { at: 10, proof: hash(10) }), 'proven'],
  ['it went on and has pruned the anchor', anchor, shown(20, { at: 10 }), 'proven'],
  ['it went on and never heard of the anchor', anchor, shown(20, { at: 3, proof: hash(3) }), 'unproven'],
  ['it is behind', anchor, shown(9), 'fork'],
  ['it stands there with another head', anchor, shown(10, { head: 11 }), 'fork'],
  ['it went on from another record', anchor, shown(20, { at: 10, proof: hash(11) }), 'fork'],
  ['it is another journal', anchor, shown(20, { id: 'k', at: 10, proof: hash(10) }), 'fork'],
] as const)('%s', (_what, known, position, verdict) => {
  expect(judgeJournal(known, position)).toBe(verdict);
});
