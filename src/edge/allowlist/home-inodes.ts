// Knows the folders that no configuration opens by device and inode, with every file in them, so that a hard link or a bind mount
// is no other name for them. Lists them again only when a folder has changed. An inode that a file of the home gave up may be that of
// any other file a moment later, so only a look that began after the lookup denies.
import type { BigIntStats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../base/errors.ts';

/** Entries of the folders that are known at most; beyond, a file with a second name is denied. */
const MAX_ENTRIES = 50_000;
const MAX_DEPTH = 16;
/** How long a file with one name is allowed by what is known; one with more is judged by what is there, and so is every denial. */
const TRUST_MS = 250;
/** A folder that changed so recently may have changed again within the same tick of its clock, so it is listed again. */
const FRESH_NS = 100_000_000n;
/** The longest tick of a clock of files on Linux is 10 ms: what a look missed, it missed in a folder that changed since shortly before. */
const TICK_NS = 20_000_000n;
/** Looks, a tick apart, after which a home that never holds still is no answer. */
const LOOKS = 25;
const APART_MS = 10;

interface Listed {
  /** When it changed last, before it was listed. */
  readonly changed: bigint;
  /** It may have changed since, and its clock would not show it. */
  readonly fresh: boolean;
  /** Its entries could be read. */
  readonly told: boolean;
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

export class HomeInodes {
  readonly #folders: readonly string[];
  readonly #now: () => number;
  #listed = new Map<string, Listed>();
  /** What the last look found. */
  #known = new Set<string>();
  /** With what looks before found, while the home did not hold still: one may miss a file that is moved. */
  #maybe = new Set<string>();
  #whole = true;
  #told = true;
  #settled = true;
  #at = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  /** @param folders real paths, also of single files; @param now monotonic milliseconds */
  constructor(folders: readonly string[], now: () => number = () => performance.now()) {
    this.#folders = folders;
    this.#now = now;
  }

  /**
   * Whether a file or folder is one of them or lies in one. Its inode is surely its own while it is open; see lookByName for one
   * that is not. @throws FILE_CHANGED when the home does not hold still for long enough to tell
   */
  async holds(stat: BigIntStats): Promise<boolean> {
    const id = inodeKey(stat);
    const second = stat.isFile() && stat.nlink > 1n;
    if (!second && this.#now() - this.#at > TRUST_MS) await this.#look(false);
    const known = this.#maybe.has(id);
    if (!known && !second) return false;
    for (let look = 1; look <= LOOKS; look++) {
      await this.#look(true);
      if (this.#known.has(id) || (second && !this.#whole)) return true;
      if (this.#settled || (!known && this.#told)) return false;
      await wait(APART_MS);
    }
    throw new AppError('FILE_CHANGED');
  }

  /** @param anew a look that began before this call is not enough */
  async #look(anew: boolean): Promise<void> {
    if (this.#running && anew) await this.#running;
    this.#running ??= this.#list().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #list(): Promise<void> {
    const began = this.#now();
    const clock = nowNs();
    const next = new Map<string, Listed>();
    const known = new Set<string>();
    const waiting = this.#folders.map((path) => ({ path, depth: 0 }));
    let whole = true;
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const stat = await lstat(one.path, { bigint: true }).catch(() => undefined);
      if (stat?.isFile()) known.add(inodeKey(stat));
      if (!stat?.isDirectory()) continue;
      known.add(inodeKey(stat));
      const listed = await this.#folder(one.path, stat);
      next.set(one.path, listed);
      for (const id of listed.files) known.add(id);
      if (known.size > MAX_ENTRIES || one.depth >= MAX_DEPTH) whole = false;
      else for (const path of listed.folders) waiting.push({ path, depth: one.depth + 1 });
    }
    this.#told = [...next.values()].every(({ told }) => told);
    this.#settled = this.#told && (await heldStill(next, clock));
    this.#listed = next;
    this.#maybe = this.#settled || this.#maybe.size > 2 * MAX_ENTRIES ? known : new Set([...this.#maybe, ...known]);
    this.#known = known;
    this.#whole = whole;
    this.#at = began;
  }

  async #folder(path: string, stat: BigIntStats): Promise<Listed> {
    const before = this.#listed.get(path);
    if (before?.told && !before.fresh && before.changed === stat.ctimeNs) return before;
    const files: string[] = [];
    const folders: string[] = [];
    const fresh = nowNs() - stat.ctimeNs < FRESH_NS;
    let told = true;
    try {
      for await (const entry of await opendir(path)) {
        const own = `${path}/${entry.name}`;
        if (entry.isDirectory()) folders.push(own);
        else {
          const found = await lstat(own, { bigint: true }).catch(() => undefined);
          if (found) files.push(inodeKey(found));
        }
        if (files.length + folders.length > MAX_ENTRIES) break;
      }
    } catch (error) {
      // A folder that went meanwhile has nothing left to deny.
      told = (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
    return { changed: stat.ctimeNs, fresh, told, files, folders };
  }
}

/** Whether none of these folders changed since shortly before the look began, so that nothing in them can have been missed. */
async function heldStill(listed: ReadonlyMap<string, Listed>, began: bigint): Promise<boolean> {
  const now = nowNs();
  for (const [path, { changed }] of listed) {
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    // A time to come is from before the clock was set back: a change now would have another.
    if (stat?.ctimeNs !== changed || (changed > began - TICK_NS && changed < now + TICK_NS)) return false;
  }
  return true;
}

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

export const inodeKey = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;
