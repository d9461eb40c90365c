// Devices as the database knows them: names, states, session epochs and journal anchors. It holds no connections.
import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { inStore } from '../../base/sql-failure.ts';
import { writeAudit } from '../ledger/audit.ts';
import { Gathered } from '../store/gathered.ts';
import type { Schema } from '../store/schema.ts';
import { inTransaction } from '../store/transaction.ts';
import type { KeyCache } from './principal.ts';
import { type SessionBegun, type SessionStart, sessionBatch } from './session-batch.ts';

/** A device by tenant and id: no query goes without the tenant. */
export interface DeviceRef {
  readonly tenant: string;
  readonly id: string;
}

export type DeviceStanding = 'active' | 'suspended' | 'quarantined';

export interface StoredDevice extends DeviceRef {
  readonly name: string;
  readonly state: DeviceStanding;
  readonly publicKey: Uint8Array | null;
  /** Grows with each accepted connection. */
  readonly sessionEpoch: number;
  /** Grows when the owner adopts the device after a fork. */
  readonly generation: number;
  /** `bowline.manifest.v1` bytes of the last Hello. */
  readonly manifest: Uint8Array | null;
  readonly journal: JournalAnchor | null;
  /** It had sessions before the database was recovered; it may have asks that the database lost. */
  readonly recovered: boolean;
  /** The replica that its last session was on; null when that ended. */
  readonly replica: string | null;
  /** Whether that replica lives, so that the device can be reached through it. */
  readonly online: boolean;
  /** Milliseconds since 1970. */
  readonly lastSeen: number | null;
  readonly createdAt: number;
}

/** The last point of the device's journal that the control plane has seen. */
export interface JournalAnchor {
  readonly id: string;
  readonly sequence: number;
  readonly head: Uint8Array;
}

const MAX_PAGE = 1_000;

export class Devices {
  readonly #db: Kysely<Schema>;
  readonly #cache: KeyCache;
  readonly #starts: Gathered<SessionStart, SessionBegun>;
  readonly #byId: Gathered<DeviceRef, Row>;
  readonly #removed: Gathered<DeviceRef, RemovedDevice>;

  constructor(db: Kysely<Schema>, cache: KeyCache) {
    this.#db = db;
    this.#cache = cache;
    this.#starts = sessionBatch(db);
    this.#byId = new Gathered((refs) => this.#all(refs), keyOf, keyOf);
    this.#removed = new Gathered((refs) => this.#removedAmong(refs), keyOf, keyOf);
  }

