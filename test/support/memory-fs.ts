// The file port in memory, with a disk that forgets: the fake for tests. Unsynced bytes and folder entries are lost in a
// crash, wholly or in part; space is limited; any call can be made to fail.
import { dirname } from 'node:path';
import type { FsFile, FsPort } from '../../src/edge/journal/fs-port.ts';

const SECTOR = 512;

type Write = { readonly at: number; readonly bytes: Uint8Array };
type Change = Write | { readonly size: number };
interface Inode {
  content: Buffer;
  durable: Buffer;
  unsynced: Change[];
}
type Apply = (entries: Map<string, Inode>, of?: (inode: Inode) => Inode) => void;
type Entry = { readonly dir: string; readonly apply: Apply };

export type Operation = 'open' | 'read' | 'write' | 'truncate' | 'datasync' | 'rename' | 'unlink' | 'syncDir';
/** What happens instead of the call: an error code, a write of only so many bytes, or the death of the process. */
export type DiskFault = { readonly code: string } | { readonly short: number } | 'crash';

export interface MemoryFsOptions {
  /** Bytes that all files may take. */
  capacity?: number;
  /** Asked before each call, with its number from 0. */
  fault?: (operation: Operation, count: number, path: string) => DiskFault | undefined;
}

export class MemoryFs implements FsPort {
  readonly options: MemoryFsOptions;
  /** Calls so far. */
  count = 0;
  /** How often each operation was called. */
  readonly calls = new Map<Operation, number>();
  #dead = false;
  #entries: Map<string, Inode>;
  #durable: Map<string, Inode>;
  #pending: Entry[] = [];

  constructor(options: MemoryFsOptions = {}, entries: Map<string, Inode> = new Map()) {
    this.options = options;
    this.#entries = new Map(entries);
    this.#durable = new Map(entries);
  }

  /** The disk after a power cut: `keep` decides, per unsynced sector and per step, what had reached it. */
  crash(keep: () => boolean, options: MemoryFsOptions = {}): MemoryFs {
    this.#dead = true;
    const entries = new Map(this.#durable);
    for (const { apply } of this.#pending) {
      if (!keep()) break;
      apply(entries);
    }
    const survived = new Map<string, Inode>();
    for (const [path, inode] of entries) {
      let content = inode.durable;
      for (const change of inode.unsynced) {
        if ('size' in change) content = keep() ? resize(content, change.size) : content;
        else for (const part of sectors(change)) if (keep()) content = patch(content, part);
      }
      survived.set(path, { content: Buffer.from(content), durable: Buffer.from(content), unsynced: [] });
    }
    return new MemoryFs(options, survived);
  }

  /** A copy after the process was killed: all it wrote is there, but what was not synced can still be lost in a crash. */
  kill(options: MemoryFsOptions = {}): MemoryFs {
    this.#dead = true;
    const copies = new Map<Inode, Inode>();
    const copy = (inode: Inode): Inode => {
      const known = copies.get(inode) ?? {
        ...inode,
        content: Buffer.from(inode.content),
        unsynced: [...inode.unsynced],
      };
      copies.set(inode, known);
      return known;
    };
    const killed = new MemoryFs(options);
    killed.#entries = new Map([...this.#entries].map(([path, inode]) => [path, copy(inode)]));
    killed.#durable = new Map([...this.#durable].map(([path, inode]) => [path, copy(inode)]));
    killed.#pending = this.#pending.map((entry) => ({
      ...entry,
      apply: (entries, of = (same) => same) => entry.apply(entries, (inode) => of(copy(inode))),
    }));
    return killed;
  }

  /** The bytes of a file, to look at or to damage. */
  bytes(path: string): Buffer {
    return this.#inode(path).content;
  }

  paths(): string[] {
    return [...this.#entries.keys()].sort();
  }

  async mkdir(): Promise<void> {}

  async list(dir: string): Promise<string[]> {
    return this.paths().flatMap((path) => (dirname(path) === dir ? [path.slice(dir.length + 1)] : []));
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<FsFile> {
    this.#step('open', path);
    if (mode === 'create') {
      const inode: Inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [] };
      this.#change(path, (entries, of = (same) => same) => entries.set(path, of(inode)));
    }
    return this.#file(path, this.#inode(path));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step('rename', from);
    const inode = this.#inode(from);
    this.#change(to, (entries, of = (same) => same) => {
      entries.delete(from);
      entries.set(to, of(inode));
    });
  }

  async unlink(path: string): Promise<void> {
    this.#step('unlink', path);
    if (this.#entries.has(path)) this.#change(path, (entries) => entries.delete(path));
  }

  async syncDir(dir: string): Promise<void> {
    this.#step('syncDir', dir);
    for (const { apply } of this.#pending.filter((entry) => entry.dir === dir)) apply(this.#durable);
    this.#pending = this.#pending.filter((entry) => entry.dir !== dir);
  }

  #file(path: string, inode: Inode): FsFile {
    return {
      size: async () => inode.content.length,
      read: async (into, position) => {
        this.#step('read', path);
        return inode.content.copy(into, 0, position);
      },
      write: async (bytes, position) => {
        const fault = this.#step('write', path);
        let length =
          fault && fault !== 'crash' && 'short' in fault ? Math.min(fault.short, bytes.length) : bytes.length;
        const room = (this.options.capacity ?? Number.POSITIVE_INFINITY) - this.#used();
        if (position + length > inode.content.length) {
          length = Math.min(length, Math.max(0, inode.content.length + Math.max(0, room) - position));
          if (length === 0) throw systemError('ENOSPC');
        }
        const write = { at: position, bytes: Uint8Array.from(bytes.subarray(0, length)) };
        inode.content = patch(inode.content, write);
        inode.unsynced.push(write);
        return length;
      },
      truncate: async (size) => {
        this.#step('truncate', path);
        inode.content = resize(inode.content, size);
        inode.unsynced.push({ size });
      },
      datasync: async () => {
        this.#step('datasync', path);
        inode.durable = Buffer.from(inode.content);
        inode.unsynced = [];
      },
      close: async () => {},
    };
  }

  #step(operation: Operation, path: string): DiskFault | undefined {
    if (this.#dead) throw systemError('EDEAD');
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const fault = this.options.fault?.(operation, this.count++, path);
    if (fault === 'crash') {
      this.#dead = true;
      throw systemError('EDEAD');
    }
    if (fault && 'code' in fault) throw systemError(fault.code);
    return fault;
  }

  #change(path: string, apply: Apply): void {
    apply(this.#entries);
    this.#pending.push({ dir: dirname(path), apply });
  }

  #inode(path: string): Inode {
    const inode = this.#entries.get(path);
    if (!inode) throw systemError('ENOENT');
    return inode;
  }

  #used(): number {
    let total = 0;
    for (const inode of this.#entries.values()) total += inode.content.length;
    return total;
  }
}

function* sectors({ at, bytes }: Write): Generator<Write> {
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR - ((at + from) % SECTOR));
    yield { at: at + from, bytes: bytes.subarray(from, to) };
    from = to;
  }
}

function patch(content: Buffer, { at, bytes }: Write): Buffer {
  const result = resize(content, Math.max(content.length, at + bytes.length));
  result.set(bytes, at);
  return result;
}

function resize(content: Buffer, size: number): Buffer {
  const result = Buffer.alloc(size);
  content.copy(result, 0, 0, size);
  return result;
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
