// What was thrown, in words: of this process, of the system, or of a program in WebAssembly, which throws what is no Error.
import { isRecord } from './is-record.ts';

/** What the codes of the system mean, with what to do where that is clear. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user has no right to it; give it to the user who runs this (chown), or run as its owner',
  EPERM: 'the system does not allow it to this user',
  ENOSPC: 'no space is left on the disk; free some',
  EDQUOT: 'the quota of this user on the disk is used up; free some space or raise it',
  EFBIG: 'the system takes no file of this size (ulimit -f)',
  EROFS: 'the disk is read-only; mount it to be written',
  EIO: 'the disk fails (an input or output error); see the log of the system',
  EMFILE: 'this process has too many files open (ulimit -n)',
  ENFILE: 'the system has too many files open',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'its name is too long for this disk',
};

/** Numbers of the codes in WebAssembly (WASI). */
const WASI: Readonly<Record<number, string>> = {
  2: 'EACCES',
  19: 'EDQUOT',
  22: 'EFBIG',
  29: 'EIO',
  33: 'EMFILE',
  41: 'ENFILE',
  44: 'ENOENT',
  51: 'ENOSPC',
  63: 'EPERM',
  69: 'EROFS',
};

/** The code of the system that something thrown has; empty where it has none. */
export function systemCodeOf(error: unknown): string {
  if (!isRecord(error)) return '';
  if (typeof error.code === 'string' && error.code in WORDS) return error.code;
  // A program in WebAssembly has the system's own numbers only where it says so by its name.
  return error.name === 'ErrnoError' && typeof error.errno === 'number' ? (WASI[error.errno] ?? '') : '';
}

/** What a code of the system means; undefined where that is not known here. */
export const codeWords = (code: string): string | undefined => WORDS[code];

/** One line for people, with the code behind it. */
export function causeText(error: unknown): string {
  const code = systemCodeOf(error);
  const words = codeWords(code);
  if (words !== undefined) return `${pathOf(error)}${words} (${code})`;
  if (error instanceof Error) return error.message;
  if (isRecord(error)) return typeof error.message === 'string' ? error.message : asJson(error);
  return String(error);
}

const pathOf = (error: unknown): string => (isRecord(error) && typeof error.path === 'string' ? `${error.path}: ` : '');

function asJson(value: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'something that is no error was thrown';
  }
}
