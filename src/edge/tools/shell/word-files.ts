// The files among a command's words: what a script, a list or a setting holds decides what the command does as much as its words do.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, realpath, stat as statOf } from 'node:fs/promises';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import type { OpenCommand } from '../../allowlist/open-command.ts';
import { pathsInWords, type WordPath } from '../../config/word-paths.ts';

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
 * What the words name, from the command's folder: paths that the caller gave, and files that other words, or the environment, mean,
 * wherever in a word they stand. What is denied is hidden from the command, and so is not among them.
 * @throws LIMIT_EXCEEDED
 */
export async function openWordFiles(
  { argv, cwd, paths }: OpenCommand,
  env: Readonly<Record<string, string>>,
  allow: Pick<Allowlist, 'isDenied' | 'denials'>,
): Promise<WordFiles> {
  const own: WordFile[] = [];
  const close = async () => {
    await Promise.all(own.map(({ handle }) => handle.close()));
  };
  try {
    const files = new Map<string, WordFile>();
    for (const given of paths.values()) files.set(given.realPath, { ...given, path: given.realPath });
    const words = argv.filter((_, at) => at > 0 && !paths.has(at));
    for (const named of pathsInWords([...words, ...Object.values(env)], cwd.realPath)) {
      const known = files.has(named.path) && !named.asWritten.includes('..');
      const file = known ? undefined : await openNamed(named, allow);
      if (!file) continue;
      own.push(file);
      if (own.length > MOST_FILES) throw tooMany();
      files.set(file.path, file);
    }
    return { files: [...files.values()], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All are open at once, and shown. */
const MOST_FILES = 256;

const tooMany = () => fixedLimit('the number of files among the words of a command', MOST_FILES, 'name fewer');

/** Undefined where there is no file that the edge may read, and then the command has no more rights. */
async function openNamed(
  { path: letters, asWritten }: WordPath,
  allow: Pick<Allowlist, 'isDenied' | 'denials'>,
): Promise<WordFile | undefined> {
  const realPath = await realpath(asWritten).catch(() => undefined);
  const path = realPath !== undefined && asWritten.includes('..') ? realPath : letters;
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
