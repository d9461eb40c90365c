// The files among a command's words: what a script, a list or a setting holds decides what the command does as much as its words do.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, realpath, stat as statOf } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import type { OpenCommand } from '../../allowlist/open-command.ts';

/** An open file or folder among the words. */
export interface WordFile {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  readonly realPath: string;
  /** Where the command finds it. */
  readonly path: string;
}

/** Closed by the one who opened them; what the command itself was given stays open. */
export interface WordFiles {
  readonly files: readonly WordFile[];
  close(): Promise<void>;
}

/**
 * What the words name, from the command's folder: paths that the caller gave, and files that other words or values of options mean. What
 * is denied is hidden from the command, and so is not among them.
 */
export async function openWordFiles(
  { argv, cwd, paths }: OpenCommand,
  allow: Pick<Allowlist, 'isDenied' | 'denials'>,
): Promise<WordFiles> {
  const own: WordFile[] = [];
  const close = async () => {
    await Promise.all(own.map(({ handle }) => handle.close()));
  };
  try {
    const files = new Map<string, WordFile>();
    for (const [at, word] of argv.entries()) {
      if (at === 0) continue;
      const given = paths.get(at);
      const file = given
        ? { ...given, path: given.realPath }
        : await openNamed(resolve(cwd.realPath, optionValue(word)), allow);
      if (!file) continue;
      if (!given) own.push(file);
      files.set(file.path, file);
    }
    return { files: [...files.values()], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Of an option with a value, the value. */
const optionValue = (word: string): string => (word.startsWith('-') ? word.slice(word.indexOf('=') + 1) : word);

/** Undefined where there is no file that the edge may read, and then the command has no more rights. */
async function openNamed(path: string, allow: Pick<Allowlist, 'isDenied' | 'denials'>): Promise<WordFile | undefined> {
  const realPath = await realpath(path).catch(() => undefined);
  if (realPath === undefined || allow.isDenied(path) || allow.isDenied(realPath, true)) return undefined;
  // A device could act when it is opened, and a pipe would wait.
  const found = await statOf(realPath).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const handle = await open(realPath, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (!handle) return undefined;
  const stat = await handle.stat({ bigint: true });
  if (stat.isFile() && !(await allow.denials.identity(stat))) return { handle, stat, realPath, path };
  await handle.close();
  return undefined;
}
