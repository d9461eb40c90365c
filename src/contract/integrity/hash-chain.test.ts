import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { genesisHead, HEAD_BYTES, nextHead, sameHead } from './hash-chain.ts';

const fold = (id: Uint8Array, records: Uint8Array[]) => records.reduce(nextHead, genesisHead(id));

test('a head is what anyone can compute from the documented input', () => {
  const id = Buffer.from('id');
  const genesis = createHash('sha256').update('bowline.chain.genesis.v1\0').update(id).digest();
  expect(Buffer.from(genesisHead(id))).toEqual(genesis);
  const link = createHash('sha256').update('bowline.chain.link.v1\0').update(genesis).update('one').digest();
  expect(Buffer.from(nextHead(genesis, Buffer.from('one')))).toEqual(link);
  expect(link.length).toBe(HEAD_BYTES);
});

test('another record, order, split or chain id gives another head', () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(
      bytes,
      fc.array(bytes, { maxLength: 6 }),
      bytes,
      fc.array(bytes, { maxLength: 6 }),
      (id, a, other, b) => {
        const same = Buffer.compare(id, other) === 0 && a.length === b.length && a.every((r, i) => sameHead(r, b[i]!));
        expect(sameHead(fold(id, a), fold(other, b))).toBe(same);
      },
    ),
    { numRuns: 200 },
  );
});
