// `state.db` on the disk: read whole or not at all, replaced atomically. It knows nothing of what is in it.
import { dirname } from 'node:path';
import type { FsPort } from '../journal/fs-port.ts';

/** The bytes of the snapshot; undefined when there is none, or it is larger than `maxBytes`. */
export async function readSnapshot(fs: FsPort, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let file: Awaited<ReturnType<FsPort['open']>>;
  try {
    file = await fs.open(path, 'read');
  } catch {
    return undefined;
  }
  try {
    const size = await file.size();
    if (size === 0 || size > maxBytes) return undefined;
    const bytes = new Uint8Array(size);
    return (await file.read(bytes, 0)) === size ? bytes : undefined;
  } finally {
    await file.close();
  }
}

/** Temporary file, sync, rename, sync of the folder: at every moment there is the old one or the new one. */
export async function writeSnapshot(fs: FsPort, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await fs.open(temporary, 'create');
    try {
      for (let at = 0; at < bytes.length; ) at += await file.write(bytes.subarray(at), at);
      await file.datasync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, path);
    await fs.syncDir(dirname(path));
  } catch (error) {
    await fs.unlink(temporary).catch(() => {});
    throw error;
  }
}