  /** Throws NOT_FOUND, the same for an unknown id and one of another tenant, and CANCELED when the signal aborted before. */
  async byId(tenant: string, id: string, signal?: AbortSignal): Promise<StoredDevice> {
    const row = await inStore(() => this.#byId.get({ tenant, id }, signal));
    if (!row) throw notFound();
    return deviceOf(row);
  }

  /** Throws NOT_FOUND, the same for an unknown name and one of another tenant. */
  async byName(tenant: string, name: string): Promise<StoredDevice> {
    const query = this.#rows().where('tenant', '=', tenant).where('name', '=', name);
    const row = await inStore(() => query.executeTakeFirst());
    if (!row) throw notFound();
    return deviceOf(row);
  }

  /** By id, else by name. Throws NOT_FOUND. */
  async find(tenant: string, idOrName: string, db: Kysely<Schema> = this.#db): Promise<StoredDevice> {
    const query = this.#rows(db)
      .where('tenant', '=', tenant)
      .where((device) => device.or([device('id', '=', idOrName), device('name', '=', idOrName)]));
    const rows = await inStore(() => query.execute());
    const row = rows.find(({ id }) => id === idOrName) ?? rows[0];
    if (!row) throw notFound();
    return deviceOf(row);
  }

  /** Devices by name, at most `limit` (default 100, most 1,000), after the name `after`. */
  async list(tenant: string, page: { limit?: number; after?: string } = {}): Promise<StoredDevice[]> {
    const query = this.#rows()
      .where('tenant', '=', tenant)
      .where('name', '>', page.after ?? '')
      .orderBy('name')
      .limit(Math.min(Math.max(page.limit ?? 100, 1), MAX_PAGE));
    const rows = await inStore(() => query.execute());
    return rows.map(deviceOf);
  }

  /** How many devices of the tenant can be reached, on whatever replica. */
  async online(tenant: string): Promise<number> {
    const query = this.#db
      .selectFrom('device')
      .select(sql<number>`count(*)`.as('n'))
      .where('tenant', '=', tenant)
      .where(ONLINE);
    return Number((await inStore(() => query.executeTakeFirstOrThrow())).n);
  }

  /**
   * Begins a session, in one statement: its epoch, its journal, its manifest, its replica. Every older session of the device is
   * fenced from then on. Undefined when the device is not as it was judged any more, because another session began, it was
   * adopted, suspended or removed meanwhile; nothing was written then.
   */
  async openSession(start: SessionStart): Promise<number | undefined> {
    return (await inStore(() => this.#starts.get(start)))?.epoch;
  }

  /** Moves the anchor on to a later position of the same journal; false when the session is superseded. */
  async moveAnchor(device: DeviceRef, epoch: number, { id, sequence, head }: JournalAnchor): Promise<boolean> {
    const later = sql<boolean>`journal_id = ${id} and coalesce(anchor_sequence, 0) < ${sequence}`;
    const update = this.#db
      .updateTable('device')
      .set({
        anchor_sequence: sql<number>`case when ${later} then ${sequence} else anchor_sequence end`,
        anchor_head: sql<Uint8Array>`case when ${later} then ${Buffer.from(head)}::bytea else anchor_head end`,
      })
      .where('tenant', '=', device.tenant)
      .where('id', '=', device.id)
      .where('session_epoch', '=', epoch)
      .returning('id');
    return (await inStore(() => update.executeTakeFirst())) !== undefined;
  }

  /**
   * Stops calls to a device whose journal forked, until `adopt`, and fences its sessions; false, and no effect, when it is not as
   * it was judged any more.
   */
  quarantine(
    known: Pick<StoredDevice, 'tenant' | 'id' | 'sessionEpoch' | 'journal'>,
    why: string,
    by: string,
  ): Promise<boolean> {
    const { id: journal, sequence } = known.journal ?? { id: null, sequence: null };
    return this.#change(known, {
      to: 'quarantined',
      from: ['active'],
      action: 'device.quarantine',
      by,
      detail: { why },
      when: sql<boolean>`session_epoch = ${known.sessionEpoch} and journal_id is not distinct from ${journal}
        and anchor_sequence is not distinct from ${sequence}`,
    });
  }

  /** Takes a quarantined device back under its present journal; its generation grows. No effect on any other. */
  adopt(device: DeviceRef, by: string, db: Kysely<Schema> = this.#db): Promise<boolean> {
    const change = { to: 'active', from: ['quarantined'], action: 'device.adopt', by, detail: {} } as const;
    return this.#change(device, change, db);
  }

  /** Refuses the device's key and fences its sessions, until `resume`. No effect on one that is suspended. */
  suspend(device: DeviceRef, why: string, by: string, db: Kysely<Schema> = this.#db): Promise<boolean> {
    const from = ['active', 'quarantined'] as const;
    return this.#change(device, { to: 'suspended', from, action: 'device.suspend', by, detail: { why } }, db);
  }

  /** A suspended device is again what it was before: active or quarantined. No effect on any other. */
  resume(device: DeviceRef, by: string, db: Kysely<Schema> = this.#db): Promise<boolean> {
    const change = { to: 'before', from: ['suspended'], action: 'device.resume', by, detail: {} } as const;
    return this.#change(device, change, db);
  }

  /** What is known of its key here may be old: it was changed in a transaction that is committed now. */
  changed(id: string): void {
    this.#cache.forget(id);
  }

  /** The name of a device that was removed, or is being removed; undefined for any other. */
  async removedName(device: DeviceRef): Promise<string | undefined> {
    return (await inStore(() => this.#removed.get(device)))?.name;
  }

  /**
   * From now on its sessions are fenced, and whoever shows its key is told that it was removed. It is forgotten by `remove`; if that
   * does not follow, `resume` takes this back. Throws NOT_FOUND.
   */
  async beginRemoval(device: DeviceRef, by: string): Promise<void> {
    await inTransaction(this.#db, async (trx) => {
      await this.suspend(device, 'it is being removed', by, trx);
      await noteRemoved(trx, device);
    });
    this.#cache.forget(device.id);
  }

  /** Forgets a device and frees its name; its runs stay, and who has its key is told. Throws NOT_FOUND. */
  async remove({ tenant, id }: DeviceRef, by: string, db: Kysely<Schema> = this.#db): Promise<void> {
    const gone = await inTransaction(db, async (trx) => {
      await noteRemoved(trx, { tenant, id });
      const row = await trx
        .deleteFrom('device')
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .returning('name')
        .executeTakeFirst();
      if (row) {
        const { name } = row;
        await trx.deleteFrom('owner_note').where('tenant', '=', tenant).where('device', '=', id).execute();
        await writeAudit(trx, [
          { tenant, principal: by, action: 'device.remove', subject: `device:${id}`, detail: { name } },
        ]);
      }
      return row;
    });
    this.#cache.forget(id);
    if (!gone) throw notFound();
  }

  #rows(db: Kysely<Schema> = this.#db) {
    return db.selectFrom('device').selectAll().select(ONLINE.as('online'));
  }

  async #removedAmong(refs: readonly DeviceRef[]): Promise<RemovedDevice[]> {
    const { rows } = await sql<RemovedDevice>`select r.tenant, r.id, r.name
      from unnest(${refs.map(({ tenant }) => tenant)}::text[], ${refs.map(({ id }) => id)}::text[]) as asked (tenant, id)
      join removed_device r using (tenant, id)`.execute(this.#db);
    return rows;
  }

  async #all(refs: readonly DeviceRef[]): Promise<Row[]> {
    const { rows } = await sql<Row>`select device.*, ${ONLINE} as online
      from unnest(${refs.map(({ tenant }) => tenant)}::text[], ${refs.map(({ id }) => id)}::text[]) as asked (tenant, id)
      join device using (tenant, id)`.execute(this.#db);
    return rows;
  }

  /** From one of the states `from` to another, with its audit entry; false when it is in another state, and nothing happened. */
  async #change({ tenant, id }: DeviceRef, change: StateChange, db: Kysely<Schema> = this.#db): Promise<boolean> {
    const { to, from, action, by, detail, when } = change;
    const known = await inTransaction(db, async (trx) => {
      const row = await trx
        .updateTable('device')
        .set({ ...(to === 'before' ? resumed : { state: to }), ...(ALSO[action] ?? {}) })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', 'in', from)
        .where(when ?? sql<boolean>`true`)
        .returning('id')
        .executeTakeFirst();
      if (row) await writeAudit(trx, [{ tenant, principal: by, action, subject: `device:${id}`, detail }]);
      if (row && to === 'before') {
        await trx.deleteFrom('removed_device').where('tenant', '=', tenant).where('id', '=', id).execute();
      }
      if (row) return true;
      const query = trx.selectFrom('device').select('id').where('tenant', '=', tenant).where('id', '=', id);
      return (await query.executeTakeFirst()) && false;
    });
    this.#cache.forget(id);
    if (known === undefined) throw notFound();
    return known;
  }
}

