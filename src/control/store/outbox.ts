// Outstanding dispatches as relay, takers and sessions read them. Only commits add or remove them; what is written
// here is who holds one, which is the fence, and when it was last given to a queue, which is a hint. State and target are
// literals, so that the partial indexes serve whatever the plan's mode. Statements that lock skip what
// others hold, but for `release`: a claim that comes to nothing holds a row for a moment too.
import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely';
import { Gathered } from './gathered.ts';
import { guarded } from './guarded.ts';
import { PLACE } from './migrations/0018-fair-lines.ts';
import type { Schema } from './schema.ts';
import type { OutboxRow } from './unit.ts';

export interface StoredOutboxRow extends OutboxRow {
  readonly tenant: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was last given to a queue; a hint. */
  readonly queuedAt?: number;
}

/** Where a page of free dispatches ended. */
export type FreeCursor = Pick<StoredOutboxRow, 'priority' | 'createdAt' | 'dispatchId'>;

/**
 * Its place in the line of its tenant, in milliseconds since 1970: a priority counts as so many seconds of waiting, so that nothing waits
 * for ever behind what is more urgent. As in the index `outbox_lines`.
 */
export const placeInLine = ({ createdAt, priority }: Pick<FreeCursor, 'createdAt' | 'priority'>): number =>
  createdAt - priority * 1_000;

export interface Outbox {
  /** Of these dispatches, the ones that are current and ready. The rest must be dropped. */
  check(dispatchIds: readonly string[]): Promise<StoredOutboxRow[]>;
  /**
   * Makes this replica the holder of those that are ready and free, and returns them, also when they are its own already: so
   * a call without an answer is repeated. What it does not return is over, another's, or being changed right now.
   */
  claim(replica: string, dispatchIds: readonly string[]): Promise<StoredOutboxRow[]>;
  /**
   * Makes this replica the holder of those that are still held as they were read, because their worker is here now. Returns them:
   * what is missing is over, or was adopted by another replica since.
   */
  adopt(replica: string, held: readonly Pick<StoredOutboxRow, 'dispatchId' | 'holder'>[]): Promise<StoredOutboxRow[]>;
  /** Gives up those that this replica holds and never sent to a worker: they are free again, as if new. */
  release(replica: string, dispatchIds: readonly string[]): Promise<void>;
  /** Ready dispatches for workers that this replica holds. */
  heldBy(replica: string): Promise<string[]>;
  /** Free dispatches of a capability and a tenant in the order in which they are given out, from after `after`. */
  free(capability: string, tenant: string, limit: number, after?: FreeCursor): Promise<StoredOutboxRow[]>;
  /** The first `each` free dispatches of a capability of the first so many `tenants` after `after` that have any, tenant by tenant. */
  lines(capability: string, after: string, tenants: number, each: number): Promise<StoredOutboxRow[]>;
  /**
   * Free dispatches that nobody looked at, nor gave to a queue, for `restMs`; they are marked as queued now, so that each
   * is returned to one caller and not again soon.
   */
  survey(restMs: number, limit: number): Promise<StoredOutboxRow[]>;
  /** Ready dispatches for workers with epochs up to this one, by dispatch id, from after `after`. */
  upToEpoch(epoch: number, limit: number, after?: string): Promise<StoredOutboxRow[]>;
  /** How many of a tenant's dispatches for workers nobody holds. */
  countFree(tenant: string): Promise<number>;
  /** Ready dispatches for these devices of the tenant. */
  pendingForDevices(tenant: string, deviceIds: readonly string[]): Promise<StoredOutboxRow[]>;
  /** Ready dispatches for this device. What sessions ask while a statement is under way goes into the next one together. */
  pendingForDevice(tenant: string, device: string): Promise<readonly StoredOutboxRow[]>;
  /** Dispatches for this device that are not wanted any more and whose end is awaited; asked together, too. */
  cancellingForDevice(tenant: string, device: string): Promise<readonly StoredOutboxRow[]>;
}

/**
 * Not of a tenant that stands still, nor from before the database was recovered: those are given up and made anew. In one
 * place with the write, so that it holds for every replica at once. As an expression, not a join: rows keep the order of
 * their index.
 */
