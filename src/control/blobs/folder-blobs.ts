// Blobs as files of a folder that all replicas share. A file appears whole: it is written and synced under another name first.
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { isMissing, systemCode } from '../../base/system-code.ts';
import { type BlobBackend, type BlobName, blobPath } from './blob-store.ts';

/** Where files are written before they have their name. */
const UNFINISHED = 'unfinished';
/** What a writer that was killed left there is removed after so long; a living one writes for seconds. */
const LEFT_AFTER_MS = 3_600_000;

/** Throws BLOB_STORE_AWAY when the folder cannot be made or written. */
export async function folderBlobs(folder: string): Promise<BlobBackend> {
  const fileOf = (name: BlobName) => join(folder, blobPath(name));
  await inFolder(folder, async () => {
    await mkdir(join(folder, UNFINISHED), { recursive: true, mode: 0o700 });
    await removeUnfinished(join(folder, UNFINISHED));
  });
  return {
    kind: 'folder',
    write: (name, bytes) =>
      inFolder(folder, async () => {
        const file = fileOf(name);
        const unfinished = join(folder, UNFINISHED, randomBytes(12).toString('hex'));
        try {
          await writeSynced(unfinished, bytes);
          await mkdir(dirname(file), { recursive: true, mode: 0o700 });
          await rename(unfinished, file);
        } finally {
          await rm(unfinished, { force: true });
        }
        // The names of the new folders too: this one, that of the tenant, and the whole.
        for (let each = dirname(file); each.length >= folder.length; each = dirname(each)) await syncFolder(each);
      }),
    read: (name) => inFolder(folder, () => ifThere(() => readFile(fileOf(name)))),
    size: (name) => inFolder(folder, () => ifThere(async () => (await stat(fileOf(name))).size)),
    remove: (name) => inFolder(folder, () => rm(fileOf(name), { force: true })),
  };
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const left = await ifThere(() => lstat(file));
    if (left && left.mtimeMs < Date.now() - LEFT_AFTER_MS) await rm(file, { force: true });
  }
}

async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function inFolder<T>(folder: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new AppError(
      'BLOB_STORE_AWAY',
      { store: `folder ${folder}`, problem: systemCode(error) || 'it failed' },
      { cause: error },
    );
  }
}
