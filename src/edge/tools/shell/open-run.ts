// A command with all that it will start from held open: its folder, its paths, its program, and what of the machine it will see.
import type { CommandEffect } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import type { RunRequest } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { AllowedCommand } from '../../allowlist/allowlist.ts';
import type { OpenCommand } from '../../allowlist/open-command.ts';
import { contains } from '../../config/config-places.ts';
import type { ToolParts } from '../tool.ts';
import { type CommandLook, type DecidingFile, isAsShown, lookAtCommand } from './command-effect.ts';
import { programName } from './command-grant.ts';
import { type CommandMounts, commandMounts, type WritableFolder } from './command-mounts.ts';
import { type ContentHashes, versionOf } from './content-hashes.ts';
import { findProgram, type Program } from './find-program.ts';
import type { CommandIsolation } from './isolation.ts';
import { limitsInWords } from './limits-in-words.ts';
import { folderOwnerOf } from './preview/folder-owner.ts';
import { isRecursive } from './recursive.ts';
import { isSystem } from './system-view.ts';

/** A request that was judged by its letters. */
export interface JudgedRun {
  readonly parts: ToolParts;
  readonly request: RunRequest;
  readonly command: AllowedCommand;
  /** Undefined: none at all, because the owner said so. */
  readonly isolation: CommandIsolation | undefined;
  readonly hashes: ContentHashes;
}

export interface OpenRun {
  readonly opened: OpenCommand;
  readonly program: Program;
  /** In bubblewrap. */
  readonly view: CommandMounts | undefined;
}

/**
 * Opens all, changes nothing, and closes it after `act`. Errors: those of a command that is not started.
 * @param stop looking through folders ends with it
 */
export async function withOpenRun<T>(
  run: JudgedRun,
  stop: AbortSignal,
  act: (open: OpenRun) => Promise<T>,
): Promise<T> {
  const { parts, command, isolation } = run;
  // Looked for while the folder and the paths are opened; its error is told where it is awaited.
  const found = findProgram(command.argv[0] ?? '');
  found.catch(() => {});
  const opened = await parts.allow.openCommand(command);
  try {
    const program = await found;
    if (!parts.allow.mayRun(program.realPath)) throw new AppError('COMMAND_NOT_ALLOWED');
    if (command.entry.writes.some((folder) => parts.allow.isDenied(folder))) throw new AppError('COMMAND_NOT_ALLOWED');
    const inView = isolation?.kind === 'bubblewrap';
    if (!inView) await mustShowNothingDenied(opened, parts, stop);
    const writable = command.entry.writes.map((path) => ({ path, from: path }));
    const view = inView ? await viewOf(run, opened, program, writable, stop) : undefined;
    return await act({ opened, program, view });
  } finally {
    await opened.close();
  }
}

/** What it sees in bubblewrap. @throws COMMAND_VIEW_TOO_LARGE, why the command was stopped */
export function viewOf(
  { parts, command }: JudgedRun,
  opened: OpenCommand,
  program: Program,
  writable: readonly WritableFolder[],
  stop: AbortSignal,
): Promise<CommandMounts> {
  const { allow, limits } = parts;
  return commandMounts(opened, command.entry, program, allow, limits.walk_entries, stop, writable);
}

/** What it will do. The one who asked closes it. */
export async function lookAtRun(
  run: JudgedRun,
  { opened, program, view }: OpenRun,
  stop: AbortSignal,
): Promise<CommandLook> {
  const { parts, request, command, isolation, hashes } = run;
  const { entry } = command;
  const { unwritable } = await folderOwnerOf(entry.writes, isolation);
  const limits = limitsInWords(entry, isolation, parts.limits, view?.seen ?? [], unwritable);
  // Of a secret that it reads only the handle is shown.
  const stdin = typeof entry.stdin === 'string' ? entry.stdin : request.stdin;
  return lookAtCommand({ opened, entry, program, stdin, limits }, parts.allow, hashes, stop);
}

/** Holds what was shown against what is open. @throws APPROVAL_CHANGED */
export async function mustBeAsShown(
  run: JudgedRun,
  open: OpenRun,
  shown: CommandEffect,
  stop: AbortSignal,
): Promise<CommandLook> {
  const looked = await lookAtRun(run, open, stop);
  if (isAsShown(looked.effect, shown)) return looked;
  await looked.close();
  throw new AppError('APPROVAL_CHANGED');
}

/** For the launcher, which compares them last of all: no name leads elsewhere by then, and no content changed in place. */
export function checksOf({ files }: CommandLook, { view }: OpenRun): string[] {
  const visible = files.filter(({ path, realPath }) => !view || isShown(path, realPath, view));
  return visible.flatMap(({ path, stat }) => [
    [stat.dev, stat.ino, ...(stat.isFile() ? [stat.size, stat.ctimeNs / 1_000_000_000n] : [])].join(':'),
    path,
  ]);
}

function isShown(path: string, realPath: string, { seen, binds, isCopied }: CommandMounts): boolean {
  if (isCopied(path) || isCopied(realPath)) return false;
  if (binds.has(path)) return true;
  const shows = (one: string) => isSystem(one) || seen.some((folder) => contains(folder, one));
  return shows(path) && shows(realPath);
}

/** Compared in this process, where no launcher does it. @throws APPROVAL_CHANGED */
export async function mustBeUnchanged({ files }: CommandLook): Promise<void> {
  const same = async ({ handle, stat }: DecidingFile) =>
    !stat.isFile() || versionOf(await handle.stat({ bigint: true })) === versionOf(stat);
  if (!(await Promise.all(files.map(same))).every(Boolean)) throw new AppError('APPROVAL_CHANGED');
}

/**
 * Where denied files cannot be hidden: a folder from the caller must hold none, nor one that the command goes through by itself.
 * @throws COMMAND_SHOWS_DENIED, COMMAND_VIEW_TOO_LARGE, why the command was stopped
 */
async function mustShowNothingDenied(
  { argv, cwd, paths }: OpenCommand,
  { allow, limits }: ToolParts,
  stop: AbortSignal,
): Promise<void> {
  const folders = [...paths.values()].filter(({ stat }) => stat.isDirectory()).map(({ realPath }) => realPath);
  if (isRecursive([programName(argv), ...argv.slice(1)]) && cwd.realPath !== '/') folders.push(cwd.realPath);
  for (const folder of folders) {
    const denied = await allow.deniedBelow(folder, limits.walk_entries, stop);
    if (denied.length > 0) throw new AppError('COMMAND_SHOWS_DENIED');
  }
}
