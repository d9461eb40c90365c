// What a command changed on an overlay: the folder as it is beside the folder as the command left it, looked at where the overlay's upper
// layer has something. Nothing of it is followed, and what cannot be done again exactly is refused.
import { lstat, readdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { AppError } from '../../../../base/errors.ts';
import { isRepository } from '../../fs/change/repository.ts';
import { deviceAndInode, stateAt } from './folder-place.ts';
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
  /** Changes of the folders before it. */
  readonly already: number;
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

/** Changes of one preview. */
export const MOST_CHANGES = 1_000;

/** @throws PREVIEW_REFUSED, why `signal` aborted */
export async function findChanges(layers: OverlayLayers, parts: FindChangesParts): Promise<FoundInFolder> {
  const found = new FoundChanges(layers, parts);
  await found.folder('');
  const { changes } = found;
  const folders = [
    ...new Set(changes.flatMap(({ path }) => path.split('/').map((_, n, names) => names.slice(0, n).join('/')))),
  ];
  await mustBeOfNoRepository(layers, folders);
  return { changes, inside: await identitiesOf(layers, folders, changes) };
}

/** Git finds a repository by what is in a folder, and runs what its hooks and settings say. @throws PREVIEW_REFUSED */
async function mustBeOfNoRepository({ lower, merged }: OverlayLayers, folders: readonly string[]): Promise<void> {
  for (const folder of folders)
    for (const layer of [lower, merged])
      if (await isRepository(join(layer, folder))) throw refusedChange('a file of a git repository');
}

async function identitiesOf({ lower }: OverlayLayers, folders: readonly string[], changes: readonly PlannedChange[]) {
  const stays = (path: string) => !changes.some((change) => change.path === path && change.after?.kind !== 'folder');
  const inside: Record<string, string> = {};
  for (const folder of folders) {
    const stat = stays(folder) ? await lstat(join(lower, folder), { bigint: true }).catch(() => undefined) : undefined;
    if (stat?.isDirectory()) inside[folder] = deviceAndInode(stat);
  }
  return inside;
}

class FoundChanges {
  readonly changes: PlannedChange[] = [];
  readonly #layers: OverlayLayers;
  readonly #parts: FindChangesParts;

  constructor(layers: OverlayLayers, parts: FindChangesParts) {
    this.#layers = layers;
    this.#parts = parts;
  }

  async folder(path: string): Promise<void> {
    const { lower, upper, merged } = this.#layers;
    const [was, is] = [await namesIn(join(lower, path)), await namesIn(join(merged, path))];
    for (const name of was) if (!is.has(name)) await this.#gone(join(path, name));
    for (const name of is) {
      const at = join(path, name);
      if (!was.has(name)) await this.#come(at);
      else if (await isThere(join(upper, at))) await this.#compare(at);
    }
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
      for (const name of await namesIn(join(this.#layers.lower, path))) await this.#gone(join(path, name));
    }
    await this.#add(path, before, undefined);
  }

  async #come(path: string): Promise<void> {
    const after = await this.#state(join(this.#layers.merged, path));
    if (!after) return;
    const bare = stateToCome(after);
    await this.#add(path, undefined, bare);
    if (after.kind === 'folder') {
      for (const name of await namesIn(join(this.#layers.merged, path))) await this.#come(join(path, name));
    }
  }

  async #state(place: string): Promise<PlannedState | undefined> {
    const { mostBytes, signal } = this.#parts;
    const state = await stateAt(place, mostBytes, signal);
    if (state && state.bytes > mostBytes) throw tooManyBytes();
    return state;
  }

  async #add(path: string, before: PlannedState | undefined, after: PlannedState | undefined): Promise<void> {
    this.#parts.signal.throwIfAborted();
    if (this.#parts.isDenied(path, (after ?? before)?.kind === 'file'))
      throw refusedChange('a file that is out of reach');
    if (this.#parts.already + this.changes.length >= MOST_CHANGES)
      throw refusedChange(`more changes than the limit of ${MOST_CHANGES}`);
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
}

export const refusedChange = (what: string) => new AppError('PREVIEW_REFUSED', { what });

export const tooManyBytes = () => refusedChange('more bytes than limits.command_disk_bytes');

const leadsOut = (path: string, target: string): boolean =>
  isAbsolute(target) || normalize(join(dirname(path), target)).split('/')[0] === '..';

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** @throws PREVIEW_REFUSED for a name that is no text */
async function namesIn(folder: string): Promise<Set<string>> {
  const names = await readdir(folder);
  if (names.some((name) => name.includes('\ufffd'))) throw refusedChange('a name that is not UTF-8');
  return new Set(names.sort());
}
