// The store's promises on Postgres.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobPath } from '../../src/control/blobs/blob-store.ts';
import { folderBlobs } from '../../src/control/blobs/folder-blobs.ts';
import { openDatabase } from '../../src/control/store/database.ts';
import { startPostgres } from '../support/postgres.ts';
import { blobSuite, inDatabase } from './blobs.suite.ts';
import { budgetSuite } from './budgets.suite.ts';
import { eventStoreSuite } from './event-store.suite.ts';
import { storeReadersSuite } from './store-readers.suite.ts';

async function open() {
  const server = await startPostgres();
  const database = await openDatabase(server.url);
  const stop = async () => {
    await database.close();
    await server.stop();
  };
  return { database, stop };
}

eventStoreSuite('Postgres', open);
storeReadersSuite('Postgres', open);
budgetSuite('Postgres', open);
blobSuite('Postgres', inDatabase(open));
blobSuite('a folder', async () => {
  const { database, stop } = await open();
  const folder = await mkdtemp(join(tmpdir(), 'bowline-test-blobs-'));
  return {
    database,
    backend: await folderBlobs(folder),
    damage: (name) => writeFile(join(folder, blobPath(name)), 'x'),
    stop: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
