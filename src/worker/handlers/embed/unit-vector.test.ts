// Numbers of a foreign model: normalised, or refused with the reason.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unitVector } from './unit-vector.ts';

test('whatever is finite and not all zero becomes a vector of length 1, however large or small', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 40 }), (values) => {
      fc.pre(values.some((value) => value !== 0));
      const vector = unitVector(values, values.length, 'm');
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    }),
  );
  expect([...unitVector([3, 4], 2, 'm')].map((value) => value.toFixed(4))).toEqual(['0.6000', '0.8000']);
});

test('another dimension, no number and no direction are refused', () => {
  expect(() => unitVector([1, 2, 3], 2, 'house')).toThrow(
    /house answers with vectors of 3 numbers, but 2 are declared/,
  );
  for (const values of [
    [1, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
    [0, 0],
  ])
    expect(() => unitVector(values, 2, 'm')).toThrow(expect.objectContaining({ reason: 'MODEL_OUTPUT_INVALID' }));
});
