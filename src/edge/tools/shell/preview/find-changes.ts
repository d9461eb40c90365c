// What a command changed on an overlay: the folder as it is beside the folder as the command left it, looked at where the overlay's upper
// layer has something. Nothing of it is followed, and what cannot be done again exactly is refused.
import { lstat, opendir } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { AppError } from '../../../../base/errors.ts';
import { systemCode } from '../../../../base/system-code.ts';
import { isRepository } from '../../fs/change/repository.ts';
import { absent, deviceAndInode, stateAt } from './folder-place.ts';
import { isState, type PlannedChange, type PlannedState, stateToCome } from './planned-change.ts';

/** Where a folder, what was written above it, and both together are found. */
export interface OverlayLayers {
  readonly lower: string;
  readonly upper: string;
  readonly merged: string;
}

export interface FindChangesParts {
  /** Number of the folder in its plan. */
  readonly folder: number;
  /** Whether a path below the folder is out of reach. */
  readonly isDenied: (path: string, isFile: boolean) => boolean;
  /** Is told each change, and where what comes lies. */
  readonly keep: (change: PlannedChange, from: string) => Promise<void>;
  /** Whether a secret's value stands in a text: such a name could not be shown. */
  readonly holdsSecret: (text: string) => boolean;
  readonly room: ListRoom;
  /** Of one file. */
  readonly mostBytes: number;
  readonly signal: AbortSignal;
}

export interface FoundInFolder {
  /** In the order in which they can be done: what goes, goes before what comes. */
  readonly changes: readonly PlannedChange[];
  /** Which one each folder is that a change lies in, and that no change removes: `device:inode` by path. */
  readonly inside: Readonly<Record<string, string>>;
}

/** What the list of one preview may still take, in all its folders together. */
export interface ListRoom {
  changes: number;
  /** Of paths, of the folders on the way to them, and of targets of links. */
  bytes: number;
}

/** Changes of one preview. */
const MOST_CHANGES = 1_000;

/** Of its list without the diffs. */
export const LIST_BYTES = 256 << 10;

export const listRoom = (): ListRoom => ({ changes: MOST_CHANGES, bytes: LIST_BYTES });

/** Of all names that are held at one time. */
const NAMES_BYTES = 4 << 20;

/** @throws PREVIEW_REFUSED, FILE_CHANGED, why `signal` aborted */
export async function findChanges(layers: OverlayLayers, parts: FindChangesParts): Promise<FoundInFolder> {
  try {
    const found = new FoundChanges(layers, parts);
    await found.folder('');
    const { changes, folders } = found;
    await mustBeOfNoRepository(layers, folders, parts.signal);
    return { changes, inside: await identitiesOf(layers, folders, changes) };
  } catch (error) {
    const what = UNSEEN.get(systemCode(error));
    throw what === undefined ? error : refusedChange(what);
  }
}

/** Of what the system says, what a command can bring about by the names and permissions that it leaves. */
const UNSEEN: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'a file or folder that cannot be read'],
  ['EPERM', 'a file or folder that cannot be read'],
  ['ENAMETOOLONG', 'a path that is too long'],
]);

/** Git finds a repository by what is in a folder, and runs what its hooks and settings say. @throws PREVIEW_REFUSED */
async function mustBeOfNoRepository(
  { lower, merged }: OverlayLayers,
  folders: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for (const folder of folders) {
    signal.throwIfAborted();
    for (const layer of [lower, merged])
      if (await isRepository(join(layer, folder))) throw refusedChange('a file of a git repository');
  }
}

async function identitiesOf(
  { lower }: OverlayLayers,
  folders: ReadonlySet<string>,
  changes: readonly PlannedChange[],
): Promise<FoundInFolder['inside']> {
  const goes = new Set(changes.filter(({ after }) => after?.kind !== 'folder').map(({ path }) => path));
  const inside: Record<string, string> = {};
  for (const folder of folders) {
    const stat = goes.has(folder) ? undefined : await lstat(join(lower, folder), { bigint: true }).catch(absent);
    if (stat?.isDirectory()) inside[folder] = deviceAndInode(stat);
  }
  return inside;
}

class FoundChanges {
  readonly changes: PlannedChange[] = [];
  /** That a change lies in. */
  readonly folders = new Set<string>();
  #namesLeft = NAMES_BYTES;
  readonly #layers: OverlayLayers;
  readonly #parts: FindChangesParts;

  constructor(layers: OverlayLayers, parts: FindChangesParts) {
    this.#layers = layers;
    this.#parts = parts;
  }

  async folder(path: string): Promise<void> {
    const { lower, upper, merged } = this.#layers;
    const isGone = async (at: string) => !(await isThere(join(merged, at)));
    await this.#each(lower, path, isGone, (at) => this.#gone(at));
    const isTouched = (at: string) => isThere(join(upper, at));
    await this.#each(merged, path, isTouched, (at) => this.#compare(at));
  }

