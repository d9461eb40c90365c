// A process for tests: opens the embedded database in argv[2], commits one event after the other to the stream `s` of
// the tenant `t`, and prints a line with the version once it is acknowledged. It runs until it is killed.
import { openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { part, unit } from './units.ts';

const database = await openDatabase({ embedded: process.argv[2] ?? '' });
await migrate(database.db);
const store = new PgEventStore(database);
for (let { version } = await store.load('t', 's'); ; version++) {
  const result = await store.commit(unit('t', [part('s', version, [`e${version + 1}`])]));
  if (result.status !== 'committed') process.exit(1);
  process.stdout.write(`${version + 1}\n`);
}
