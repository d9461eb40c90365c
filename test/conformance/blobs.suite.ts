// What stores of large payloads promise, whatever lies beneath. Run on each adapter.

import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunEventSchema } from '../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { type BlobBackend, createBlobStore, sha256Of } from '../../src/control/blobs/blob-store.ts';
import { databaseBlobs } from '../../src/control/blobs/database-blobs.ts';
import { createKeptBlobs } from '../../src/control/blobs/kept-blobs.ts';
import { largeEvents } from '../../src/control/blobs/large-events.ts';
import { evolve } from '../../src/control/orchestrator/run/evolve.ts';
import type { Database } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import type { EventStore } from '../../src/control/store/unit.ts';
import { part, unit } from '../support/units.ts';

export interface OpenBlobs {
  readonly database: Database;
  readonly backend: BlobBackend;
  /** Changes what lies there behind the store's back. */
  damage(name: { tenant: string; sha256: string }): Promise<void>;
  readonly stop: () => Promise<void>;
}

const HOUR = 3_600_000;

export function blobSuite(name: string, open: () => Promise<OpenBlobs>): void {
  describe(`blobs in ${name}`, { timeout: 30_000 }, () => {
    let opened: OpenBlobs;
    let events: PgEventStore;
    const kept = (backend = opened.backend) => createKeptBlobs(opened.database.db, createBlobStore(backend));
    const store = () => createBlobStore(opened.backend);
    const random = () => crypto.getRandomValues(new Uint8Array(65_536));
    const age = async (tenant: string) => {
      for (const table of ['blob', 'blob_owner'])
        await opened.database.pool.query(`update ${table} set at = at - interval '2 hours' where tenant = $1`, [
          tenant,
        ]);
    };
    const stream = async (tenant: string) => {
      const id = newId();
      expect((await events.commit(unit(tenant, [part(id, 0, ['x'])]))).status).toBe('committed');
      return id;
    };

    beforeAll(async () => {
      opened = await open();
      await migrate(opened.database.db);
      events = new PgEventStore(opened.database);
    }, 60_000);

    afterAll(async () => {
      await events?.close();
      await opened?.stop();
    }, 60_000);

    test('what was put is read under its hash, by its tenant alone, until it is deleted', async () => {
      const [mine, other] = [newId(), `${newId()}/../../北京`];
      const bytes = random();
      const sha256 = await store().put(mine, bytes);
      expect(sha256).toBe(sha256Of(bytes));
      expect(await store().put(mine, bytes)).toBe(sha256);
      expect(Buffer.from((await store().get({ tenant: mine, sha256 }))!).equals(bytes)).toBe(true);
      expect(await store().stat({ tenant: mine, sha256 })).toEqual({ size: bytes.length });
      expect(await store().get({ tenant: other, sha256 })).toBeUndefined();
      expect(await store().stat({ tenant: other, sha256 })).toBeUndefined();
      await store().delete({ tenant: other, sha256 });
      expect(await store().stat({ tenant: mine, sha256 })).toEqual({ size: bytes.length });
      await store().put(other, bytes);
      await store().delete({ tenant: mine, sha256 });
      await store().delete({ tenant: mine, sha256 });
      expect(await store().get({ tenant: mine, sha256 })).toBeUndefined();
      expect(await store().stat({ tenant: other, sha256 })).toEqual({ size: bytes.length });
      expect(await store().get({ tenant: mine, sha256: '../../etc/passwd' })).toBeUndefined();
      const nothing = await store().put(mine, new Uint8Array());
      expect(await store().get({ tenant: mine, sha256: nothing })).toHaveLength(0);
    });

    test('bytes that do not match their hash are never given out', async () => {
      const tenant = newId();
      const sha256 = await store().put(tenant, random());
      await opened.damage({ tenant, sha256 });
      await expect(store().get({ tenant, sha256 })).rejects.toMatchObject({ reason: 'BLOB_DAMAGED' });
    });

    test('a blob is kept while a stream or a holder has it, and for the grace time after that', async () => {
      const tenant = newId();
      const [run, never] = [await stream(tenant), newId()];
      const of = { run: random(), held: random(), both: random(), never: random() };
      const blobs = kept();
      const names = {
        run: { tenant, sha256: await blobs.keep(tenant, run, of.run) },
        held: { tenant, sha256: await blobs.keep(tenant, 'archive of x', of.held, { held: true }) },
        both: { tenant, sha256: await blobs.keep(tenant, run, of.both) },
        // Its process was killed before the commit that would have referred to it.
        never: { tenant, sha256: await blobs.keep(tenant, never, of.never) },
      };
      await blobs.keep(tenant, 'archive of x', of.both, { held: true });
      const left = async () => {
        const found = await Promise.all(
          Object.entries(names).map(async ([key, name]) => (await store().stat(name)) && key),
        );
        return found.filter(Boolean);
      };
      await blobs.sweep(HOUR);
      expect(await left()).toEqual(['run', 'held', 'both', 'never']);
      await age(tenant);
      await blobs.sweep(HOUR);
      expect(await left()).toEqual(['run', 'held', 'both']);
      await opened.database.pool.query('delete from streams where tenant = $1', [tenant]);
      await blobs.sweep(HOUR);
      expect(await left()).toEqual(['held', 'both']);
      await blobs.release(newId(), 'archive of x');
      await blobs.release(tenant, 'archive of x');
      await blobs.sweep(HOUR);
      expect(await left()).toEqual([]);
      const { rows } = await opened.database.pool.query('select from blob where tenant = $1', [tenant]);
      expect(rows).toEqual([]);
    });

    test('what is collected and kept at the same moment is there in the end, and what a kill cut short is done again', async () => {
      const tenant = newId();
      const bytes = random();
      let begun = () => {};
      let goOn = () => {};
      const removing = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const told = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const slow: BlobBackend = {
        ...opened.backend,
        async remove(name, trx) {
          begun();
          await told;
          await opened.backend.remove(name, trx);
        },
      };
      const sha256 = await kept().keep(tenant, newId(), bytes);
      await age(tenant);
      const sweeping = kept(slow).sweep(HOUR);
      await removing;
      const again = kept().keep(tenant, newId(), bytes);
      goOn();
      await Promise.all([sweeping, again]);
      expect(await store().stat({ tenant, sha256 })).toEqual({ size: bytes.length });

      await age(tenant);
      const cut: BlobBackend = {
        ...opened.backend,
        async remove(name) {
          await opened.backend.remove(name);
          throw new Error('killed');
        },
      };
      // The embedded database has one connection, which the transaction has.
      if (opened.database.kind === 'postgres') await expect(kept(cut).sweep(HOUR)).rejects.toThrow();
      await kept().sweep(HOUR);
      expect(await store().stat({ tenant, sha256 })).toBeUndefined();
    });

    test('a large event is a reference in its row and whole to its reader; without its blob it cannot be folded', async () => {
      const tenant = newId();
      const lines: string[] = [];
      let known = true;
      const log = { warn: (what: string) => lines.push(what) };
      const large = (blobs: Parameters<typeof largeEvents>[1]['blobs'] = kept()) =>
        largeEvents(events, { blobs, bytes: 10_000, allKnow: async () => known, log });
      const rows = async (stream: string) =>
        (
          await opened.database.pool.query<{ type: string; size: number }>(
            'select type, length(data) as size from events where tenant = $1 and stream = $2 order by version',
            [tenant, stream],
          )
        ).rows;
      const write = async (store: EventStore) => {
        const stream = newId();
        const data = Buffer.from(random());
        const stored = [
          { type: 'accepted', data: Buffer.from('small') },
          { type: 'jobFinished', data },
        ];
        const written = unit(tenant, [{ stream, kind: 'run', expected: 0, events: stored }]);
        expect((await store.commit(written)).status).toBe('committed');
        // A repeat has the same reference, and is known.
        expect((await store.commit(written)).status).toBe('duplicate');
        return { stream, data };
      };
      const { stream: id, data } = await write(large());
      expect((await rows(id)).map(({ type, size }) => [type, size < 200])).toEqual([
        ['accepted', true],
        ['kept', true],
      ]);
      const read = (await large().load(tenant, id)).events[1]!;
      expect(Buffer.from(read.data).equals(data)).toBe(true);
      expect((await kept().sweep(0)) >= 0 && (await large().load(tenant, id)).events[1]!.data.length).toBe(data.length);
      await opened.damage({ tenant, sha256: sha256Of(data) });
      const event = fromBinary(RunEventSchema, (await large().load(tenant, id)).events[1]!.data);
      expect(() => evolve(undefined, event)).toThrow(/not in the blob store any more, or is damaged/);
      expect(lines).toEqual(['the blob of an event is damaged']);

      // An older replica beside this one, and a blob store that is away: the row holds it all.
      known = false;
      expect((await rows((await write(large())).stream))[1]).toMatchObject({ type: 'jobFinished', size: data.length });
      known = true;
      const away = {
        ...kept(),
        keep: () => Promise.reject(new AppError('BLOB_STORE_AWAY', { store: 'x', problem: 'y' })),
      };
      expect((await rows((await write(large(away))).stream))[1]).toMatchObject({
        type: 'jobFinished',
        size: data.length,
      });
    });

    test('what lies where blobs were before is still read and collected', async () => {
      const tenant = newId();
      const nowhere: BlobBackend = {
        kind: 'folder',
        write: async () => {},
        read: async () => undefined,
        size: async () => undefined,
        remove: async () => {},
      };
      const sha256 = await store().put(tenant, random());
      const moved = createBlobStore(nowhere, opened.backend);
      expect(await moved.get({ tenant, sha256 })).toBeDefined();
      await moved.delete({ tenant, sha256 });
      expect(await store().stat({ tenant, sha256 })).toBeUndefined();
    });
  });
}

/** Blobs in the database itself. */
export const inDatabase =
  (open: () => Promise<{ database: Database; stop: () => Promise<void> }>): (() => Promise<OpenBlobs>) =>
  async () => {
    const { database, stop } = await open();
    const damage = async ({ tenant, sha256 }: { tenant: string; sha256: string }) => {
      await database.pool.query('update blob_data set data = $3 where tenant = $1 and sha256 = $2', [
        tenant,
        sha256,
        Buffer.from('x'),
      ]);
    };
    return { database, backend: databaseBlobs(database.db), damage, stop };
  };
