// What the main thread and the thread of the embedded database say to each other. Types only.

import type { WantedDatabase } from './make-database.ts';

export interface EmbeddedWorkerData {
  /** PGlite's own folder. */
  readonly data: string;
  /** What `data` is made of when it is not there; default: the engine makes it. */
  readonly prepared?: WantedDatabase | undefined;
  /** Path of the unix socket to listen on. */
  readonly socket: string;
  /** Extensions that can be created in it; each is loaded only when it is named. */
  readonly extensions: readonly EmbeddedExtension[];
  /** Pages that it keeps in memory. */
  readonly cacheBytes: number;
}

/** An extension of PGlite by the name that `create extension` takes. */
export type EmbeddedExtension = 'vector';

export type EmbeddedWorkerOrder = 'ping' | 'close';

export type EmbeddedWorkerMessage =
  | { kind: 'ready' }
  | { kind: 'alive' }
  /** It goes on all the same. */
  | { kind: 'trouble'; problem: string }
  | { kind: 'failed'; problem: string };
