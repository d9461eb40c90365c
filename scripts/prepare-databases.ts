// Makes the two empty databases that a first start unpacks instead of making its own. Usage, by the build: prepare-databases FOLDER
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import { type EmbeddedDatabase, startEmbedded } from '../src/base/embedded-database/embedded.ts';
import { engineVersion } from '../src/base/embedded-database/make-database.ts';
import { packPrepared, preparedFrom } from '../src/base/embedded-database/prepared-file.ts';
import { preparedPath } from '../src/base/embedded-database/prepared-path.ts';
import { silentLogger } from '../src/base/logger.ts';
import { openDatabase } from '../src/control/store/database.ts';
import { migrate, migrationNames } from '../src/control/store/migrate.ts';
import { RETRIEVAL_DEFAULTS } from '../src/worker/handlers/retrieval/retrieval-settings.ts';
import { passageMigrationNames } from '../src/worker/handlers/retrieval/store/migrate.ts';
import { openPassageDatabase } from '../src/worker/handlers/retrieval/store/open-database.ts';

const DATABASES = [
  {
    name: 'control',
    tables: migrationNames,
    make: async (folder: string) => {
      const database = await openDatabase({ embedded: folder });
      await migrate(database.db);
      await database.close();
    },
    extensions: [],
  },
  {
    name: 'retrieval',
    tables: passageMigrationNames,
    make: async (folder: string) => {
      const database = await openPassageDatabase(folder, RETRIEVAL_DEFAULTS, silentLogger);
      await database.close();
    },
    extensions: ['vector'],
  },
] as const;

async function prepareDatabases(folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'bowline-prepare-'));
  try {
    const empty = join(work, 'empty');
    await (await start(empty, [])).close();
    for (const { name, tables, make, extensions } of DATABASES) {
      const home = join(work, name);
      cpSync(empty, home, { recursive: true });
      await make(home);
      await shrink(await start(home, extensions));
      const prepared = preparedFrom(join(home, 'data'), { engine: engineVersion(), tables });
      writeFileSync(join(folder, basename(preparedPath(name))), packPrepared(prepared));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const start = (folder: string, extensions: readonly 'vector'[]): Promise<EmbeddedDatabase> =>
  startEmbedded(folder, {
    holds: 'nothing',
    extensions,
    onTrouble: (problem) => process.stderr.write(`build: ${problem}\n`),
    stuckMs: 120_000,
  });

/** Takes away what nobody needs: the templates of further databases, 15 MB, and the log of how it was made. Closes it. */
async function shrink(database: EmbeddedDatabase): Promise<void> {
  const client = new pg.Client(database.connection);
  await client.connect();
  await client.query('update pg_database set datistemplate = false');
  await client.query('drop database template1');
  await client.query('drop database template0');
  // Segments of the log that are no longer needed would be kept for later with what is in them.
  await client.query('set wal_recycle = off');
  await client.query('select pg_switch_wal()');
  await client.query('checkpoint');
  await client.end();
  await database.close();
}

await prepareDatabases(process.argv[2] ?? '.');
