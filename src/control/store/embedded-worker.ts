// The thread of the embedded database: PGlite behind its socket server. It speaks to the main thread only to say that it
// is ready, closed or broken.
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import type { EmbeddedWorkerData, EmbeddedWorkerMessage } from './embedded.ts';

const { data, socket } = workerData as EmbeddedWorkerData;
const say = (message: EmbeddedWorkerMessage) => parentPort?.postMessage(message);

// A failure below SQL leaves the socket server's queue stuck for ever; the thread ends and the main thread starts it again.
function broken(error: unknown): void {
  say({ kind: 'failed', problem: error instanceof Error ? error.message : String(error) });
  setImmediate(() => process.exit(1));
}

const db = await PGlite.create({ dataDir: data }).catch((error: unknown) => {
  broken(error);
  return undefined;
});
if (db) {
  const inner = db.execProtocolRawStream.bind(db);
  db.execProtocolRawStream = async (...args) => {
    try {
      return await inner(...args);
    } catch (error) {
      broken(error);
      throw error;
    }
  };
  // One connection is used; the others leave room for one that is being replaced.
  const server = new PGLiteSocketServer({ db, path: socket, maxConnections: 4 });
  parentPort?.on('message', async () => {
    await server.stop();
    await db.close();
    say({ kind: 'closed' });
    process.exit(0);
  });
  await server.start().then(() => say({ kind: 'ready' }), broken);
}
