// Small files that keep a secret or decide whom we trust: read only if nobody else had a hand in them, written whole and synced or not at
// all. Knows nothing of what is in them.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from './errors.ts';
import { makeFolder } from './make-folder.ts';

/** More than any of these files needs. */
const MAX_BYTES = 64 << 10;

/** What may be otherwise than with a key that we made ourselves. */
export interface FileTrust {
  /** Others may read it. Nobody else may change it. */
  readonly shared?: boolean;
  /** It may be a link, which is how orchestrators hand over secrets. */
  readonly link?: boolean;
  /** It must be a regular file of this user or of root. */
  readonly ours?: boolean;
}

/** Whether a user is this one or root; where the system has no users, everybody is. */
export const isOurs = (uid: number): boolean => uid === 0 || process.getuid === undefined || uid === process.getuid();

/** The text of the file, or undefined when there is none. Throws SECRET_FILE_UNSAFE when others could have a hand in it. */
export function readPrivate(file: string, trust: FileTrust = {}): string | undefined {
  // Others hand a secret over as they like, such as through a pipe.
  const plain = trust.ours || !trust.link;
  let handle: number;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    handle = openSync(file, O_RDONLY | (trust.link ? 0 : O_NOFOLLOW) | (plain ? O_NONBLOCK : 0));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || (trust.ours && code === 'ENOTDIR')) return undefined;
    throw unsafe(file, unread(code, trust), error);
  }
  try {
    const found = fstatSync(handle);
    if (plain && !found.isFile()) throw unsafe(file, `is no file; ${remedy(trust)}`);
    if (trust.ours && !isOurs(found.uid))
      throw unsafe(file, `belongs to the user ${found.uid}; \`chown\` it to yours, or make a new one`);
    if ((found.mode & 0o022) !== 0) throw unsafe(file, 'can be changed by other users of this machine; `chmod 600` it');
    if (!trust.shared && (found.mode & 0o077) !== 0)
      throw unsafe(file, 'can be read by other users of this machine; `chmod 600` it');
    if (found.size > MAX_BYTES) throw unsafe(file, `is far too large; ${remedy(trust)}`);
    return readFileSync(handle, 'utf8');
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unsafe(file, unread(codeOf(error), trust), error);
  } finally {
    closeSync(handle);
  }
}

/** A secret that somebody hands over, such as a mounted file, without the space around it. Throws SECRET_FILE_UNSAFE, also when it is not there. */
export function readHandedOver(file: string): string {
  const trust = { link: true };
  const text = readPrivate(file, trust);
  if (text === undefined) throw unsafe(file, unread('ENOENT', trust));
  return text.trim();
}

/**
 * Puts the text into the file with mode 0600, durably: file and folder are synced when this returns. Without `replace` an
 * existing file stays as it is (the first of several writers wins). One that says the same already gets a new time, which needs
 * no room. Throws DISK_FULL, and SECRET_FILE_UNSAFE when it cannot be written otherwise.
 */
export function writePrivate(file: string, text: string, options: { replace: boolean }): void {
  if (options.replace && saysAlready(file, text)) return;
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    makeFolder(dirname(file));
    writeWhole(temporary, text);
    if (options.replace) renameSync(temporary, file);
    else linkOnce(temporary, file);
    syncFolder(dirname(file));
  } catch (error) {
    if (NO_ROOM.has(codeOf(error))) throw new AppError('DISK_FULL', { what: file }, { cause: error });
    throw unsafe(file, `cannot be written: ${codeOf(error)}`, error);
  } finally {
    remove(temporary);
  }
}

const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

function saysAlready(file: string, text: string): boolean {
  try {
    const { uid, mode } = lstatSync(file);
    if (!isOurs(uid) || (mode & 0o777) !== 0o600 || readPrivate(file, { ours: true }) !== text) return false;
    const now = new Date();
    utimesSync(file, now, now);
    return true;
  } catch {
    return false;
  }
}

/** What a writer leaves that is killed while it writes. */
const TEMPORARY = /\.[0-9a-f]{12}$/;
/** A living one writes for a moment. */
const LEFT_AFTER_MS = 10_000;

/** Removes from the folder what killed writers left there. Throws nothing: what cannot be removed stays. */
export function removeLeftTemporaries(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      if (!TEMPORARY.test(name)) continue;
      const file = join(folder, name);
      const found = lstatSync(file, { throwIfNoEntry: false });
      if (found?.isFile() && found.mtimeMs < Date.now() - LEFT_AFTER_MS) remove(file);
    }
  } catch {
    // There is no such folder yet.
  }
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Then its folder is none, and nothing was written.
  }
}

/** The text of the file; when it is missing, `make` gives it. Programs that start at once get the same text. Throws SECRET_FILE_UNSAFE. */
export function readOrCreatePrivate(file: string, make: () => string): string {
  const existing = readPrivate(file);
  if (existing !== undefined) return existing;
  writePrivate(file, make(), { replace: false });
  const text = readPrivate(file);
  if (text === undefined) throw unsafe(file, 'vanished while it was made');
  return text;
}

function writeWhole(file: string, text: string): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    fchmodSync(handle, 0o600);
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** `link` never replaces. */
function linkOnce(temporary: string, file: string): void {
  try {
    linkSync(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Makes new names in a folder durable. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** What helps with a file that cannot be read at all. */
const remedy = ({ shared, link }: FileTrust): string =>
  shared || link
    ? 'see that it is a file and may be read by the user who runs this, or restore it from a backup'
    : 'see that it is a file, belongs to the user who runs this and has mode 600, or restore it from a backup';

const unread = (code: string, trust: FileTrust): string => `cannot be read (${code}); ${remedy(trust)}`;
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
const unsafe = (file: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
