// Judges the numbers of a foreign model and makes a vector of length 1 of them. Pure.
import { AppError } from '../../../base/errors.ts';

/** Throws DIMENSION_WRONG for another count than `dimension`, MODEL_OUTPUT_INVALID for numbers that name no direction. */
export function unitVector(values: readonly number[], dimension: number, model: string): Float32Array {
  if (values.length !== dimension) {
    throw new AppError('DIMENSION_WRONG', { model, got: values.length, declared: dimension });
  }
  const invalid = (problem: string) => new AppError('MODEL_OUTPUT_INVALID', { problem });
  // Divided by the largest first: a square must neither overflow nor vanish.
  let largest = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) throw invalid('a vector with something that is no number');
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0) throw invalid('a vector of zeros');
  let sum = 0;
  for (const value of values) sum += (value / largest) ** 2;
  const length = Math.sqrt(sum);
  const vector = new Float32Array(dimension);
  for (let at = 0; at < dimension; at++) vector[at] = values[at]! / largest / length;
  return vector;
}
