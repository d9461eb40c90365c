// Key files of the control plane: made once, whole or not at all, and readable by their owner only.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { type KeyKind, kindOf, newKey } from './keys.ts';

/**
 * The text of the file; when it is missing, `make` gives it, and it is written with mode 0600. Two processes that start at
 * once get the same text. Throws SECRET_FILE_UNSAFE when others may read the file or it cannot be used.
 */
export async function readOrCreateFile(file: string, make: () => string): Promise<string> {
  const existing = await read(file);
  if (existing !== undefined) return existing;
  try {
    await create(file, make());
  } catch (error) {
    throw unsafe(file, `cannot be written: ${problemOf(error)}`, error);
  }
  const text = await read(file);
  if (text === undefined) throw unsafe(file, 'vanished while it was made');
  return text;
}

/** The key in the file, made at the first call. Throws SECRET_FILE_UNSAFE also when the file holds something else. */
export async function readOrCreateSecret(file: string, kind: KeyKind): Promise<string> {
  const key = (await readOrCreateFile(file, () => `${newKey(kind)}\n`)).trim();
  if (kindOf(key) !== kind)
    throw unsafe(file, `does not hold one ${kind} key; restore it, or remove it to get a new one`);
  return key;
}

async function read(file: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) throw unsafe(file, 'can be read by other users of this machine; `chmod 600` it');
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unsafe(file, `cannot be read: ${problemOf(error)}`, error);
  }
}

/** Writes a temporary file and links it into place: `link` never replaces, so the first of several wins. */
async function create(file: string, text: string): Promise<void> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(temporary);
  }
  const parent = await open(folder, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
const problemOf = (error: unknown): string => String(codeOf(error) ?? 'unknown');
const unsafe = (file: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
