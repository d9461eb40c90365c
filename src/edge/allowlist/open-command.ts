// Opens what a command is given: its folder and the paths among its words. From here on a name is only what the caller reads.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import type { MatchedCommand } from './argv-template.ts';
import type { JudgedPath } from './judge-path.ts';
import type { OpenFile } from './open-file.ts';

/** A file or folder that a command may see. */
export interface OpenPath {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  readonly realPath: string;
}

/** Closed by the one who opened it. */
export interface OpenCommand {
  /** The words, with real paths. */
  readonly argv: readonly string[];
  readonly cwd: OpenPath;
  /** What the words that are paths lead to, by their place. */
  readonly paths: ReadonlyMap<number, OpenPath>;
  close(): Promise<void>;
}

/** A command with the folder to run in. */
export interface PlacedCommand extends MatchedCommand {
  readonly cwd: string;
  /** The same where the caller chose it. */
  readonly asked: JudgedPath | undefined;
}

export interface Openers {
  openFile(judged: JudgedPath): Promise<OpenFile>;
  openFolder(judged: JudgedPath): Promise<OpenFile>;
}

/** Errors: see openFile. */
export async function openCommand(command: PlacedCommand, openers: Openers): Promise<OpenCommand> {
  const opened: OpenPath[] = [];
  const keep = (path: OpenPath): OpenPath => {
    opened.push(path);
    return path;
  };
  const close = async () => {
    await Promise.all(opened.map(({ handle }) => handle.close()));
  };
  try {
    const argv = [...command.argv];
    const paths = new Map<number, OpenPath>();
    for (const [at, judged] of command.paths) {
      const path = keep(await openAny(judged, openers));
      paths.set(at, path);
      argv[at] = path.realPath;
    }
    const cwd = keep(await (command.asked ? openers.openFolder(command.asked) : openOwn(command.cwd)));
    return { argv, cwd, paths, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openAny(judged: JudgedPath, { openFile, openFolder }: Openers): Promise<OpenFile> {
  try {
    return await openFolder(judged);
  } catch (error) {
    if (error instanceof AppError && error.reason === 'NOT_A_FOLDER') return openFile(judged);
    throw error;
  }
}

/** A folder that the owner named. */
async function openOwn(realPath: string): Promise<OpenPath> {
  try {
    const handle = await open(realPath, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    return { handle, realPath, stat: await handle.stat({ bigint: true }) };
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', {}, { cause });
  }
}
