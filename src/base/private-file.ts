// Small files that only their owner may read: written whole and synced, or not at all. Knows nothing of what is in them.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from './errors.ts';
import { makeFolder } from './make-folder.ts';

/** What helps with a file that cannot be read at all. */
const SEE = 'see that it is a file, belongs to the user who runs this and has mode 600, or restore it from a backup';

/** More than any of these files needs. */
const MAX_BYTES = 64 << 10;

/** The text of the file, or undefined when there is none. Throws SECRET_FILE_UNSAFE when others can read it. */
export async function readPrivate(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { mode, size } = await handle.stat();
      if ((mode & 0o077) !== 0) throw unsafe(file, 'can be read by other users of this machine; `chmod 600` it');
      if (size > MAX_BYTES) throw unsafe(file, `is far too large; ${SEE}`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unsafe(file, `cannot be read (${String(codeOf(error) ?? 'unknown')}); ${SEE}`, error);
  }
}

/**
 * Puts the text into the file with mode 0600, durably: file and folder are synced when this resolves. Without `replace` an
 * existing file stays as it is (the first of several writers wins). Throws SECRET_FILE_UNSAFE when it cannot be written.
 */
export async function writePrivate(file: string, text: string, options: { replace: boolean }): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  const folder = dirname(file);
  try {
    makeFolder(folder);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (options.replace) await rename(temporary, file);
    else await linkOnce(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    throw unsafe(file, `cannot be written: ${String(codeOf(error) ?? 'unknown')}`, error);
  }
}

/** `link` never replaces. */
async function linkOnce(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(temporary);
  }
}

/** Makes renames and new names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
const unsafe = (file: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