const MAY_GO = sql<boolean>`epoch > (select epoch_base from control_state)
  and (select t.stopped_at from tenant t where t.id = outbox.tenant) is null`;

/** As the index `outbox_lines` has it. */
const FREE = sql`state = 'ready' and target = 'worker' and holder is null`;
const PLACE_OF = sql.raw(PLACE);

type Row = Selectable<Schema['outbox']>;

export function createOutbox(db: Kysely<Schema>): Outbox {
  const read = async (statement: RawBuilder<Row>) => (await statement.execute(db)).rows.map(toOutboxRow);
  const hold = async (replica: string, ids: readonly string[], who: RawBuilder<boolean>) => {
    if (ids.length === 0) return [];
    return read(sql`/* outbox_hold */ update outbox set holder = ${replica} where dispatch_id in (
      select dispatch_id from outbox
      where dispatch_id = ${anyOf(ids)} and state = 'ready' and target = 'worker' and ${who} and ${MAY_GO}
      order by dispatch_id for update skip locked) returning ${COLUMNS}`);
  };
  const pending = ofDevices(read, 'outbox_device', sql`state = 'ready'`);
  const cancelling = ofDevices(read, 'outbox_cancelling', sql`state = 'waiting' and reason = 'cancelling'`);
  return guarded<Outbox>({
    async check(dispatchIds) {
      if (dispatchIds.length === 0) return [];
      return read(sql`/* outbox_check */ select ${COLUMNS} from outbox
        where dispatch_id = ${anyOf(dispatchIds)} and state = 'ready'`);
    },
    claim(replica, dispatchIds) {
      return hold(replica, dispatchIds, sql`(holder is null or holder = ${replica})`);
    },
    adopt(replica, held) {
      const known = held.filter((row) => row.holder !== undefined);
      const ids = known.map((row) => row.dispatchId);
      const holders = known.map((row) => row.holder);
      const same = sql<boolean>`holder = (
        select x.holder from unnest(${ids}::text[], ${holders}::text[]) as x (id, holder) where x.id = dispatch_id)`;
      return hold(replica, ids, same);
    },
    async release(replica, dispatchIds) {
      if (dispatchIds.length === 0) return;
      await sql`/* outbox_release */ update outbox set holder = null, queued_at = null where dispatch_id in (
        select dispatch_id from outbox where dispatch_id = ${anyOf(dispatchIds)} and holder = ${replica}
        order by dispatch_id for update)`.execute(db);
    },
    async heldBy(replica) {
      const found = await db
        .selectFrom('outbox')
        .select('dispatch_id')
        .where('holder', '=', replica)
        .where('state', '=', sql.lit('ready'))
        .execute();
      return found.map((row) => row.dispatch_id);
    },
    async free(capability, tenant, limit, after) {
      // A page begins where the one before ended.
      const rest = after
        ? sql`and (${PLACE_OF}, dispatch_id) >
            (${new Date(placeInLine(after))}::timestamptz at time zone 'UTC', ${after.dispatchId}::text)`
        : sql``;
      return read(sql`/* outbox_free */ select ${COLUMNS} from outbox
        where ${FREE} and capability = ${capability} and tenant = ${tenant} and ${MAY_GO} ${rest}
        order by ${PLACE_OF}, dispatch_id limit ${limit}`);
    },
    async lines(capability, after, tenants, each) {
      return read(linesSql(capability, after, tenants, each));
    },
    async survey(restMs, limit) {
      return read(sql`/* outbox_survey */ update outbox set queued_at = now() where ctid = any(array(
        select ctid from outbox
        where state = 'ready' and target = 'worker' and holder is null
          and coalesce(queued_at, created_at) <= now() - ${restMs}::float8 * interval '1 millisecond'
        limit ${limit} for update skip locked)) returning ${COLUMNS}`);
    },
    async upToEpoch(epoch, limit, after = '') {
      return read(sql`/* outbox_up_to_epoch */ select ${COLUMNS} from outbox
        where state = 'ready' and target = 'worker' and epoch <= ${epoch} and dispatch_id > ${after}
        order by dispatch_id limit ${limit}`);
    },
    async countFree(tenant) {
      const found = await db
        .selectFrom('outbox')
        .select(sql<number>`count(*)::int`.as('n'))
        .where('tenant', '=', tenant)
        .where('state', '=', sql.lit('ready'))
        .where('target', '=', sql.lit('worker'))
        .where('holder', 'is', null)
        .executeTakeFirstOrThrow();
      return found.n;
    },
    async pendingForDevices(tenant, deviceIds) {
      if (deviceIds.length === 0) return [];
      return read(sql`/* outbox_devices */ select ${COLUMNS} from outbox
        where state = 'ready' and target = 'device' and tenant = ${tenant} and device = ${anyOf(deviceIds)}
        order by dispatch_id`);
    },
    async pendingForDevice(tenant, device) {
      return (await pending.get({ tenant, device }))?.rows ?? [];
    },
    async cancellingForDevice(tenant, device) {
      return (await cancelling.get({ tenant, device }))?.rows ?? [];
    },
  });
}

