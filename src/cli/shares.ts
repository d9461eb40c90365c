// Turns `--share` values into what the edge is asked for: patterns with line ranges, absolute where the caller's folder has
// such a place, else as they are: answers name files by their allowed root (`docs/notes.md`). It matches nothing itself.
import { resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type Share, ShareSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { literalGlob, splitGlob } from '../base/glob.ts';
import { expandHome } from '../base/home.ts';
import { onDisk } from '../base/same-name.ts';

/** Where the value was typed. */
export interface Caller {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `notes.md`, `docs/*.md`, `notes.md#L10-L40`, `notes.md#L10`; relative to `cwd`, or below the caller's own folder. Throws USAGE. */
export function parseShare(value: string, { cwd, env }: Caller): Share {
  const match = exists(value, cwd) ? null : /^(.+)#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(value);
  const path = match?.[1] ?? value;
  if (path === '') throw new AppError('USAGE', { what: '--share takes a file or a quoted glob' });
  const startLine = Number(match?.[2] ?? 0);
  const endLine = Number(match?.[3] ?? startLine);
  if (match && (startLine < 1 || endLine < startLine)) {
    throw new AppError('USAGE', {
      what: `the lines of --share ${value} are not a range; lines count from 1, like notes.md#L10-L40`,
    });
  }
  return create(ShareSchema, { pattern: absolute(expandHome(path, env), cwd), startLine, endLine });
}

const exists = (value: string, cwd: string): boolean => value !== '' && onDisk(resolve(cwd, value)) !== undefined;

/** What exists is meant as it is, whatever signs its name has; in a glob the caller's folder is no part of the glob. */
function absolute(path: string, cwd: string): string {
  if (path.startsWith('/') || exists(path, cwd)) return resolve(cwd, path);
  if (!/^\.\.?(\/|$)/.test(path) && !exists(splitGlob(path).folder || '.', cwd)) return path;
  return resolve(literalGlob(cwd), path);
}
