// Goes through folders in a fixed order, within bounds of time, entries and memory, holding on to open folders so that a swapped
// one gains nothing.
import type { BigIntStats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import { inRoot, isReadableName, type JudgedPath } from '../allowlist/judge-path.ts';
import { lookByName } from '../allowlist/look-by-name.ts';
import { openChild, placeOf } from '../allowlist/open-beneath.ts';
import { type OpenFile, readable } from '../allowlist/open-file.ts';

/** One file, folder or link below the start. */
export interface WalkEntry {
  readonly judged: JudgedPath;
  /** Where it is, links above it followed. */
  readonly realPath: string;
  /** Of the entry itself, links not followed. */
  readonly stat: BigIntStats;
}

export interface WalkOptions {
  readonly recursive: boolean;
  readonly maxDepth: number;
  /** Only what comes after this name. */
  readonly after?: string;
  readonly budget: WalkBudget;
  readonly signal: AbortSignal;
  /** Told of each folder below that cannot be opened; it counts as empty. */
  readonly refused?: (folder: JudgedPath) => void;
  /** Told of each folder that lies too deep to be gone into. */
  readonly tooDeep?: (folder: JudgedPath) => void;
  /** Which folders below are gone into; default: all. */
  readonly enters?: (folder: JudgedPath) => boolean;
  /** Whether a name can be told as it is; default: all that can be read. */
  readonly tells?: (name: string) => boolean;
  /** Told of each name that is left out because it cannot be told exactly. */
  readonly untold?: (folder: JudgedPath, name: string, isFolder: boolean) => void;
  /** Told of each file or folder that is left out because its name begins with a dot. */
  readonly hidden?: () => void;
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
  const open = await allow.openFolder(folder);
  try {
    yield* below(allow, open.judged, open, 0, options);
  } finally {
    await open.handle.close();
  }
}

async function* below(
  allow: Allowlist,
  folder: JudgedPath,
  open: OpenFile,
  depth: number,
  options: WalkOptions,
): AsyncGenerator<WalkEntry> {
  const { budget, after } = options;
  const inside = after?.startsWith(`${folder.name}/`);
  const first = inside ? after!.slice(folder.name.length + 1).split('/')[0] : undefined;
  for await (const part of namesIn(folder, open, first, depth, options)) {
    if (options.signal.aborted) return;
    const judged = inRoot(folder.root, folder.relative === '' ? part : `${folder.relative}/${part}`);
    const order = after === undefined ? 1 : compareNames(judged.name, after);
    const ahead = order <= 0 && `${after}/`.startsWith(`${judged.name}/`);
    if (order <= 0 && !ahead) continue;
    if (judged.name.length > MAX_NAME) {
      options.tooDeep?.(judged);
      continue;
    }
    if (budget.entries <= 0 || budget.late()) {
      budget.met = true;
      return;
    }
    budget.entries--;
    const { root } = folder;
    if (!allow.visible(root, judged.path)) {
      if (allow.isHidden(root, judged.path)) options.hidden?.();
      continue;
    }
    const stat = await lookByName(`${placeOf(open)}/${part}`, allow.denials).catch(() => undefined);
    if (!stat) continue;
    const realPath = `${open.realPath}/${part}`;
    if (!allow.visible(root, realPath, stat.isFile())) {
      if (allow.isHidden(root, realPath, stat.isFile())) options.hidden?.();
      continue;
    }
    if (stat.isSymbolicLink() && !(await staysInside(allow, judged))) continue;
    if (!ahead) yield { judged, realPath, stat };
    if (!stat.isDirectory() || !options.recursive || options.enters?.(judged) === false) continue;
    if (depth + 1 >= options.maxDepth) {
      options.tooDeep?.(judged);
      continue;
    }
    const child = await openBelow(allow, open, part, () => options.refused?.(judged));
    if (!child) continue;
    try {
      yield* below(allow, judged, child, depth + 1, options);
    } finally {
      await child.handle.close();
    }
  }
}

/** Names that are held at once; a larger folder is gone through several times. Far down there are fewer, so that all together are bounded. */
const MAX_HELD = 2048;
const MAX_HELD_DEEP = 64;
const DEEP = 16;
/** Letters of a path that can be told. */
const MAX_NAME = 4096;
/** Names between two looks at the time. */
const LOOK_EVERY = 256;

/** Names of a folder in order, from `first` on. Those that cannot be told exactly are left out and counted. */
async function* namesIn(
  folder: JudgedPath,
  open: OpenFile,
  first: string | undefined,
  depth: number,
  options: WalkOptions,
): AsyncGenerator<string> {
  let least = first;
  let from = first === undefined ? undefined : { name: first, itself: true };
  for (let round = 0; ; round++) {
    const untold = (name: string, isFolder: boolean) => {
      if (round > 0) return;
      options.untold?.(folder, name, isFolder);
    };
    const { names, more } = await smallest(open, from, depth, options, untold);
    yield* names;
    least = names.at(-1) ?? least;
    if (!more || least === undefined) return;
    from = { name: least, itself: false };
  }
}

/** The first names of a folder that come after one. */
async function smallest(
  open: OpenFile,
  from: { readonly name: string; readonly itself: boolean } | undefined,
  depth: number,
  { budget, signal, tells }: WalkOptions,
  untold: (name: string, isFolder: boolean) => void,
): Promise<{ names: string[]; more: boolean }> {
  let names: string[] = [];
  let most: string | undefined;
  let more = false;
  let seen = 0;
  const held = depth < DEEP ? MAX_HELD : MAX_HELD_DEEP;
  const shorten = () => {
    names.sort(compare);
    if (names.length <= held) return;
    more = true;
    names = names.slice(0, held);
    most = names.at(-1);
  };
  try {
    for await (const entry of await opendir(placeOf(open), { bufferSize: LOOK_EVERY })) {
      if (++seen % LOOK_EVERY === 0 && (signal.aborted || budget.late())) {
        budget.met = true;
        break;
      }
      const { name } = entry;
      if (!isReadableName(name) || tells?.(name) === false) {
        untold(name, entry.isDirectory());
        continue;
      }
      const order = from === undefined ? 1 : compare(name, from.name);
      if (order < 0 || (order === 0 && !from?.itself)) continue;
      if (most !== undefined && name >= most) continue;
      names.push(name);
      if (names.length >= 2 * held) shorten();
    }
  } catch (error) {
    // A folder below that refuses is as if it were empty.
    if (depth === 0) throw new AppError('FILE_UNREADABLE', {}, { cause: error });
  }
  shorten();
  return { names, more: more && !budget.met };
}

async function staysInside(allow: Allowlist, judged: JudgedPath): Promise<boolean> {
  try {
    return (await allow.resolve(judged)) !== undefined;
  } catch {
    return false;
  }
}

async function openBelow(
  allow: Allowlist,
  parent: OpenFile,
  part: string,
  refused: () => void,
): Promise<OpenFile | undefined> {
  try {
    const place = await openChild(parent, part, allow.denials);
    return place && (await readable(place, 'folder'));
  } catch {
    refused();
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
