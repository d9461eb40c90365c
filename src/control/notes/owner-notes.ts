// Notes between boxes and the paired keys of their owners: kept, handed on, replaced, taken away. It reads none of them. No query goes
// without the tenant.
import { createHash } from 'node:crypto';
import { type Kysely, type Selectable, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';

/** A device by tenant and id. */
export interface NoteDevice {
  readonly tenant: string;
  readonly device: string;
}

export interface OwnerWord {
  /** Key or pairing. */
  readonly key: string;
  /** What it is about. */
  readonly id: string;
  readonly body: Uint8Array;
}

export interface KeptWord extends OwnerWord {
  readonly device: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Notes of one device that wait for its owner, and of its owner that wait for it. */
const MOST_FROM = 512;
const MOST_TO = 128;
/** The longest that a note is kept, in milliseconds. */
const LONGEST_MS = 8 * 86_400_000;
/** How long a note waits for its device: an approval lives no longer by default. */
const TO_DEVICE_MS = 86_400_000;

export class OwnerNotes {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /**
   * A device says something to its owner; an empty note takes away the one before. @param expiresAt milliseconds since 1970
   * @throws LIMIT_EXCEEDED: nothing was kept
   */
  async fromDevice(of: NoteDevice, note: OwnerWord, expiresAt: number, now: number): Promise<void> {
    if (note.body.length === 0) return this.#remove(of, false, note);
    await this.#put(this.#db, of, false, note, Math.min(expiresAt, now + LONGEST_MS));
  }

  /** Forgets what a device said before. */
  async forget({ tenant, device }: NoteDevice): Promise<void> {
    const gone = this.#db
      .deleteFrom('owner_note')
      .where('tenant', '=', tenant)
      .where('device', '=', device)
      .where('to_device', '=', false);
    await inStore(() => gone.execute());
  }

  /** What devices of the tenant say to a key, by device and id. @param after `device/id` of the last one before */
  async toOwner(
    tenant: string,
    wanted: { readonly key: string; readonly device: string },
    page: { readonly limit: number; readonly after: string },
  ): Promise<KeptWord[]> {
    let query = this.#db
      .selectFrom('owner_note')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('to_device', '=', false)
      .where('key', '=', wanted.key)
      .where('expires_at', '>', sql<Date>`now()`)
      .where(sql<boolean>`device || '/' || id > ${page.after}`)
      .orderBy(sql`device || '/' || id`)
      .limit(page.limit);
    if (wanted.device !== '') query = query.where('device', '=', wanted.device);
    return (await inStore(() => query.execute())).map(noteOf);
  }

  /** The device that says something under this key. Throws NOT_FOUND. */
  async deviceOf(tenant: string, key: string): Promise<string> {
    const [note] = await this.toOwner(tenant, { key, device: '' }, { limit: 1, after: '' });
    if (!note) throw new AppError('NOT_FOUND', { kind: 'pairing' });
    return note.device;
  }

  /** Keeps what a key says to a device, within the caller's transaction. Throws LIMIT_EXCEEDED. */
  async send(trx: Kysely<Schema>, of: NoteDevice, note: OwnerWord, now: number): Promise<void> {
    await this.#put(trx, of, true, note, now + TO_DEVICE_MS);
  }

  /** What waits for a device, oldest key first. */
  async waiting({ tenant, device }: NoteDevice): Promise<KeptWord[]> {
    const query = this.#db
      .selectFrom('owner_note')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('device', '=', device)
      .where('to_device', '=', true)
      .where('expires_at', '>', sql<Date>`now()`)
      .orderBy('key')
      .orderBy('id');
    return (await inStore(() => query.execute())).map(noteOf);
  }

  /** The device took a note; another one in its place stays. */
  async taken(of: NoteDevice, { key, id, sha256 }: { key: string; id: string; sha256: Uint8Array }): Promise<void> {
    const found = (await this.waiting(of)).find((note) => note.key === key && note.id === id);
    if (!found || Buffer.compare(sha256Of(found.body), sha256) !== 0) return;
    await this.#remove(of, true, found);
  }

  async #put(db: Kysely<Schema>, of: NoteDevice, toDevice: boolean, note: OwnerWord, expiresAt: number): Promise<void> {
    const { tenant, device } = of;
    const most = toDevice ? MOST_TO : MOST_FROM;
    const others = db
      .selectFrom('owner_note')
      .select(sql<number>`count(*)`.as('n'))
      .where('tenant', '=', tenant)
      .where('device', '=', device)
      .where('to_device', '=', toDevice)
      .where(sql<boolean>`(key, id) <> (${note.key}, ${note.id})`);
    const { n } = await inStore(() => others.executeTakeFirstOrThrow());
    if (Number(n) >= most) {
      const what = toDevice ? 'the notes that wait for this device' : 'the notes of this device for its owner';
      throw fixedLimit(what, most, 'answer what waits, or wait until it is over');
    }
    const [body, expires_at] = [Buffer.from(note.body), new Date(expiresAt)];
    const row = { tenant, device, to_device: toDevice, key: note.key, id: note.id, body, expires_at };
    await inStore(() =>
      db
        .insertInto('owner_note')
        .values(row)
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'device', 'to_device', 'key', 'id']).doUpdateSet({ body, expires_at }),
        )
        .execute(),
    );
  }

  async #remove(
    { tenant, device }: NoteDevice,
    toDevice: boolean,
    { key, id }: Pick<OwnerWord, 'key' | 'id'>,
  ): Promise<void> {
    const gone = this.#db
      .deleteFrom('owner_note')
      .where('tenant', '=', tenant)
      .where('device', '=', device)
      .where('to_device', '=', toDevice)
      .where('key', '=', key)
      .where('id', '=', id);
    await inStore(() => gone.execute());
  }
}

const sha256Of = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

const noteOf = ({ device, key, id, body, expires_at }: Selectable<Schema['owner_note']>): KeptWord => ({
  device,
  key,
  id,
  body,
  expiresAt: expires_at.getTime(),
});