/** From tenant to tenant by the index: what it costs depends on how many tenants wait, and not on what waits. */
const linesSql = (capability: string, after: string, tenants: number, each: number): RawBuilder<Row> =>
  sql`/* outbox_lines */ with recursive line (name) as (
          (select tenant from outbox where ${FREE} and capability = ${capability} and tenant > ${after} order by tenant limit 1)
          union all
          select (select tenant from outbox where ${FREE} and capability = ${capability} and tenant > line.name
            order by tenant limit 1) from line where line.name is not null)
        select found.* from (select name from line
          where name is not null and (select t.stopped_at from tenant t where t.id = line.name) is null limit ${tenants}) line
        cross join lateral (select ${COLUMNS} from outbox
          where ${FREE} and capability = ${capability} and tenant = line.name and ${MAY_GO}
          order by ${PLACE_OF}, dispatch_id limit ${each}) found`;

interface DeviceKey {
  readonly tenant: string;
  readonly device: string;
}

interface OfDevice extends DeviceKey {
  readonly rows: readonly StoredOutboxRow[];
}

/** Dispatches in this state by their devices, many devices to a statement. */
function ofDevices(
  read: (statement: RawBuilder<Row>) => Promise<StoredOutboxRow[]>,
  name: string,
  state: RawBuilder<unknown>,
): Gathered<DeviceKey, OfDevice> {
  const find = async (keys: readonly DeviceKey[]): Promise<OfDevice[]> => {
    const [tenants, devices] = [keys.map(({ tenant }) => tenant), keys.map(({ device }) => device)];
    const rows = await read(sql`/* ${sql.raw(name)} */ select ${COLUMNS} from outbox
      where target = 'device' and ${state}
        and (tenant, device) in (select * from unnest(${tenants}::text[], ${devices}::text[]))
      order by dispatch_id`);
    const byDevice = Map.groupBy(rows, ({ tenant, device = '' }) => deviceKey({ tenant, device }));
    return [...byDevice.values()].map((rows) => ({ tenant: rows[0]!.tenant, device: rows[0]!.device ?? '', rows }));
  };
  return new Gathered(find, deviceKey, deviceKey);
}

const deviceKey = ({ tenant, device }: DeviceKey): string => `${tenant}\n${device}`;

// All of a row, by name: what is prepared must not change with the table (connection.ts).
const COLUMNS = sql.raw(
  `dispatch_id, tenant, run, job, epoch, capability, tier, target, device, selector, recipients, slots, priority, state,
   reason, created_at, queued_at, holder`,
);

// One parameter whatever the number of ids.
const anyOf = (ids: readonly string[]) => sql<string>`any(${[...ids]}::text[])`;

export function toOutboxRow(row: Row): StoredOutboxRow {
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
    ...(row.holder === null ? {} : { holder: row.holder }),
    createdAt: row.created_at.getTime(),
    ...(row.queued_at === null ? {} : { queuedAt: row.queued_at.getTime() }),
  };
}
