import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SETTLED_KEY_BYTES, type SettledKey, SettledKeys } from './settled-keys.ts';

const entry = fc.record({
  state: fc.constantFrom('done' as const, 'never' as const, 'unknown' as const),
  params: fc.oneof(
    fc.constant(''),
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('hex')),
  ),
  expiresAt: fc.integer({ min: 1, max: 4_000_000_000 }).map((s) => s * 1000),
});
const entries = fc.dictionary(fc.string({ minLength: 1, maxLength: 128 }), entry, { maxKeys: 50 });

const shortened = ({ params, ...rest }: SettledKey) => ({ ...rest, params: params.slice(0, 16) });

test('what was written down is known again, byte for byte', () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 20 }), (all, each) => {
      const one = new SettledKeys();
      for (const [key, value] of Object.entries(all)) one.add(key, value);
      const pieces = [...one.pack(each * SETTLED_KEY_BYTES + 5)];
      const two = new SettledKeys();
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(each * SETTLED_KEY_BYTES + 5);
        two.unpack(piece);
      }
      expect(two.size).toBe(Object.keys(all).length);
      for (const [key, value] of Object.entries(all)) expect(two.get(key)).toEqual(shortened(value));
      expect(two.get('no such key, which is longer than any of them: '.padEnd(140, 'x'))).toBeUndefined();
    }),
  );
});

test('what is known is not overwritten by what was written down, and only what expired is forgotten', () => {
  const old = new SettledKeys();
  old.add('k', { state: 'unknown', params: '', expiresAt: 1_000 });
  old.add('l', { state: 'done', params: '', expiresAt: 9_000 });
  const now = new SettledKeys();
  now.add('k', { state: 'done', params: '', expiresAt: 2_000 });
  for (const piece of old.pack(1 << 20)) now.unpack(piece);
  expect(now.get('k')).toEqual({ state: 'done', params: '', expiresAt: 2_000 });
  expect(now.forget(5_000, 1_000)).toBe(2_000);
  expect([now.get('k'), now.get('l')?.state, now.size]).toEqual([undefined, 'done', 1]);
  expect(now.forget(5_000, 1_000)).toBe(0);
});
