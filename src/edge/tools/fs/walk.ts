// Goes through folders in a fixed order, within bounds, holding on to open folders so that a swapped one gains nothing.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises';
import { AppError } from '../../../base/errors.ts';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import { inRoot, type JudgedPath } from '../../allowlist/judge-path.ts';
import { pathOf } from '../../allowlist/open-file.ts';

/** One file, folder or link below the start. */
export interface WalkEntry {
  readonly judged: JudgedPath;
  /** Of the entry itself, links not followed. */
  readonly stat: BigIntStats;
}

export interface WalkOptions {
  readonly recursive: boolean;
  /** Names that begin with a dot, too. */
  readonly hidden: boolean;
  readonly maxDepth: number;
  /** Only what comes after this name. */
  readonly after?: string;
  readonly budget: WalkBudget;
  readonly signal: AbortSignal;
}

/** Counts what was looked at, over several walks. */
export interface WalkBudget {
  entries: number;
  /** Whether there was more than the budget allowed. */
  met: boolean;
  /** Whether time is up. */
  late(): boolean;
}

/** What is below the folder, each folder before what is in it, names in code unit order. @throws like openFolder */
export async function* walk(allow: Allowlist, folder: JudgedPath, options: WalkOptions): AsyncGenerator<WalkEntry> {
  const { handle, realPath } = await allow.openFolder(folder);
  try {
    yield* below(allow, folder, handle, realPath, 0, options);
  } finally {
    await handle.close();
  }
}

async function* below(
  allow: Allowlist,
  folder: JudgedPath,
  handle: FileHandle,
  realPath: string,
  depth: number,
  options: WalkOptions,
): AsyncGenerator<WalkEntry> {
  const { budget } = options;
  const at = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : realPath;
  for (const part of await namesIn(at, depth, budget)) {
    if (options.signal.aborted) return;
    if (part.startsWith('.') && !options.hidden) continue;
    const judged = inRoot(folder.root, folder.relative === '' ? part : `${folder.relative}/${part}`);
    const order = options.after === undefined ? 1 : compareNames(judged.name, options.after);
    const ahead = order <= 0 && `${options.after}/`.startsWith(`${judged.name}/`);
    if (order <= 0 && !ahead) continue;
    if (budget.entries <= 0 || budget.late()) {
      budget.met = true;
      return;
    }
    budget.entries--;
    if (!allow.visible(folder.root, `${realPath}/${part}`) || !allow.visible(folder.root, judged.path)) continue;
    const stat = await lstat(`${at}/${part}`, { bigint: true }).catch(() => undefined);
    if (!stat) continue;
    if (stat.isSymbolicLink() && !(await staysInside(allow, judged))) continue;
    if (!ahead) yield { judged, stat };
    if (!stat.isDirectory() || !options.recursive || depth + 1 >= options.maxDepth) continue;
    const child = await openChild(`${at}/${part}`);
    if (!child) continue;
    try {
      const real = await pathOf(child, `${realPath}/${part}`);
      if (allow.visible(folder.root, real)) yield* below(allow, judged, child, real, depth + 1, options);
    } finally {
      await child.close();
    }
  }
}

/** Names that one folder may have; the rest are not looked at. */
const MAX_NAMES = 100_000;

/** Names of a folder, sorted; those that are not UTF-8 or hold control characters are left out. */
async function namesIn(path: string, depth: number, budget: WalkBudget): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(path, { bufferSize: 256 })) {
      if (names.length >= MAX_NAMES) {
        budget.met = true;
        break;
      }
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
      if (!/[\u0000-\u001f\u007f\ufffd]/.test(name)) names.push(name);
    }
  } catch (error) {
    // A folder below that refuses is as if it were empty.
    if (depth === 0) throw new AppError('FILE_UNREADABLE', {}, { cause: error });
  }
  return names.sort(compare);
}

async function staysInside(allow: Allowlist, judged: JudgedPath): Promise<boolean> {
  try {
    return (await allow.resolve(judged)).stat !== undefined;
  } catch {
    return false;
  }
}

async function openChild(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order of a walk: part by part, a folder before what is in it. */
export function compareNames(a: string, b: string): number {
  const left = a.split('/');
  const right = b.split('/');
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compare(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
