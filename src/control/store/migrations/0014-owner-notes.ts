// Notes between boxes and the paired keys of their owners. What they say is sealed; they are here until they are replaced, taken, or
// their time is over.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `create table owner_note (
    tenant text not null, device text not null, to_device boolean not null, key text not null, id text not null,
    body bytea not null, expires_at timestamptz(3) not null, primary key (tenant, device, to_device, key, id))`,
  `create index owner_note_key on owner_note (tenant, key)`,
  `create index owner_note_expires on owner_note (expires_at)`,
];

export const ownerNotes: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
