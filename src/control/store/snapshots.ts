// Snapshots of folded streams: what all events up to a version come to. They only save reading: whoever has one looks whether it belongs to
// the stream that is there, and does without it where it does not.
import { type Kysely, sql } from 'kysely';
import { guarded } from './guarded.ts';
import type { Schema } from './schema.ts';

export interface Snapshot {
  /** Of the stream: all events up to this one are in it. */
  readonly version: number;
  /** Of the state's shape; the reader knows its own alone. */
  readonly format: number;
  /** SHA-256 of the data of the event of that version: another history has another one. */
  readonly eventHash: Uint8Array;
  /** JSON whose shape belongs to the writer. */
  readonly state: object;
}

export interface Snapshots {
  find(tenant: string, stream: string): Promise<Snapshot | undefined>;
  /** Writes it unless there is a later one of this format, or the stream is gone. */
  write(tenant: string, stream: string, snapshot: Snapshot): Promise<void>;
}

export function createSnapshots(db: Kysely<Schema>): Snapshots {
  return guarded<Snapshots>({
    async find(tenant, stream) {
      const { rows } = await sql<{ version: number; format: number; event_hash: Buffer; state: object }>`
        /* snapshot_find */ select version, format, event_hash, state from snapshot
        where tenant = ${tenant} and stream = ${stream}`.execute(db);
      const row = rows[0];
      return row && { version: row.version, format: row.format, eventHash: row.event_hash, state: row.state };
    },
    async write(tenant, stream, { version, format, eventHash, state }) {
      // The lock keeps whoever deletes the stream waiting, so that no snapshot outlives it.
      await sql`/* snapshot_write */ with s as (
          select tenant, id from streams where tenant = ${tenant} and id = ${stream} and version >= ${version} for key share)
        insert into snapshot (tenant, stream, version, format, event_hash, state)
        select tenant, id, ${version}::bigint, ${format}::int, ${Buffer.from(eventHash)}::bytea, ${JSON.stringify(state)}::jsonb from s
        on conflict (tenant, stream) do update set version = excluded.version, format = excluded.format,
          event_hash = excluded.event_hash, state = excluded.state
        where snapshot.version < excluded.version or snapshot.format <> excluded.format`.execute(db);
    },
  });
}
