// What a command will do, as far as that can be told before: what the owner is shown, made from what is open.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { create, equals } from '@bufbuild/protobuf';
import {
  type CommandEffect,
  CommandEffectSchema,
  CommandFileSchema,
} from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import type { OpenCommand } from '../../allowlist/open-command.ts';
import type { ExecuteEntry } from '../../config/edge-config.ts';
import { textBeginning } from '../text-beginning.ts';
import type { ContentHashes, HashedContent } from './content-hashes.ts';
import type { Program } from './find-program.ts';
import { openWordFiles } from './word-files.ts';

/** Of standard input, what is shown. */
const STDIN_BYTES = 4 << 10;

export interface EffectParts {
  readonly opened: OpenCommand;
  readonly entry: ExecuteEntry;
  readonly program: Program;
  readonly stdin: string;
  /** What keeps it apart, in words. */
  readonly limits: readonly string[];
}

/** Something whose content decides what the command does, held open. */
export interface DecidingFile extends HashedContent {
  readonly handle: FileHandle;
  /** Where the command finds it. */
  readonly path: string;
  readonly realPath: string;
}

/** Closed by the one who asked for it. */
export interface CommandLook {
  readonly effect: CommandEffect;
  /** The program first. */
  readonly files: readonly DecidingFile[];
  close(): Promise<void>;
}

/** @throws FILE_CHANGED, FILE_UNREADABLE, COMMAND_FAILED_TO_START, why `signal` aborted */
export async function lookAtCommand(
  parts: EffectParts,
  allow: Pick<Allowlist, 'isDenied' | 'denials'>,
  hashes: ContentHashes,
  signal: AbortSignal,
): Promise<CommandLook> {
  const { opened, program } = parts;
  const words = await openWordFiles(opened, parts.entry.env, allow);
  let own: FileHandle | undefined;
  const close = async () => {
    await Promise.all([own?.close(), words.close()]);
  };
  try {
    own = await openProgram(program);
    const of = async (file: Pick<DecidingFile, 'handle' | 'path' | 'realPath'>): Promise<DecidingFile> => ({
      ...file,
      ...(await hashes.of(file.handle, signal)),
    });
    const files = [await of({ ...program, handle: own })];
    for (const file of words.files) files.push(await of(file));
    return { effect: effectOf(parts, files), files, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A program that cannot be read cannot be shown. */
async function openProgram({ realPath }: Program): Promise<FileHandle> {
  try {
    return await open(realPath, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new AppError('COMMAND_FAILED_TO_START', {}, { cause });
  }
}

function effectOf(
  { opened, entry, program, stdin, limits }: EffectParts,
  files: readonly DecidingFile[],
): CommandEffect {
  const [first, ...words] = files;
  // A larger one than is read would be shown without what it holds.
  if (!first || first.sha256.length === 0) throw new AppError('COMMAND_FAILED_TO_START');
  const input = Buffer.from(stdin);
  return create(CommandEffectSchema, {
    argv: [...opened.argv],
    program: program.realPath,
    programSha256: first.sha256,
    cwd: opened.cwd.realPath,
    env: Object.entries(entry.env).map(([name, value]) => `${name}=${value}`),
    stdin: textBeginning(input, STDIN_BYTES),
    stdinSha256: input.length === 0 ? new Uint8Array() : createHash('sha256').update(input).digest(),
    limits: [...limits],
    files: words.map(({ realPath, stat, sha256 }) =>
      create(CommandFileSchema, { path: realPath, device: stat.dev, inode: stat.ino, sha256 }),
    ),
  });
}

/** Whether a command is what was shown. What it did on a copy is no part of that. */
export const isAsShown = (now: CommandEffect, shown: CommandEffect): boolean =>
  equals(
    CommandEffectSchema,
    { ...now, preview: undefined, noPreview: '' },
    { ...shown, preview: undefined, noPreview: '' },
  );
