// Knows the folders that no configuration opens by device and inode, with every file in them, so that a hard link or a bind mount
// is no other name for them. Lists them again only when a folder has changed.
import type { BigIntStats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';

/** Entries of the folders that are known at most; beyond, a file with a second name is denied. */
const MAX_ENTRIES = 50_000;
const MAX_DEPTH = 16;
/** How long a file with one name is judged by what is known; one with more is judged by what is there. */
const TRUST_MS = 250;
/** A folder that changed so recently may have changed again within the same tick of its clock. */
const FRESH_NS = 100_000_000n;

interface Listed {
  readonly changed: bigint;
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

export class HomeInodes {
  readonly #folders: readonly string[];
  readonly #now: () => number;
  #listed = new Map<string, Listed>();
  #known = new Set<string>();
  #whole = true;
  #at = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  /** @param folders real paths; @param now monotonic milliseconds */
  constructor(folders: readonly string[], now: () => number = () => performance.now()) {
    this.#folders = folders;
    this.#now = now;
  }

  /** Whether an open file or folder is one of them or lies in one. */
  async holds(stat: BigIntStats): Promise<boolean> {
    const second = stat.isFile() && stat.nlink > 1n;
    if (second || this.#now() - this.#at > TRUST_MS) await this.#look(second);
    return this.#known.has(identityOf(stat)) || (second && !this.#whole);
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
    const next = new Map<string, Listed>();
    const known = new Set<string>();
    const waiting = this.#folders.map((path) => ({ path, depth: 0 }));
    let whole = true;
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const stat = await lstat(one.path, { bigint: true }).catch(() => undefined);
      if (!stat?.isDirectory()) continue;
      known.add(identityOf(stat));
      const listed = await this.#folder(one.path, stat);
      next.set(one.path, listed);
      for (const id of listed.files) known.add(id);
      if (known.size > MAX_ENTRIES || one.depth >= MAX_DEPTH) whole = false;
      else for (const path of listed.folders) waiting.push({ path, depth: one.depth + 1 });
    }
    this.#listed = next;
    this.#known = known;
    this.#whole = whole;
    this.#at = began;
  }

  async #folder(path: string, stat: BigIntStats): Promise<Listed> {
    const before = this.#listed.get(path);
    if (before && before.changed === stat.mtimeNs) return before;
    const files: string[] = [];
    const folders: string[] = [];
    try {
      for await (const entry of await opendir(path)) {
        const own = `${path}/${entry.name}`;
        if (entry.isDirectory()) folders.push(own);
        else {
          const found = await lstat(own, { bigint: true }).catch(() => undefined);
          if (found) files.push(identityOf(found));
        }
        if (files.length + folders.length > MAX_ENTRIES) break;
      }
    } catch {
      // A folder that went meanwhile has nothing left to deny.
    }
    const fresh = BigInt(Date.now()) * 1_000_000n - stat.mtimeNs < FRESH_NS;
    return { changed: fresh ? -1n : stat.mtimeNs, files, folders };
  }
}

const identityOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;
