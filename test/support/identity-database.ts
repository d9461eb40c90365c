// Runs a set of tests on both databases that Bowline runs on: Postgres and the embedded one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe } from 'vitest';
import { openDatabase } from '../../src/control/store/database.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import type { Schema } from '../../src/control/store/schema.ts';
import { startPostgres } from './postgres.ts';

/** Declares the tests once per database, on empty tables of the present version; `folder` is private and removed afterwards. */
export function onBothDatabases(name: string, declare: (under: { db: Kysely<Schema>; folder: string }) => void): void {
  for (const kind of ['postgres', 'pglite'] as const) {
    describe(`${name} on ${kind}`, () => {
      const under = {} as { db: Kysely<Schema>; folder: string };
      const stops: (() => Promise<unknown>)[] = [];
      beforeAll(async () => {
        const folder = await mkdtemp(join(tmpdir(), 'bowline-test-identity-'));
        stops.push(() => rm(folder, { recursive: true, force: true }));
        const server = kind === 'postgres' ? await startPostgres() : undefined;
        if (server) stops.push(() => server.stop());
        const database = await openDatabase(server?.url ?? { embedded: join(folder, 'data') });
        stops.push(() => database.close());
        await migrate(database.db);
        Object.assign(under, { db: database.db, folder });
      }, 60_000);
      afterAll(async () => {
        for (const stop of stops.reverse()) await stop();
      }, 60_000);
      declare(under);
    });
  }
}