type RemovedDevice = DeviceRef & { readonly name: string };

/** The hash of its key stays, and its name. */
async function noteRemoved(trx: Kysely<Schema>, { tenant, id }: DeviceRef): Promise<void> {
  await trx
    .insertInto('removed_device')
    .columns(['tenant', 'id', 'name', 'key_hash'])
    .expression(
      trx
        .selectFrom('device')
        .select(['tenant', 'id', 'name', 'key_hash'])
        .where('tenant', '=', tenant)
        .where('id', '=', id),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

interface StateChange {
  /** `before`: what it was before it was suspended. */
  readonly to: DeviceStanding | 'before';
  readonly from: readonly DeviceStanding[];
  readonly action: string;
  readonly by: string;
  readonly detail: Readonly<Record<string, string>>;
  /** What must still be so. */
  readonly when?: RawBuilder<boolean>;
}

/** A replica that died clears nothing; its lease says so. */
const ONLINE = sql<boolean>`(device.state = 'active' and device.replica is not null and exists (
  select from lease where lease.replica = device.replica and lease.expires_at > now()))`;

const notFound = () => new AppError('NOT_FOUND', { kind: 'device' });

/** The next Hello of an adopted device anchors its journal anew. */
const adopted = {
  generation: sql<number>`generation + 1`,
  journal_id: null,
  anchor_sequence: null,
  anchor_head: null,
  replica: null,
};

/** No session that began before goes on, and the device is on no replica until a new one begins. */
const fenced = { session_epoch: sql<number>`session_epoch + 1`, replica: null };

const suspended = { ...fenced, suspended_from: sql<'active' | 'quarantined'>`state` };
/** A replica of an older version suspends without noting from what. */
const resumed = { state: sql<DeviceStanding>`coalesce(suspended_from, 'active')`, suspended_from: null, replica: null };

/** What else a change of state changes. */
const ALSO: Readonly<Record<string, object>> = {
  'device.adopt': adopted,
  'device.quarantine': fenced,
  'device.suspend': suspended,
};

type Row = Selectable<Schema['device']> & { readonly online: boolean };

const keyOf = ({ tenant, id }: DeviceRef): string => `${tenant}\n${id}`;

function deviceOf(row: Row): StoredDevice {
  const { journal_id, anchor_sequence, anchor_head } = row;
  const anchored = journal_id !== null && anchor_sequence !== null && anchor_head !== null;
  return {
    tenant: row.tenant,
    id: row.id,
    name: row.name,
    state: row.state,
    publicKey: row.public_key,
    sessionEpoch: row.session_epoch,
    generation: row.generation,
    manifest: row.manifest,
    journal: anchored ? { id: journal_id, sequence: anchor_sequence, head: anchor_head } : null,
    recovered: row.recovered,
    replica: row.replica,
    online: row.online,
    lastSeen: row.last_seen?.getTime() ?? null,
    createdAt: row.created_at.getTime(),
  };
}
