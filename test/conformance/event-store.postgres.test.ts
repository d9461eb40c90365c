// The store's promises on Postgres.
import { openDatabase } from '../../src/control/store/database.ts';
import { startPostgres } from '../support/postgres.ts';
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