  /** All in a folder that is wanted, in the order of their names. What is not is held nowhere: the folder may be large. */
  async #each(
    layer: string,
    path: string,
    isWanted: (at: string) => Promise<boolean>,
    act: (at: string) => Promise<void>,
  ): Promise<void> {
    const before = this.#namesLeft;
    const names: string[] = [];
    for await (const { name } of await opendir(join(layer, path)).catch(changedMeanwhile)) {
      this.#parts.signal.throwIfAborted();
      if (name.includes('\ufffd')) throw refusedChange('a name that is not UTF-8');
      if (!(await isWanted(join(path, name)))) continue;
      this.#namesLeft -= 64 + 2 * name.length;
      if (this.#namesLeft < 0) throw refusedChange('more touched files than can be compared');
      names.push(name);
    }
    for (const name of names.sort()) await act(join(path, name));
    this.#namesLeft = before;
  }

  async #compare(path: string): Promise<void> {
    const { lower, merged } = this.#layers;
    const [before, after] = [await this.#state(join(lower, path)), await this.#state(join(merged, path))];
    if (!before || !after || before.kind !== after.kind || before.kind === 'link') {
      if (before?.kind === 'link' && after?.kind === 'link' && before.sha256 === after.sha256) return;
      if (before) await this.#gone(path);
      if (after) await this.#come(path);
      return;
    }
    const bare = stateToCome(after);
    if (!isState(before, bare)) await this.#add(path, before, bare);
    if (after.kind === 'folder') await this.folder(path);
  }

  async #gone(path: string): Promise<void> {
    const before = await this.#state(join(this.#layers.lower, path));
    if (!before) return;
    if (before.kind === 'folder') {
      await this.#each(this.#layers.lower, path, all, (at) => this.#gone(at));
    }
    await this.#add(path, before, undefined);
  }

  async #come(path: string): Promise<void> {
    const after = await this.#state(join(this.#layers.merged, path));
    if (!after) return;
    const bare = stateToCome(after);
    await this.#add(path, undefined, bare);
    if (after.kind === 'folder') {
      await this.#each(this.#layers.merged, path, all, (at) => this.#come(at));
    }
  }

  async #state(place: string): Promise<PlannedState | undefined> {
    const { mostBytes, signal } = this.#parts;
    const state = await stateAt(place, mostBytes, signal);
    if (state && state.bytes > mostBytes) throw tooManyBytes();
    if (state?.kind === 'link' && state.target === undefined) throw refusedChange('a link to a name that is not UTF-8');
    return state;
  }

  async #add(path: string, before: PlannedState | undefined, after: PlannedState | undefined): Promise<void> {
    this.#parts.signal.throwIfAborted();
    if (this.#parts.isDenied(path, (after ?? before)?.kind === 'file'))
      throw refusedChange('a file that is out of reach');
    this.#take(path, before, after);
    if ([path, before?.target, after?.target].some((text) => text !== undefined && this.#parts.holdsSecret(text)))
      throw refusedChange('a name, or the target of a link, that holds the value of a secret');
    // What lends an identity, or leads out, is nothing to say yes to in a list.
    if (after?.kind === 'file' && (after.mode & 0o6000) !== 0)
      throw refusedChange('a program that runs as another user');
    if (after?.kind === 'link' && leadsOut(path, after.target ?? ''))
      throw refusedChange('a link that leads out of its folder');
    const { folder } = this.#parts;
    const change = { folder, path, ...(before ? { before } : {}), ...(after ? { after } : {}) };
    await this.#parts.keep(change, join(this.#layers.merged, path));
    this.changes.push(change);
  }

  /** Also what is on the way counts: of deep paths that is far more than their own length. @throws PREVIEW_REFUSED */
  #take(path: string, before: PlannedState | undefined, after: PlannedState | undefined): void {
    const { room } = this.#parts;
    if (--room.changes < 0) throw refusedChange(`more changes than the limit of ${MOST_CHANGES}`);
    let folder = folderOf(path);
    const texts = [path, before?.target ?? '', after?.target ?? ''];
    for (; !this.folders.has(folder); folder = folderOf(folder)) {
      this.folders.add(folder);
      texts.push(folder);
    }
    room.bytes -= texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (room.bytes < 0) throw longList();
  }
}

export const refusedChange = (what: string) => new AppError('PREVIEW_REFUSED', { what });

export const longList = () => refusedChange(`a longer list of changes than the limit of ${LIST_BYTES} bytes`);

export const tooManyBytes = () => refusedChange('more bytes than limits.command_disk_bytes');

const leadsOut = (path: string, target: string): boolean =>
  isAbsolute(target) || normalize(join(dirname(path), target)).split('/')[0] === '..';

const all = async (): Promise<boolean> => true;

/** Empty for the folder itself, and for what lies right in it. */
const folderOf = (path: string): string => (path.includes('/') ? dirname(path) : '');

const isThere = async (path: string): Promise<boolean> => (await lstat(path).catch(absent)) !== undefined;

/** Of the folder itself, somebody else may have changed something meanwhile. */
function changedMeanwhile(error: unknown): never {
  absent(error);
  throw new AppError('FILE_CHANGED', {}, { cause: error });
}
