// The thread of the embedded database: PGlite behind its socket server. It speaks to the main thread only to say that it
// is ready, alive or broken.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { type Extensions, PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { causeText } from '../cause-text.ts';
import { LOG_SETTINGS } from './checkpoints.ts';
import type {
  EmbeddedExtension,
  EmbeddedWorkerData,
  EmbeddedWorkerMessage,
  EmbeddedWorkerOrder,
} from './embedded-messages.ts';
import { makeDatabase } from './make-database.ts';

/**
 * V8 compiles WebAssembly once, quickly, and not again for what runs often. Measured: the second compiler takes 0.8 s of processor during a start, and
 * 550 MB at its peak for one function of Postgres alone, which it reaches within seconds. The last of 4,000 commits take as long with it as without.
 */
const ONE_COMPILER = ['--liftoff-only', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];
/** From ready until what the start left is collected: by then those who waited have asked. */
const COLLECT_MS = 2_000;
const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5]);
const QUERY = 0x51;
const SYNC = 0x53;

const { data, prepared, socket, extensions, cacheBytes } = workerData as EmbeddedWorkerData;
const say = (message: EmbeddedWorkerMessage) => parentPort?.postMessage(message);

// The main thread starts a new thread; what was acknowledged is in the files.
function broken(error: unknown): void {
  say({ kind: 'failed', problem: causeText(error) });
  setImmediate(() => process.exit(1));
}

/**
 * Measured: PGlite may throw below SQL, after which the socket server's queue is stuck for ever; or swallow a stack
 * overflow and answer nothing, after which its session is damaged. Both end this thread. (COPY is not used here.)
 */
function watch(db: PGlite): void {
  const inner = db.execProtocolRawStream.bind(db);
  db.execProtocolRawStream = async (message, options) => {
    let tail = Buffer.alloc(0);
    const onRawData = (chunk: Uint8Array) => {
      tail = Buffer.concat([tail, chunk.subarray(-6)]).subarray(-6);
      options?.onRawData?.(chunk);
    };
    try {
      await inner(message, { ...options, onRawData });
      const expected = message[0] === QUERY || message[0] === SYNC;
      if (expected && !tail.subarray(0, 5).equals(READY_FOR_QUERY)) broken('a statement ended without an answer');
    } catch (error) {
      broken(error);
      throw error;
    }
  };
}

async function load(names: readonly EmbeddedExtension[]): Promise<Extensions> {
  return names.includes('vector') ? { vector: (await import('@electric-sql/pglite-pgvector')).vector } : {};
}

/**
 * Postgres takes memory for what its settings allow, and WebAssembly never gives any back. Left to itself it has 128 MB of
 * pages, and room for 100 sessions; here there is one.
 */
function startParams(): string[] {
  const own = { shared_buffers: `${Math.ceil(cacheBytes / 1024)}kB`, max_connections: '8', ...LOG_SETTINGS };
  return [...PGlite.defaultStartParams, ...Object.entries(own).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

const open = async (dataDir: string): Promise<PGlite> =>
  PGlite.create({ dataDir, extensions: await load(extensions), startParams: startParams() });

async function serve(): Promise<void> {
  await makeDatabase(data, {
    wanted: prepared,
    byEngine: async (folder) => (await open(folder)).close(),
    onTrouble: (problem) => say({ kind: 'trouble', problem }),
  });
  const db = await open(data);
  watch(db);
  // One connection is used; the others leave room for one that is being replaced.
  const server = new PGLiteSocketServer({ db, path: socket, maxConnections: 4 });
  await server.start();
  parentPort?.on('message', async (order: EmbeddedWorkerOrder) => {
    if (order === 'ping') return say({ kind: 'alive' });
    await server.stop();
    await db.close();
    process.exit(0);
  });
  say({ kind: 'ready' });
  setTimeout(collectStart, COLLECT_MS).unref();
}

/**
 * The opening of a database leaves 60 MB, its making by the engine a second WebAssembly memory and what was unpacked, 300 MB. V8 would
 * keep them until its next full collection, which on an idle machine does not come.
 */
function collectStart(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

for (const flag of ONE_COMPILER) setFlagsFromString(flag);
await serve().catch(broken);
