// What retention promises, whatever database is beneath: what is over goes, with all its rows and a note; what is needed stays.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { createBlobStore } from '../../src/control/blobs/blob-store.ts';
import { databaseBlobs } from '../../src/control/blobs/database-blobs.ts';
import { createKeptBlobs } from '../../src/control/blobs/kept-blobs.ts';
import { largeEvents } from '../../src/control/blobs/large-events.ts';
import { createRunArchive } from '../../src/control/blobs/run-archive.ts';
import { archivedRun, listArchived } from '../../src/control/gateway/api/archived-runs.ts';
import { usageSince } from '../../src/control/ledger/usage-sums.ts';
import { createConversations } from '../../src/control/store/conversations.ts';
import type { Database } from '../../src/control/store/database.ts';
import type { PgEventStore } from '../../src/control/store/event-store.ts';
import { removedRun } from '../../src/control/store/removed-runs.ts';
import { BOUNDS } from '../../src/control/store/retention/bounds.ts';
import { createRuns } from '../../src/control/store/runs.ts';
import { sizesOf, tableSizes } from '../../src/control/store/sizes.ts';
import { createSnapshots } from '../../src/control/store/snapshots.ts';
import { createTimers } from '../../src/control/store/timers.ts';
import type { CommitUnit, JobRow, RunRow } from '../../src/control/store/unit.ts';
import { type Keep, upkeep } from '../../src/control/store/upkeep.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { dispatch, jobRow, part, runRow, unit } from '../support/units.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const DAY = 86_400_000;
export const KEEP_ALL: Keep = {
  runsMs: FOREVER,
  conversationsMs: FOREVER,
  removedMs: FOREVER,
  usageMs: FOREVER,
  usageSumsMs: FOREVER,
  auditMs: FOREVER,
  commandsMs: FOREVER,
};

