// Begins sessions of devices, many to a statement, so that a storm of reconnects costs few commits. Each is conditional: it
// begins only while the device is still as it was when its Hello was judged.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';

/** A point of the device's journal. */
interface Point {
  readonly id: string;
  readonly sequence: number;
  readonly head: Uint8Array;
}

/** What a session begins with. */
export interface SessionStart {
  /** As the device was when its Hello was judged. */
  readonly known: {
    readonly tenant: string;
    readonly id: string;
    readonly sessionEpoch: number;
    readonly journal: Point | null;
  };
  readonly manifest: Uint8Array;
  readonly journal: Point;
  /** The replica that holds it. */
  readonly replica: string;
  /** Random id of the start of the edge's process. */
  readonly bootId: string;
}

interface Asked {
  readonly start: SessionStart;
  readonly resolve: (epoch: number | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCH = 200;

export class SessionBatch {
  readonly #db: Kysely<Schema>;
  #asked: Asked[] = [];
  #running = false;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** The epoch of the new session; undefined when the device changed since it was judged, and nothing was written. */
  begin(start: SessionStart): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ start, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  /** One statement at a time; what is asked meanwhile goes into the next. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#asked.length > 0) {
      const batch = this.#cut();
      try {
        const epochs = await inStore(() => this.#begin([...batch.values()].map(({ start }) => start)));
        for (const [key, { resolve }] of batch) resolve(epochs.get(key));
      } catch (error) {
        for (const { reject } of batch.values()) reject(error);
      }
    }
    this.#running = false;
  }

  /** At most one entry per device: two of one device must not meet in one statement. */
  #cut(): Map<string, Asked> {
    const batch = new Map<string, Asked>();
    const later: Asked[] = [];
    for (const each of this.#asked) {
      const key = keyOf(each.start.known.tenant, each.start.known.id);
      if (batch.size < MAX_BATCH && !batch.has(key)) batch.set(key, each);
      else later.push(each);
    }
    this.#asked = later;
    return batch;
  }

  /** Rows are locked in order, because two replicas may write overlapping sets; the conditions are read again under the lock. */
  async #begin(batch: readonly SessionStart[]): Promise<Map<string, number>> {
    const of = <T>(value: (start: SessionStart) => T): T[] => batch.map(value);
    const { rows } = await sql<{ tenant: string; id: string; epoch: string | number }>`
      with asked as (
        select * from unnest(
          ${of(({ known }) => known.tenant)}::text[], ${of(({ known }) => known.id)}::text[],
          ${of(({ known }) => known.sessionEpoch)}::bigint[], ${of(({ known }) => known.journal?.id ?? null)}::text[],
          ${of(({ known }) => known.journal?.sequence ?? null)}::bigint[], ${of(({ manifest }) => Buffer.from(manifest))}::bytea[],
          ${of(({ journal }) => journal.id)}::text[], ${of(({ journal }) => journal.sequence)}::bigint[],
          ${of(({ journal }) => Buffer.from(journal.head))}::bytea[], ${of(({ replica }) => replica)}::text[],
          ${of(({ bootId }) => bootId)}::text[])
          as x (tenant, id, epoch, known_journal, known_sequence, manifest, journal, sequence, head, replica, boot)),
      locked as (
        select device.tenant, device.id from device join asked using (tenant, id)
        where device.state = 'active' and device.session_epoch = asked.epoch
          and device.journal_id is not distinct from asked.known_journal
          and device.anchor_sequence is not distinct from asked.known_sequence
        order by device.tenant, device.id
        for no key update of device)
      update device set session_epoch = session_epoch + 1, last_seen = now(), manifest = asked.manifest,
        journal_id = asked.journal, anchor_sequence = asked.sequence, anchor_head = asked.head,
        replica = asked.replica, boot_id = asked.boot
      from locked join asked using (tenant, id)
      where device.tenant = locked.tenant and device.id = locked.id
      returning device.tenant, device.id, session_epoch as epoch`.execute(this.#db);
    return new Map(rows.map(({ tenant, id, epoch }) => [keyOf(tenant, id), Number(epoch)]));
  }
}

const keyOf = (tenant: string, id: string): string => `${tenant}\n${id}`;
