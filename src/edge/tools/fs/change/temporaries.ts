// The temporary files that changes make beside what they change. Each is noted in the home before it is made, so that the next start knows
// what a kill has left, and removes that and nothing else. Nothing is synced: a note outlives the process, which is what it is for.
import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemCode } from '../../../../base/system-code.ts';

/** What a temporary is called; its middle is the name of its note. */
const nameOf = (note: string): string => `.bowline-${note}.tmp`;
const IS_NOTE = /^[0-9a-f]{16}$/;

/** A name that is noted, until `over`. */
export interface Temporary {
  readonly name: string;
  /** It is gone. */
  over(): Promise<void>;
}

export class Temporaries {
  readonly #dir: string;

  /** @param dir holds a note for each; it is there */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @param folder real path of where it will be. @throws what the disk of the home says: then nothing may be made */
  async noted(folder: string): Promise<Temporary> {
    const id = randomBytes(8).toString('hex');
    const note = join(this.#dir, id);
    const name = nameOf(id);
    await writeFile(note, join(folder, name), { mode: 0o600, flag: 'wx' });
    // One that stays names what is not there, and the next start removes it.
    return { name, over: () => unlink(note).catch(() => {}) };
  }

  /** At the start: removes what an earlier one has left. What cannot be removed now is tried again at the next one. */
  async sweep(): Promise<void> {
    for (const id of await readdir(this.#dir)) {
      const note = join(this.#dir, id);
      const path = await readFile(note, 'utf8');
      // Half a note was never followed by a file.
      const isWhole = IS_NOTE.test(id) && basename(path) === nameOf(id);
      if (!isWhole || (await isGone(path))) await unlink(note);
    }
  }
}

/** Removes a file; nothing else has that name. */
async function isGone(path: string): Promise<boolean> {
  try {
    if ((await lstat(path)).isFile()) await unlink(path);
    return true;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
  }
}
