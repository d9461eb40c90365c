// Reads the end of log files and follows them across rotation. Bounded: never reads a whole file of any size.
import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/** Most bytes that are looked back for the last lines. */
const LOOK_BACK_BYTES = 1 << 20;
const CHUNK_BYTES = 64 << 10;

/** Follows one file from its end on. */
export class LogTail {
  readonly path: string;
  #fd: number | undefined;
  #at = 0;
  #rest = '';
  #decoder = new StringDecoder('utf8');

  constructor(path: string) {
    this.path = path;
  }

  /** The last whole lines; the next `more` goes on behind them. */
  last(count: number): string[] {
    if (!this.#open()) return [];
    const { size } = fstatSync(this.#fd!);
    this.#at = Math.max(0, size - LOOK_BACK_BYTES);
    const cut = this.#at > 0;
    const lines = this.more();
    return (cut ? lines.slice(1) : lines).slice(-count);
  }

  /** Whole lines since the last call. A file that was rotated is read to its end, then the new one from its beginning. */
  more(): string[] {
    const lines = this.#read();
    if (!this.#wasReplaced()) return lines;
    this.close();
    return [...lines, ...this.#read()];
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#at = 0;
    this.#rest = '';
    this.#decoder = new StringDecoder('utf8');
  }

  #open(): boolean {
    try {
      this.#fd ??= openSync(this.path, 'r');
      return true;
    } catch {
      return false;
    }
  }

  #read(): string[] {
    if (!this.#open()) return [];
    const lines: string[] = [];
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const bytes = readSync(this.#fd!, buffer, 0, CHUNK_BYTES, this.#at);
      if (bytes === 0) return lines;
      this.#at += bytes;
      const parts = (this.#rest + this.#decoder.write(buffer.subarray(0, bytes))).split('\n');
      // A line without an end must not grow for ever.
      this.#rest = (parts.pop() ?? '').slice(-LOOK_BACK_BYTES);
      lines.push(...parts);
    }
  }

  #wasReplaced(): boolean {
    if (this.#fd === undefined) return false;
    const now = statSync(this.path, { throwIfNoEntry: false });
    const mine = fstatSync(this.#fd);
    return now !== undefined && (now.ino !== mine.ino || now.size < this.#at);
  }
}

/** Calls `changed` when one of the files may have changed, until the signal. */
export function onLogChange(paths: readonly string[], signal: AbortSignal, changed: () => void): void {
  const names = new Set(paths.map((path) => basename(path)));
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    watch(folder, { signal }, (_kind, name) => {
      if (name === null || names.has(name)) changed();
    });
  }
}
