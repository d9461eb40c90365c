// The file port on the real file system. Plain descriptors with callbacks: half the cost of FileHandle per call.
import * as fs from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { makeFolder } from '../../base/make-folder.ts';
import type { FsFile, FsPort } from './fs-port.ts';

/** The disk. */
export const nodeFs: FsPort = {
  mkdir: async (dir) => {
    makeFolder(dir);
  },
  list: (dir) => readdir(dir),
  open: async (path, mode) => file(fs.openSync(path, { create: 'w+', write: 'r+', read: 'r' }[mode], 0o600)),
  rename,
  unlink: (path) => rm(path, { force: true }),
  syncDir: async (dir) => {
    const fd = fs.openSync(dir, 'r');
    try {
      await call<void>((done) => fs.fsync(fd, done));
    } finally {
      fs.closeSync(fd);
    }
  },
};

function file(fd: number): FsFile {
  return {
    size: async () => fs.fstatSync(fd).size,
    read: async (into, position) => {
      let filled = 0;
      while (filled < into.length) {
        const from = filled;
        const count = await call<number>((done) => fs.read(fd, into, from, into.length - from, position + from, done));
        if (count === 0) break;
        filled += count;
      }
      return filled;
    },
    write: (bytes, position) => call<number>((done) => fs.write(fd, bytes, 0, bytes.length, position, done)),
    truncate: (size) => call<void>((done) => fs.ftruncate(fd, size, done)),
    datasync: () => call<void>((done) => fs.fdatasync(fd, done)),
    close: async () => fs.closeSync(fd),
  };
}

function call<T>(run: (done: (error: NodeJS.ErrnoException | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value as T))));
}
