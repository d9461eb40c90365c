// Reads a small text file of the home, where anything may lie under its name: a pipe is not waited for, and nothing large is held.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** The text, or what is wrong with what is there. */
export type SmallFile = { readonly text: string } | { readonly problem: string; readonly cause?: unknown };

/** The text of a plain file of at most so many bytes; undefined where there is none. */
export function readSmall(file: string, maxBytes: number): SmallFile | undefined {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' ? undefined : unread(cause);
  }
  try {
    const found = fstatSync(handle);
    if (!found.isFile())
      return { problem: `is ${found.isDirectory() ? 'a folder' : 'a pipe or a device'}, not a file` };
    if (found.size > maxBytes) return { problem: `has ${found.size} bytes; at most ${maxBytes} are read` };
    return { text: readFileSync(handle, 'utf8') };
  } catch (cause) {
    return unread(cause);
  } finally {
    closeSync(handle);
  }
}

/** The same where a file that cannot be read counts as none. */
export function textIfSmall(file: string, maxBytes: number): string | undefined {
  const read = readSmall(file, maxBytes);
  return read && 'text' in read ? read.text : undefined;
}

const unread = (cause: unknown): SmallFile => ({ problem: `cannot be read (${codeOf(cause)})`, cause });
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
