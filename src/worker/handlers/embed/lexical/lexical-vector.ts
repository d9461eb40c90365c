// The vector of a text without any model: hashed pieces of words. It compares letters, not meaning. Pure, and the same on
// every machine; what is changed here changes the name below.
import { featuresOf } from './features.ts';

/** Numbers of a vector. Recall no longer grows much beyond it. */
export const LEXICAL_DIMENSION = 1024;

/** The name of these vectors. Whoever keeps vectors compares them only with others of the same name. */
export const LEXICAL_MODEL = `char-ngrams-${LEXICAL_DIMENSION}-v1`;

/**
 * A vector of length 1. Each feature is added or taken off at the place that its hash names (signed feature hashing, Weinberger
 * et al. 2009), with the weight 1 + ln(count), so that what a text repeats does not outshout the rest. Pieces of 3 to 5
 * letters and whole words as in fastText (Bojanowski et al. 2017); single signs and pairs where words have no spaces.
 */
export function lexicalVector(text: string): Float32Array {
  const sums = new Float64Array(LEXICAL_DIMENSION);
  let place = 0;
  for (const [hash, times] of featuresOf(text)) {
    place = (hash >>> 1) % LEXICAL_DIMENSION;
    sums[place]! += (hash & 1 ? 1 : -1) * (1 + Math.log(times));
  }
  // Plain loops: the methods of typed arrays take longer than all the rest.
  let squares = 0;
  for (let at = 0; at < LEXICAL_DIMENSION; at++) squares += sums[at]! * sums[at]!;
  // All features may cancel each other out, in theory: then the last one counts alone.
  if (squares === 0) sums[place] = 1;
  const length = Math.sqrt(squares) || 1;
  const vector = new Float32Array(LEXICAL_DIMENSION);
  for (let at = 0; at < LEXICAL_DIMENSION; at++) vector[at] = sums[at]! / length;
  return vector;
}
