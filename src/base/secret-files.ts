// The secrets of a home: names, handles, and a private file for each. A value is only ever in its file and in what `reveal` gives; knows
// nothing of who may have one.
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from './errors.ts';
import { isOurs, readPrivate, removeLeftTemporaries, writePrivate } from './private-file.ts';
import { Secret } from './secret.ts';

const NAME = '[a-z][a-z0-9_-]{0,62}';
export const SECRET_NAME = new RegExp(`^${NAME}$`);
const HANDLE = new RegExp(`^secret://(${NAME})$`);

/** What every handle begins with. */
export const SECRET_SCHEME = 'secret://';

/** Secrets of one home at most: every text that leaves is searched for all of them. */
export const MAX_SECRETS = 64;
/** Longest value in bytes: a private key fits. */
export const MAX_SECRET_BYTES = 4096;

/** The name in a handle `secret://NAME`; undefined for any other text. */
export const secretNamed = (text: string): string | undefined => HANDLE.exec(text)?.[1];

/** A value as it was given; the end of its only line is none of it, as editors and `echo` add it. */
export function withoutLineEnd(text: string): string {
  const bare = text.endsWith('\r\n') ? text.slice(0, -2) : text.endsWith('\n') ? text.slice(0, -1) : text;
  return bare.includes('\n') ? text : bare;
}

/** Names of the secrets in the folder, sorted; none when it is not there. Throws SECRET_FILE_UNSAFE. */
export function secretNames(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => SECRET_NAME.test(name))
      .sort();
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw unsafe(folder, 'cannot be read', cause);
  }
}

/** The value; undefined when there is none. Throws SECRET_FILE_UNSAFE when others could have a hand in its file. */
export function readSecretOf(folder: string, name: string): Secret | undefined {
  const text = readPrivate(join(folder, name), { ours: true });
  return text === undefined ? undefined : new Secret(withoutLineEnd(text));
}

/** The value in a file that config.yaml names, which may be a link, as secrets are mounted. Throws SECRET_FILE_UNSAFE. */
export function readNamedSecret(file: string): Secret | undefined {
  const text = readPrivate(file, { link: true, ours: true });
  return text === undefined ? undefined : new Secret(withoutLineEnd(text));
}

/** Writes or replaces the value, durably. Throws USAGE for one too many, DISK_FULL, SECRET_FILE_UNSAFE. */
export function writeSecret(folder: string, name: string, value: Secret): void {
  mustBeOurs(folder);
  removeLeftTemporaries(folder);
  const names = secretNames(folder);
  if (!names.includes(name) && names.length >= MAX_SECRETS)
    throw new AppError('USAGE', {
      what: `there are ${MAX_SECRETS} secrets already, which is the most; remove one first`,
    });
  writePrivate(join(folder, name), value.reveal(), { replace: true });
}

/** Whether there was one. Throws SECRET_FILE_UNSAFE. */
export function removeSecret(folder: string, name: string): boolean {
  const file = join(folder, name);
  if (!lstatSync(file, { throwIfNoEntry: false })) return false;
  try {
    rmSync(file);
    return true;
  } catch (cause) {
    throw unsafe(file, 'cannot be removed', cause);
  }
}

/** A folder that others may enter or change keeps no secret. */
function mustBeOurs(folder: string): void {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory()) throw unsafe(folder, 'is no folder; move it away');
  if (!isOurs(found.uid)) throw unsafe(folder, `belongs to the user ${found.uid}; \`chown\` it to yours`);
  if ((found.mode & 0o077) !== 0) throw unsafe(folder, 'can be entered by other users of this machine; `chmod 700` it');
}

const unsafe = (file: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
