// Outstanding dispatches as relay, takers and sessions read them. Only commits add, admit or remove them; the one thing
// written here is the hint that a relay put a row into a queue. State and target are literals, so that the partial
// indexes serve whatever the plan's mode.
import { type Kysely, type Selectable, sql } from 'kysely';
import { guarded } from './guarded.ts';
import type { Schema } from './schema.ts';
import type { OutboxRow } from './unit.ts';

export interface StoredOutboxRow extends OutboxRow {
  readonly tenant: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When a relay last queued it; a hint. */
  readonly queuedAt?: number;
}

export interface Outbox {
  /** The batched read at take: of these dispatches, the ones that are current and ready. The rest must be dropped. */
  check(dispatchIds: readonly string[]): Promise<StoredOutboxRow[]>;
  /** Ready dispatches for workers by dispatch id, from after `after`; with `restMs` only those not queued for that long. */
  readyForWorkers(limit: number, after?: string, restMs?: number): Promise<StoredOutboxRow[]>;
  /** Ready dispatches for these devices of the tenant. */
  pendingForDevices(tenant: string, deviceIds: readonly string[]): Promise<StoredOutboxRow[]>;
  /** Notes that these were put into a queue. Rows that a commit holds right now are skipped. */
  markQueued(dispatchIds: readonly string[]): Promise<void>;
  /** Waiting dispatches of all tenants, higher priority first, then oldest first. */
  waiting(limit: number): Promise<StoredOutboxRow[]>;
  /** All outstanding dispatches of a run. */
  ofRun(tenant: string, run: string): Promise<StoredOutboxRow[]>;
}

export function createOutbox(db: Kysely<Schema>): Outbox {
  const rows = db.selectFrom('outbox').selectAll();
  return guarded<Outbox>({
    async check(dispatchIds) {
      if (dispatchIds.length === 0) return [];
      const found = await rows
        .where('dispatch_id', '=', anyOf(dispatchIds))
        .where('state', '=', sql.lit('ready'))
        .execute();
      return found.map(toOutboxRow);
    },
    async readyForWorkers(limit, after = '', restMs) {
      let query = rows
        .where('state', '=', sql.lit('ready'))
        .where('target', '=', sql.lit('worker'))
        .where('dispatch_id', '>', after);
      if (restMs !== undefined) {
        query = query.where(
          sql<boolean>`(queued_at is null or queued_at <= now() - ${restMs}::float8 * interval '1 millisecond')`,
        );
      }
      return (await query.orderBy('dispatch_id').limit(limit).execute()).map(toOutboxRow);
    },
    async pendingForDevices(tenant, deviceIds) {
      if (deviceIds.length === 0) return [];
      const found = await rows
        .where('state', '=', sql.lit('ready'))
        .where('target', '=', sql.lit('device'))
        .where('tenant', '=', tenant)
        .where('device', '=', anyOf(deviceIds))
        .orderBy('dispatch_id')
        .execute();
      return found.map(toOutboxRow);
    },
    async markQueued(dispatchIds) {
      if (dispatchIds.length === 0) return;
      await sql`update outbox set queued_at = now() where dispatch_id in (
        select dispatch_id from outbox where dispatch_id = ${anyOf(dispatchIds)} for update skip locked)`.execute(db);
    },
    async waiting(limit) {
      const found = await rows
        .where('state', '=', sql.lit('waiting'))
        .orderBy('priority', 'desc')
        .orderBy('created_at')
        .orderBy('dispatch_id')
        .limit(limit)
        .execute();
      return found.map(toOutboxRow);
    },
    async ofRun(tenant, run) {
      const found = await rows.where('tenant', '=', tenant).where('run', '=', run).orderBy('dispatch_id').execute();
      return found.map(toOutboxRow);
    },
  });
}

// One parameter whatever the number of ids.
const anyOf = (ids: readonly string[]) => sql<string>`any(${[...ids]}::text[])`;

export function toOutboxRow(row: Selectable<Schema['outbox']>): StoredOutboxRow {
  return {
    tenant: row.tenant,
    dispatchId: row.dispatch_id,
    run: row.run,
    job: row.job,
    epoch: row.epoch,
    capability: row.capability,
    tier: row.tier,
    target: row.target,
    ...(row.device === null ? {} : { device: row.device }),
    selector: row.selector,
    recipients: row.recipients,
    slots: row.slots,
    priority: row.priority,
    state: row.state,
    ...(row.reason === null ? {} : { reason: row.reason }),
    createdAt: row.created_at.getTime(),
    ...(row.queued_at === null ? {} : { queuedAt: row.queued_at.getTime() }),
  };
}
