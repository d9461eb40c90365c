// Key files of the control plane: made once, whole or not at all, and readable by their owner only.
import { AppError } from '../../base/errors.ts';
import { readPrivate, writePrivate } from '../../base/private-file.ts';
import { type KeyKind, kindOf, newKey } from './keys.ts';

/**
 * The text of the file; when it is missing, `make` gives it, and it is written with mode 0600. Two processes that start at
 * once get the same text. Throws SECRET_FILE_UNSAFE when others may read the file or it cannot be used.
 */
export async function readOrCreateFile(file: string, make: () => string): Promise<string> {
  const existing = await readPrivate(file);
  if (existing !== undefined) return existing;
  await writePrivate(file, make(), { replace: false });
  const text = await readPrivate(file);
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

const unsafe = (file: string, problem: string) => new AppError('SECRET_FILE_UNSAFE', { file, problem });
