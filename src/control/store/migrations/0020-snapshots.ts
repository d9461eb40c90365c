// What the events of a long stream come to, so that a load does not grow with it.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const snapshots: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table snapshot (
          tenant text not null, stream text not null, version bigint not null, format int not null,
          event_hash bytea not null, state jsonb not null, primary key (tenant, stream)) with (fillfactor = 70)`,
      )
      .execute(db);
  },
};
