// Reads the projection of conversations, and deletes a conversation with everything that was said in it.
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { sqlFailure } from '../../base/sql-failure.ts';
import { type ListPage, pageOfRows } from '../../contract/paging.ts';
import { guarded } from './guarded.ts';
import { type PageQuery, placeOfRow, readPageQuery } from './page.ts';
import { archiveOwner } from './removed-runs.ts';
import type { Schema } from './schema.ts';
import type { ConversationRow } from './unit.ts';

/** A conversation as it is read: its creation time is always known. */
export type StoredConversation = ConversationRow & { readonly createdAt: number };

export interface Conversations {
  get(tenant: string, id: string): Promise<StoredConversation | undefined>;
  /** Newest first. Throws INVALID_ARGUMENT for a page token that is not ours. */
  list(tenant: string, page?: PageQuery): Promise<ListPage<StoredConversation>>;
  /**
   * Removes the conversation, its runs and jobs, all their events, timers and outstanding dispatches; false when there is
   * none. A commit to it that is under way then conflicts. The inbox keeps its keys and outcomes (a repeated command must
   * not run again), as do ledger and audit.
   */
  delete(tenant: string, id: string, trx?: Transaction<Schema>): Promise<boolean>;
}

export function createConversations(db: Kysely<Schema>): Conversations {
  return guarded<Conversations>({
    async get(tenant, id) {
      const query = db.selectFrom('conversation').selectAll().where('tenant', '=', tenant).where('id', '=', id);
      const row = await query.executeTakeFirst();
      return row && toConversation(row);
    },
    async list(tenant, page = {}) {
      const { size, after } = readPageQuery(page);
      let query = db.selectFrom('conversation').selectAll().where('tenant', '=', tenant);
      if (after) query = query.where(sql<boolean>`(created_at, id) < (${after.at}::timestamptz, ${after.id}::text)`);
      const rows = await query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(size + 1)
        .execute();
      return pageOfRows(rows, size, placeOfRow, toConversation);
    },
    async delete(tenant, id, trx) {
      // Whoever has the transaction tries again.
      if (trx) return deleteIn(trx, tenant, id);
      // A commit locks streams in the order of their ids, this the conversation first; whoever loses tries again.
      for (let attempt = 1; ; attempt++) {
        try {
          return await db.transaction().execute((trx) => deleteIn(trx, tenant, id));
        } catch (error) {
          if (sqlFailure(error) !== 'again' || attempt === 5) throw error;
        }
      }
    },
  });
}

async function deleteIn(trx: Transaction<Schema>, tenant: string, id: string): Promise<boolean> {
  // Locked in a statement of its own: every run is started by a commit that holds this stream, so the next statement
  // sees all of them and no other can follow.
  await sql`select from streams where tenant = ${tenant} and id = ${id} for update`.execute(trx);
  const { rows } = await sql<{ id: string }>`
    select s.id from streams s
    where s.tenant = ${tenant} and s.id in (select id from run where tenant = ${tenant} and conversation = ${id})
    order by s.id for update`.execute(trx);
  const streams = [id, ...rows.map((row) => row.id)];
  const mine = sql<string>`any(${streams}::text[])`;
  await sql`insert into removed_run (tenant, id, conversation, device, created_at, ended_at, why)
    select tenant, id, conversation, device, created_at, ended_at, 'conversation' from run
    where tenant = ${tenant} and id = ${mine} on conflict do nothing`.execute(trx);
  // What the archive has of it goes with the next look for blobs that nobody owns; it is not read from now on.
  const archived = await sql<{ id: string }>`update removed_run set why = 'conversation', archive = null
    where tenant = ${tenant} and conversation = ${id} and archive is not null returning id`.execute(trx);
  const owners = [...streams, ...archived.rows.map((row) => row.id)].map(archiveOwner);
  await sql`delete from blob_owner where tenant = ${tenant} and owner = any(${owners}::text[]) and held`.execute(trx);
  const gone = await trx.deleteFrom('conversation').where('tenant', '=', tenant).where('id', '=', id).execute();
  await trx.deleteFrom('outbox').where('tenant', '=', tenant).where('run', '=', mine).execute();
  await trx.deleteFrom('timers').where('tenant', '=', tenant).where('stream', '=', mine).execute();
  await trx.deleteFrom('job').where('tenant', '=', tenant).where('run', '=', mine).execute();
  await trx.deleteFrom('dead_job').where('tenant', '=', tenant).where('run', '=', mine).execute();
  await trx.deleteFrom('set_aside').where('tenant', '=', tenant).where('run', '=', mine).execute();
  await trx.deleteFrom('run').where('tenant', '=', tenant).where('id', '=', mine).execute();
  await trx.deleteFrom('events').where('tenant', '=', tenant).where('stream', '=', mine).execute();
  await trx.deleteFrom('snapshot').where('tenant', '=', tenant).where('stream', '=', mine).execute();
  await trx.deleteFrom('streams').where('tenant', '=', tenant).where('id', '=', mine).execute();
  return archived.rows.length > 0 || gone.some((result) => result.numDeletedRows > 0n);
}

function toConversation(row: Selectable<Schema['conversation']>): StoredConversation {
  const { active_run, created_at, ...same } = row;
  return { ...same, activeRun: active_run, createdAt: created_at.getTime() };
}