export function retentionTests(opened: () => { database: Database; store: PgEventStore }): void {
  const commit = async (tenant: string, parts: Parameters<typeof unit>[1], more: Partial<CommitUnit>) =>
    expect((await opened().store.commit(unit(tenant, parts, more))).status).toBe('committed');
  /** A run that ended so many days ago, with one event and one job. */
  const ended = async (
    tenant: string,
    id: string,
    days: number,
    more: Partial<RunRow> = {},
    job: Partial<JobRow> = {},
  ) => {
    const at = Date.now() - days * DAY;
    const run = runRow(tenant, id, { state: 'answered', createdAt: at - 1_000, endedAt: at, ...more });
    const rows = [
      jobRow(tenant, id, `${id}/0/0`, { state: 'done', createdAt: run.createdAt, endedAt: run.endedAt, ...job }),
    ];
    await commit(tenant, [part(id, 0, ['x', 'y'])], { runs: [run], jobs: rows });
  };
  const line = (tenant: string, id: string, more: object = {}) =>
    ({
      tenant,
      id,
      title: id,
      activeRun: null,
      waiting: [],
      turns: 1,
      device: 'd1',
      createdAt: Date.now() - 900 * DAY,
      ...more,
    }) as const;
  const runsOf = async (tenant: string) =>
    (await createRuns(opened().database.db).list(tenant, { pageSize: 500 })).items.map(({ id }) => id).sort();
  const rowsOf = async (tenant: string, ids: string[]) => {
    const counts: Record<string, number> = {};
    for (const [table, column] of [
      ['events', 'stream'],
      ['streams', 'id'],
      ['run', 'id'],
      ['job', 'run'],
      ['timers', 'stream'],
    ] as const) {
      const found = await opened().database.pool.query(
        `select from ${table} where tenant = $1 and ${column} = any ($2::text[])`,
        [tenant, ids],
      );
      counts[table] = found.rowCount ?? 0;
    }
    return counts;
  };

  test('runs that ended long ago go with all their rows, and it is known when and why', async () => {
    const { database } = opened();
    const tenant = newId();
    await ended(tenant, 'old', 40);
    await ended(tenant, 'young', 20);
    await commit(tenant, [part('open', 0, ['x'])], {
      runs: [runRow(tenant, 'open', { createdAt: Date.now() - 40 * DAY })],
    });
    await commit(tenant, [part('old', 2, ['z'])], {
      timers: [{ id: 't', stream: 'old', kind: 'k', dueInMs: 3_600_000 }],
    });
    expect((await upkeep(database, { ...KEEP_ALL, runsMs: 30 * DAY })).runs).toBe(1);
    expect(await runsOf(tenant)).toEqual(['open', 'young']);
    expect(await rowsOf(tenant, ['old'])).toEqual({ events: 0, streams: 0, run: 0, job: 0, timers: 0 });
    expect(await rowsOf(tenant, ['young'])).toMatchObject({ events: 2, streams: 1, run: 1, job: 1 });
    const removed = await removedRun(database.db, tenant, 'old');
    expect(removed).toMatchObject({ why: 'age', device: 'd1' });
    expect(Math.abs((removed?.removedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await removedRun(database.db, newId(), 'old')).toBeUndefined();
    await database.pool.query(`update removed_run set removed_at = now() - interval '2 days' where tenant = $1`, [
      tenant,
    ]);
    await upkeep(database, { ...KEEP_ALL, removedMs: DAY });
    expect(await removedRun(database.db, tenant, 'old')).toBeUndefined();
  });

  /** An archive in the database, and a store that keeps events of a hundred bytes and more in blobs. */
  const archiving = () => {
    const { database, store } = opened();
    const blobs = createKeptBlobs(database.db, createBlobStore(databaseBlobs(database.db)));
    const events = largeEvents(store, { blobs, bytes: 100, allKnow: async () => true, log: { warn: () => {} } });
    const stored = createRuns(database.db);
    return { blobs, events, stored, archive: createRunArchive({ runs: stored, events, blobs }) };
  };
  const forgetBlobs = async (tenant: string) => {
    await opened().database.pool.query(`update blob set at = at - interval '2 days' where tenant = $1`, [tenant]);
    await archiving().blobs.sweep(DAY);
  };

  test('with an archive a run is in it before it is removed, whole, for its tenant alone, until it is forgotten', async () => {
    const { database } = opened();
    const [tenant, other] = [newId(), newId()];
    const { events, stored, archive, blobs } = archiving();
    await ended(tenant, 'one', 40, { text: '什么时候？', answer: '星期五' });
    await ended(tenant, 'two', 41);
    await ended(other, 'one', 40);
    const large = part('one', 2, ['大'.repeat(500)]);
    expect((await events.commit(unit(tenant, [large]))).status).toBe('committed');
    expect((await opened().store.load(tenant, 'one', 2)).events[0]?.type).toBe('kept');
    const before = { run: await stored.get(tenant, 'one'), jobs: await stored.jobs(tenant, 'one') };
    const history = (await events.load(tenant, 'one')).events;
    const keep = { ...KEEP_ALL, runsMs: 30 * DAY };

    // What cannot be archived is not removed. What was written for a round that did not come to its end is written anew.
    const one = {
      write: (of: string, id: string) => (id === 'two' ? Promise.reject(new Error('full')) : archive.write(of, id)),
    };
    await expect(upkeep(database, keep, { archive: one })).rejects.toThrow('full');
    expect(await runsOf(tenant)).toEqual(['one', 'two']);
    const early = await archive.write(tenant, 'two');
    await commit(tenant, [part('two', 2, ['late'])], {});
    await upkeep(database, keep, { archive });
    expect([await runsOf(tenant), await runsOf(other)]).toEqual([[], []]);
    await forgetBlobs(tenant);
    expect(await blobs.get({ tenant, sha256: early })).toBeUndefined();

    const sha256 = (await stored.removed(tenant, 'one'))?.archive ?? '';
    const kept = await archive.read(tenant, 'one', sha256);
    expect(kept).toEqual({ ...before, events: history.map((event) => ({ ...event, data: Buffer.from(event.data) })) });
    expect(Buffer.from(kept?.events[2]?.data ?? []).toString()).toContain('大'.repeat(500));
    expect(await archive.read(other, 'one', sha256)).toBeUndefined();
    const shown = await archivedRun({ stored, archive }, tenant, 'one');
    expect(shown).toMatchObject({ text: '什么时候？', outcome: { answer: '星期五' }, archiveTime: expect.anything() });
    expect(await archivedRun({ stored, archive }, newId(), 'one')).toBeUndefined();

    // By page, newest first.
    const page = await listArchived({ stored, archive }, tenant, { pageSize: 1, conversation: undefined });
    expect(page.runs.map(({ id, text }) => [id, text])).toEqual([['one', '什么时候？']]);
    const next = { pageSize: 1, pageToken: page.nextPageToken, conversation: undefined };
    expect((await listArchived({ stored, archive }, tenant, next)).runs.map(({ id }) => id)).toEqual(['two']);

    await database.pool.query(`update removed_run set removed_at = now() - interval '2 days' where tenant = $1`, [
      tenant,
    ]);
    await upkeep(database, { ...KEEP_ALL, removedMs: DAY });
    await forgetBlobs(tenant);
    expect([await stored.removed(tenant, 'one'), await blobs.get({ tenant, sha256 })]).toEqual([undefined, undefined]);
    expect(await archivedRun({ stored, archive }, other, 'one')).toMatchObject({ id: 'one' });
  });

  test('wrong bytes in the archive are told, and what an owner deletes is in it no more', async () => {
    const { database } = opened();
    const tenant = newId();
    const { stored, archive, blobs } = archiving();
    for (const id of ['bad', 'swapped', 'future', 'deleted']) await ended(tenant, id, 40, { conversation: id });
    await upkeep(database, { ...KEEP_ALL, runsMs: 30 * DAY, conversationsMs: 30 * DAY }, { archive });
    const shown = (id: string) => archivedRun({ stored, archive }, tenant, id);
    const nameOf = async (id: string) => (await stored.removed(tenant, id))?.archive ?? '';
    const point = async (id: string, sha256: string) =>
      database.pool.query('update removed_run set archive = $3 where tenant = $1 and id = $2', [tenant, id, sha256]);
    await database.pool.query(`update blob_data set data = 'x' where tenant = $1 and sha256 = $2`, [
      tenant,
      await nameOf('bad'),
    ]);
    await expect(shown('bad')).rejects.toMatchObject({ reason: 'BLOB_DAMAGED' });
    await point('swapped', await nameOf('deleted'));
    await expect(shown('swapped')).rejects.toMatchObject({ reason: 'ARCHIVE_UNREADABLE' });
    const bytes = gzipSync(JSON.stringify({ format: 2, run: { tenant, id: 'future' } }));
    await point('future', await blobs.keep(tenant, 'x', bytes, { held: true }));
    await expect(shown('future')).rejects.toMatchObject({ reason: 'ARCHIVE_UNREADABLE' });
    const { runs } = await listArchived({ stored, archive }, tenant, { conversation: undefined });
    expect(runs.map(({ id, state }) => [id, state > 0]).sort()).toEqual([
      ['bad', false],
      ['deleted', true],
      ['future', false],
      ['swapped', false],
    ]);

    const sha256 = await nameOf('deleted');
    expect(await createConversations(database.db).delete(newId(), 'deleted')).toBe(false);
    expect(await createConversations(database.db).delete(tenant, 'deleted')).toBe(true);
    expect([await shown('deleted'), (await stored.removed(tenant, 'deleted'))?.why]).toEqual([
      undefined,
      'conversation',
    ]);
    await forgetBlobs(tenant);
    expect(await blobs.get({ tenant, sha256 })).toBeUndefined();
  });

  test('a run stays while something of it is not over', async () => {
    const { database } = opened();
    const tenant = newId();
    await ended(tenant, 'summing', 40, {}, { endedAt: null, state: 'running' });
    await ended(tenant, 'dispatched', 40);
    await commit(tenant, [part('dispatched', 2, ['z'])], { outbox: [dispatch(`${tenant}/0/0-1`, 'dispatched')] });
    await ended(tenant, 'reserved', 40);
    await database.pool.query(
      `insert into reservation (dispatch_id, tenant, budget, start, micros, tokens, prices) values ('reserved/0/0-1', $1, 'b', now(), 1, 1, '')`,
      [tenant],
    );
    expect((await upkeep(database, { ...KEEP_ALL, runsMs: 30 * DAY })).runs).toBe(0);
    expect(await runsOf(tenant)).toEqual(['dispatched', 'reserved', 'summing']);
    await database.pool.query('update reservation set lapsed = true where tenant = $1', [tenant]);
    await commit(tenant, [part('dispatched', 3, ['z'])], { outboxDone: [`${tenant}/0/0-1`] });
    expect((await upkeep(database, { ...KEEP_ALL, runsMs: 30 * DAY })).runs).toBe(2);
    await database.pool.query('delete from reservation where tenant = $1', [tenant]);
  });

  test('turns of a conversation stay that the next run may be shown: those after the last summary, else the last 64', async () => {
    const { database } = opened();
    const tenant = newId();
    const sum = { method: '/bowline.capability.llm.v1.LlmService/Chat' };
    const times = (n: number) => ({
      createdAt: Date.now() - (60 - n) * DAY,
      endedAt: Date.now() - (60 - n) * DAY + 1_000,
    });
    await commit(tenant, [part('c', 0, ['x'], 'conversation')], { conversations: [line(tenant, 'c')] });
    for (let n = 0; n < 8; n++) {
      // The fifth has a summary, which is a model turn after its end.
      const { createdAt, endedAt } = times(n);
      await ended(
        tenant,
        `r${n}`,
        0,
        { conversation: 'c', createdAt, endedAt },
        n === 5 ? { ...sum, createdAt: endedAt } : sum,
      );
    }
    await commit(tenant, [part('plain', 0, ['x'], 'conversation')], { conversations: [line(tenant, 'plain')] });
    for (let n = 0; n < 66; n++) {
      const at = Date.now() - 50 * DAY + n * 1_000;
      await ended(tenant, `p${String(n).padStart(2, '0')}`, 0, {
        conversation: 'plain',
        createdAt: at,
        endedAt: at + 500,
      });
    }
    const keep = { ...KEEP_ALL, runsMs: 30 * DAY, conversationsMs: 100 * DAY };
    expect((await upkeep(database, keep)).runs).toBe(5 + 2);
    expect((await runsOf(tenant)).filter((id) => id.startsWith('r'))).toEqual(['r5', 'r6', 'r7']);
    expect((await runsOf(tenant))[0]).toBe('p02');
    expect((await upkeep(database, keep)).runs).toBe(0);

    // Nothing was said for long: the conversation goes, unless somebody waits in it.
    const idle = { ...keep, conversationsMs: 31 * DAY };
    await commit(tenant, [part('c', 1, ['y'], 'conversation')], {
      conversations: [line(tenant, 'c', { waiting: ['r9'] })],
    });
    expect(await upkeep(database, idle)).toMatchObject({ runs: 64, conversations: 1 });
    expect((await createConversations(database.db).list(tenant)).items.map(({ id }) => id)).toEqual(['c']);
    expect(await rowsOf(tenant, ['plain'])).toMatchObject({ events: 0, streams: 0 });
    expect(await runsOf(tenant)).toEqual(['r5', 'r6', 'r7']);
  });

  test('single uses of models become sums of their day, which reports go on to have', async () => {
    const { database } = opened();
    const { pool, db } = database;
    const tenant = newId();
    await pool.query(`insert into conversation (tenant, id, title, waiting, turns) values ($1, 'there', '', '{}', 1)`, [
      tenant,
    ]);
    const use = (job: string, days: number, conversation: string, model = 'm') =>
      pool.query(
        `insert into ledger_usage (tenant, run, job, provider, model, input_tokens, output_tokens, cost_micros, at, method, conversation)
         values ($1, 'r', $2, 'p', $3, 1, 2, 3, date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - $4 * interval '1 day' + interval '1 hour', 'M', $5)`,
        [tenant, job, model, days, conversation],
      );
    for (let n = 0; n < 12; n++) await use(`j${n}`, 40 + (n % 2), n < 6 ? 'there' : 'gone');
    await use('other', 40, 'there', 'n');
    await use('new', 1, 'there');
    const of = async (by: 'model' | 'day' | 'conversation') =>
      (await usageSince(db, tenant, 0, by)).map(({ key, model, jobs, costMicros }) => [key, model, jobs, costMicros]);
    const before = [await of('model'), await of('day')];
    await upkeep(database, { ...KEEP_ALL, usageMs: 30 * DAY }, { batch: 3 });
    expect([await of('model'), await of('day')]).toEqual(before);
    expect(await of('conversation')).toEqual([
      ['there', '', 8, 24],
      ['', '', 6, 18],
    ]);
    const left = await pool.query('select job from ledger_usage where tenant = $1', [tenant]);
    // Two days of two conversations, one of them gone, and the other model; the new one is as it was.
    expect(left.rows.map(({ job }) => job).sort()).toEqual(['', '', '', '', '', 'new']);
    await upkeep(database, { ...KEEP_ALL, usageSumsMs: 35 * DAY });
    expect(await of('model')).toEqual([['', 'm', 1, 3]]);
  });

  test('a snapshot of a stream is the latest of its format, and goes with its conversation', async () => {
    const { database } = opened();
    const tenant = newId();
    const snapshots = createSnapshots(database.db);
    const snapshot = (version: number, format = 1) => ({
      version,
      format,
      eventHash: Buffer.of(1, version),
      state: { at: version, 名: '话' },
    });
    await commit(tenant, [part('c', 0, ['x', 'y'], 'conversation')], { conversations: [line(tenant, 'c')] });
    await snapshots.write(tenant, 'c', snapshot(2));
    await snapshots.write(tenant, 'c', snapshot(1));
    await snapshots.write(tenant, 'c', snapshot(3));
    await snapshots.write(tenant, 'none', snapshot(1));
    expect(await snapshots.find(tenant, 'c')).toEqual(snapshot(2));
    expect([await snapshots.find(newId(), 'c'), await snapshots.find(tenant, 'none')]).toEqual([undefined, undefined]);
    await snapshots.write(tenant, 'c', snapshot(1, 2));
    expect(await snapshots.find(tenant, 'c')).toEqual(snapshot(1, 2));
    expect((await upkeep(database, { ...KEEP_ALL, conversationsMs: 30 * DAY })).conversations).toBeGreaterThan(0);
    expect(await snapshots.find(tenant, 'c')).toBeUndefined();
  });

  test('about how much of the tables is a tenant’s is known without counting', async () => {
    const { database } = opened();
    const [large, small] = [newId(), newId()];
    for (let n = 0; n < 30; n++) await ended(n < 24 ? large : small, `${n}`, 1);
    await database.pool.query('vacuum analyze run');
    const whole = (await tableSizes(database.db)).find(({ table }) => table === 'run');
    const [most, some] = [await sizesOf(database.db, large), await sizesOf(database.db, small)].map((sizes) =>
      sizes.find(({ table }) => table === 'run'),
    );
    expect(Math.abs((most?.rows ?? 0) - 24)).toBeLessThanOrEqual(1);
    expect(Math.abs((some?.rows ?? 0) - 6)).toBeLessThanOrEqual(1);
    expect(most!.bytes + some!.bytes).toBeLessThanOrEqual(whole!.bytes);
    expect((await sizesOf(database.db, newId())).find(({ table }) => table === 'run')?.rows ?? 0).toBeLessThan(24);
  });

  test('a look for due timers begins where the last one ended, and every minute at the beginning', async () => {
    const { database } = opened();
    const tenant = newId();
    const clock = new ManualClock();
    const timers = createTimers(database.db, clock);
    const mine = async () => (await timers.due(100, 0)).filter((timer) => timer.tenant === tenant).map(({ id }) => id);
    const set = async (id: string, lateMs: number) => {
      await commit(tenant, [part(newId(), 0, ['x'])], { timers: [{ id, stream: 's', kind: 'k', dueInMs: -lateMs }] });
    };
    await set('before', 3_600_000);
    expect(await mine()).toEqual(['before']);
    await commit(tenant, [part(newId(), 0, ['x'])], { timersDone: ['before'] });
    await set('late commit', 10_000);
    expect(await mine()).toEqual(['late commit']);
    await commit(tenant, [part(newId(), 0, ['x'])], { timersDone: ['late commit'] });
    // As of a replica that had it and lost it.
    await set('left', 3_600_000);
    expect(await mine()).toEqual([]);
    clock.advance(60_000);
    expect(await timers.nextDue()).toBe(0);
    expect(await mine()).toEqual(['left']);
    await commit(tenant, [part(newId(), 0, ['x'])], { timersDone: ['left'] });
  });

  test('every table has a row that says what bounds it', async () => {
    const { rows } = await opened().database.pool.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(BOUNDS).sort());
  });
}
