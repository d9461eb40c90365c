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
  open: async (path, mode) => {
    // A pipe of that name must not be waited for.
    const fd = fs.openSync(path, FLAGS[mode], 0o600);
    if (fs.fstatSync(fd).isFile()) return file(fd);
    fs.closeSync(fd);
    throw Object.assign(new Error('not a file'), { code: 'ENOTFILE' });
  },
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

const { O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
const FLAGS = { create: O_RDWR | O_CREAT | O_TRUNC, write: O_RDWR, read: O_RDONLY | O_NONBLOCK } as const;

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
