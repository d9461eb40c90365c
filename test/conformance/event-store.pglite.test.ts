// The store's promises on PGlite, embedded as in `bowline up`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/control/store/database.ts';
import { blobSuite, inDatabase } from './blobs.suite.ts';
import { budgetSuite } from './budgets.suite.ts';
import { eventStoreSuite } from './event-store.suite.ts';
import { storeReadersSuite } from './store-readers.suite.ts';

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-test-lite-'));
  const database = await openDatabase({ embedded: folder });
  const stop = async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { database, stop };
}

eventStoreSuite('PGlite', open);
storeReadersSuite('PGlite', open);
budgetSuite('PGlite', open);
blobSuite('PGlite', inDatabase(open));
