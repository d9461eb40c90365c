// Begins sessions of devices, many to a statement, so that a storm of reconnects costs few commits. Each is conditional: it
// begins only while the device is still as it was when its Hello was judged.
import { type Kysely, sql } from 'kysely';
import { Gathered } from '../store/gathered.ts';
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

/** A session that began; there is none for a device that changed since it was judged, and of that nothing was written. */
export interface SessionBegun {
  readonly tenant: string;
  readonly id: string;
  readonly epoch: number;
}

/** Begins sessions, at most one of a device in one statement. */
export function sessionBatch(db: Kysely<Schema>): Gathered<SessionStart, SessionBegun> {
  return new Gathered(
    (starts) => begin(db, starts),
    ({ known }) => keyOf(known),
    keyOf,
    true,
  );
}

/** Rows are locked in order, because two replicas may write overlapping sets; the conditions are read again under the lock. */
async function begin(db: Kysely<Schema>, batch: readonly SessionStart[]): Promise<SessionBegun[]> {
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
    returning device.tenant, device.id, session_epoch as epoch`.execute(db);
  return rows.map(({ tenant, id, epoch }) => ({ tenant, id, epoch: Number(epoch) }));
}

const keyOf = ({ tenant, id }: { readonly tenant: string; readonly id: string }): string => `${tenant}\n${id}`;
