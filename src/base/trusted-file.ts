// Small files that decide whom we trust or who we are: read only if nobody else can have written them. Knows nothing of what is in
// them.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { AppError } from './errors.ts';

/** What helps with a file that cannot be read at all. */
const SEE = 'see that it is a file and may be read by the user who runs this, or restore it from a backup';

/** More than any of these files needs. */
const MAX_BYTES = 64 << 10;

export interface TrustedFile {
  /** Nobody else may read it either: a secret. */
  readonly secret: boolean;
}

/** Whether a user is this one or root; where the system has no users, everybody is. */
export const isOurs = (uid: number): boolean => uid === 0 || process.getuid === undefined || uid === process.getuid();

/** The text of the file, or undefined when there is none. Throws SECRET_FILE_UNSAFE when others could have a hand in it. */
export function readTrusted(file: string, { secret }: TrustedFile): string | undefined {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unsafe(file, `cannot be read (${code}); ${SEE}`, error);
  }
  try {
    const found = fstatSync(handle);
    if (!found.isFile()) throw unsafe(file, `is no file; ${SEE}`);
    if (!isOurs(found.uid))
      throw unsafe(file, `belongs to the user ${found.uid}; \`chown\` it to yours, or make a new one`);
    if ((found.mode & 0o022) !== 0) throw unsafe(file, 'can be changed by other users of this machine; `chmod 600` it');
    if (secret && (found.mode & 0o077) !== 0) {
      throw unsafe(file, 'can be read by other users of this machine; `chmod 600` it');
    }
    if (found.size > MAX_BYTES) throw unsafe(file, `is far too large; ${SEE}`);
    return readFileSync(handle, 'utf8');
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unsafe(file, `cannot be read (${codeOf(error)}); ${SEE}`, error);
  } finally {
    closeSync(handle);
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
const unsafe = (file: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_FILE_UNSAFE', { file, problem }, { cause });
