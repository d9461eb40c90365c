// What keeps a text from being a secret. Pure.
import { MAX_SECRET_BYTES } from './secret-files.ts';

/** Letters that count; a shorter value would stand in ordinary texts, and everything would be full of masks. */
const LEAST_LETTERS = 8;

/** Signs that are passed over when a text is searched for secrets. */
const PASSED_OVER = /[\s\0\\"'%:,]/g;

/** What is wrong with a value, for people: it follows the name of the secret. Undefined when nothing is. */
export function secretProblem(value: string): string | undefined {
  if (value === '') return 'it is empty';
  if (value.includes('\0')) return 'it holds a NUL character, which cannot be handed to a program';
  if (value.includes('\uFFFD')) return 'it is no text in UTF-8';
  if (Buffer.byteLength(value) > MAX_SECRET_BYTES) return `it is longer than ${MAX_SECRET_BYTES} bytes`;
  if (Buffer.byteLength(value.replaceAll(PASSED_OVER, '')) < LEAST_LETTERS)
    return `it is shorter than ${LEAST_LETTERS} letters (spaces, quotes and \\ % : , do not count), so it could not be masked: it may stand in any text by chance`;
  return undefined;
}
