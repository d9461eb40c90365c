// Small files that only their owner may read: keys and models.yaml. Written whole or not at all.
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { makeFolder } from '../../base/make-folder.ts';

/**
 * The text of the file, or undefined when there is none. Throws SECRET_FILE_UNSAFE when others may write it, or, with
 * `ours`, may read it. A file of someone else's making (a mounted secret) may be readable by a group.
 */
export function readPrivate(file: string, options: { ours: boolean }): string | undefined {
  try {
    const { mode } = statSync(file);
    if ((mode & (options.ours ? 0o077 : 0o022)) !== 0) {
      const what = options.ours ? 'read' : 'changed';
      throw unsafe(file, `can be ${what} by other users of this machine; \`chmod 600\` it`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unsafe(
      file,
      `cannot be read (${codeOf(error)}); see that it is a file and may be read by the user who runs this, or restore it from a backup`,
      error,
    );
  }
}

/** Replaces the file by the text, mode 0600. Throws SECRET_FILE_UNSAFE when it cannot be written. */
export function writePrivate(file: string, text: string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    makeFolder(dirname(file));
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
    chmodSync(temporary, 0o600);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw unsafe(file, `cannot be written: ${codeOf(error)}`, error);
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
const unsafe = (file: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
