// Reads the file that holds one secret of the configuration. Unlike the keys that Bowline makes itself, it may be a link:
// that is how orchestrators hand secrets over.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { AppError } from '../errors.ts';

const MAX_BYTES = 16 << 10;

/** The text without the line's end. Throws SECRET_FILE_UNSAFE when it cannot be read, or others can read it. */
export function readSecretFile(file: string): string {
  const unsafe = (problem: string, cause?: unknown) => new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
  try {
    const handle = openSync(file, 'r');
    try {
      const { mode, size } = fstatSync(handle);
      if ((mode & 0o077) !== 0) throw unsafe('can be read by other users of this machine; give it mode 0600 or 0400');
      if (size > MAX_BYTES) throw unsafe('is far too large');
      return readFileSync(handle, 'utf8').trim();
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw unsafe(`cannot be read: ${code}`, error);
  }
}
