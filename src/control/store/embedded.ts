// The embedded database, seen from the main thread: PGlite in a worker thread behind a unix socket that only this user
// can reach. It owns the folder, its lock, the socket and the thread; it sends no SQL.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { fullJitter } from '../../base/backoff.ts';
import { AppError } from '../../base/errors.ts';
import { lockHome } from '../../base/home-lock.ts';

/** What the worker thread is told, and what it says. */
export interface EmbeddedWorkerData {
  readonly data: string;
  readonly socket: string;
}
export type EmbeddedWorkerMessage = { kind: 'ready' } | { kind: 'closed' } | { kind: 'failed'; problem: string };

export interface Embedded {
  /** For pg: the folder of the socket, the database and the user. */
  readonly connection: { host: string; database: string; user: string };
  /** Writes a checkpoint and ends the thread. */
  close(): Promise<void>;
}

const SOCKET = '.s.PGSQL.5432';
const PREFIX = 'bowline-db-';
const CLOSE_MS = 10_000;

/**
 * Opens (or makes) the database in `dir`. Throws HOME_LOCKED when another process has it, DATABASE_UNUSABLE when it
 * cannot be opened. A thread that dies later is started again on the same socket, with backoff; `onTrouble` hears of it.
 */
export async function startEmbedded(dir: string, options: { onTrouble: (problem: string) => void }): Promise<Embedded> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  const lock = lockHome(dir, 'database');
  let folder: string | undefined;
  const release = () => {
    if (folder) rmSync(folder, { recursive: true, force: true });
    lock.release();
  };
  try {
    folder = socketFolder(join(dir, 'socket-folder'));
    const thread = new EmbeddedThread({ data: join(dir, 'data'), socket: join(folder, SOCKET) }, options.onTrouble);
    await thread.start();
    return {
      connection: { host: folder, database: 'postgres', user: 'postgres' },
      close: async () => {
        await thread.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** The worker's entry beside this module: its source when run from source, its bundle when run from `dist/`. */
export function workerEntry(module: string): URL {
  return new URL(module.endsWith('.ts') ? './embedded-worker.ts' : './embedded-worker.mjs', module);
}

// A new private folder each time, so that no stale socket is ever in the way. The note beside the database names it, so
// that the next start removes what a killed process left. Socket paths must stay under 100 bytes.
function socketFolder(note: string): string {
  try {
    const old = readFileSync(note, 'utf8').trim();
    if (basename(old).startsWith(PREFIX)) rmSync(old, { recursive: true, force: true });
  } catch {
    // No note: the last one ended well, or this is the first start.
  }
  const root = Buffer.byteLength(tmpdir()) > 60 ? '/tmp' : tmpdir();
  const folder = mkdtempSync(join(root, PREFIX));
  writeFileSync(note, folder, { mode: 0o600 });
  return folder;
}

class EmbeddedThread {
  readonly #data: EmbeddedWorkerData;
  readonly #onTrouble: (problem: string) => void;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing = false;
  #failures = 0;

  constructor(data: EmbeddedWorkerData, onTrouble: (problem: string) => void) {
    this.#data = data;
    this.#onTrouble = onTrouble;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      rmSync(this.#data.socket, { force: true });
      const worker = new Worker(workerEntry(import.meta.url), { workerData: this.#data, name: 'database' });
      this.#worker = worker;
      let problem = 'its thread ended';
      let ready = false;
      worker.on('message', (message: EmbeddedWorkerMessage) => {
        if (message.kind === 'failed') problem = message.problem;
        if (message.kind !== 'ready') return;
        ready = true;
        resolve();
      });
      worker.on('error', (error) => {
        problem = error instanceof Error ? error.message : String(error);
      });
      worker.on('exit', () => {
        if (!ready) reject(new AppError('DATABASE_UNUSABLE', { problem }));
        else if (!this.#closing) this.#restart(problem);
      });
    });
  }

  #restart(problem: string): void {
    this.#onTrouble(problem);
    this.#timer = setTimeout(
      () => {
        this.start().then(
          () => {
            this.#failures = 0;
          },
          (error: unknown) => {
            if (!this.#closing) this.#restart(error instanceof Error ? error.message : problem);
          },
        );
      },
      100 + fullJitter(++this.#failures, 500, 10_000),
    );
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (!worker) return;
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage('close');
    const late = setTimeout(() => void worker.terminate(), CLOSE_MS);
    await gone;
    clearTimeout(late);
  }
}
