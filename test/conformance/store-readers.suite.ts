// What timers, outbox, leases, projections and upkeep promise, whatever database is beneath. Run on each adapter.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { createConversations } from '../../src/control/store/conversations.ts';
import type { Database } from '../../src/control/store/database.ts';
import { createDeadJobs } from '../../src/control/store/dead-jobs.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { createLeases } from '../../src/control/store/leases.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { createOutbox, toOutboxRow } from '../../src/control/store/outbox.ts';
import { createRuns } from '../../src/control/store/runs.ts';
import { createSetAside } from '../../src/control/store/set-aside.ts';
import { createTimers } from '../../src/control/store/timers.ts';
import type { CommitUnit } from '../../src/control/store/unit.ts';
import { upkeep } from '../../src/control/store/upkeep.ts';
import { dispatch, jobRow, part, runRow, unit } from '../support/units.ts';
import { KEEP_ALL, retentionTests } from './retention.ts';

export function storeReadersSuite(
  name: string,
  open: () => Promise<{ database: Database; stop: () => Promise<void> }>,
): void {
  describe(`store readers on ${name}`, { timeout: 30_000 }, () => {
    let database: Database;
    let stop: () => Promise<void>;
    let store: PgEventStore;

    beforeAll(async () => {
      ({ database, stop } = await open());
      await migrate(database.db);
      store = new PgEventStore(database);
    }, 60_000);

    afterAll(async () => {
      await store?.close();
      await stop?.();
    }, 60_000);

    /** Commits to a stream of its own, so that only what is beside the events matters. */
    const write = async (tenant: string, more: Partial<CommitUnit>) => {
      const result = await store.commit(unit(tenant, [part(newId(), 0, ['x'])], more));
      expect(result.status).toBe('committed');
    };
    const outstanding = async (tenant: string) => {
      const rows = await database.db.selectFrom('outbox').selectAll().where('tenant', '=', tenant).execute();
      return rows.map(toOutboxRow);
    };
    const conversation = (tenant: string, id: string, createdAt: number) =>
      ({ tenant, id, title: id, activeRun: null, waiting: ['e1', 'e2'], turns: 2, device: 'd1', createdAt }) as const;

    test('due timers are given to one taker, earliest first, and again only after the claim', async () => {
      const timers = createTimers(database.db);
      const tenant = newId();
      const set = Array.from({ length: 40 }, (_, n) => ({ id: `t${n}`, stream: 's', kind: 'k', dueInMs: n - 100 }));
      await write(tenant, { timers: [...set, { id: 'later', stream: 's', kind: 'k', dueInMs: 3_600_000 }] });
      expect(await timers.nextDue()).toBe(0);
      const takes = await Promise.all([timers.due(15), timers.due(15), timers.due(15), timers.due(15)]);
      const taken = takes.flat().filter((timer) => timer.tenant === tenant);
      expect(taken.map((timer) => timer.id).sort()).toEqual(set.map((timer) => timer.id).sort());
      for (const take of takes) expect(take.map((timer) => timer.dueInMs)).toEqual(take.map((t) => t.dueInMs).sort((a, b) => a - b)); // biome-ignore format: short
      expect(taken.every((timer) => timer.dueInMs <= 0 && timer.stream === 's' && timer.kind === 'k')).toBe(true);
      expect(await timers.due(100)).toEqual([]);
      await timers.releaseAll();
      expect((await timers.due(100, 0)).length).toBe(40);
      await write(tenant, { timersDone: set.slice(1).map((timer) => timer.id) });
      expect((await timers.due(100)).map((timer) => timer.id)).toEqual(['t0']);
      await write(newId(), { timersDone: ['t0'] });
      await write(tenant, { timersDone: ['later'] });
      await timers.releaseAll();
      expect((await timers.due(100)).map((timer) => timer.id)).toEqual(['t0']);
      await write(tenant, { timersDone: ['t0'] });
      expect(await timers.nextDue()).toBeUndefined();
    });

    test('a job is dead by the commit that ends it so, and is listed newest first until it is dealt with', async () => {
      const dead = createDeadJobs(database.db);
      const [tenant, other] = [newId(), newId()];
      const run = newId();
      const job = (id: string, more: object) =>
        jobRow(tenant, run, `${run}/1/${id}`, { state: 'failed', endedAt: 5, method: `m.v1.M/D${id}`, ...more });
      await write(tenant, {
        runs: [runRow(tenant, run)],
        jobs: [
          job('0', { attempts: 4, error: 'PROVIDER_FAILED' }),
          job('1', { error: 'ATTEMPTS_LOST' }),
          job('2', { state: 'unknown', error: 'OUTCOME_UNKNOWN' }),
          job('3', { error: 'PATH_MISSING' }),
          job('4', { state: 'done', attempts: 3 }),
          job('5', { state: 'retrying', attempts: 3, endedAt: null, error: 'PROVIDER_FAILED' }),
        ],
      });
      const aside = createSetAside(database.db, async () => {});
      const unread = newId();
      await write(tenant, { runs: [runRow(tenant, unread)] });
      await aside.add(tenant, unread, '坏了');
      const listed = async (filter?: object) => (await dead.list(tenant, filter)).items;
      const kinds = async (filter?: object) => (await listed(filter)).map(({ kind }) => kind).sort();
      expect(await kinds()).toEqual(['failed', 'holders', 'unknown', 'unreadable']);
      expect(await kinds({ method: 'm.v1' })).toEqual(['failed', 'holders', 'unknown']);
      expect(await kinds({ kind: 'holders' })).toEqual(['holders']);
      expect((await dead.list(other)).items).toEqual([]);
      const pages: string[] = [];
      for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
        const page: Awaited<ReturnType<typeof dead.list>> = await dead.list(tenant, { pageSize: 1, pageToken });
        pages.push(...page.items.map(({ id }) => id));
        pageToken = page.nextPageToken || undefined;
      }
      expect(pages).toEqual((await listed()).map(({ id }) => id));
      expect(pages[0]).toBe(unread);
      const handle = (whose: string) =>
        database.db.transaction().execute((trx) => dead.handle(trx, whose, `${run}/1/0`, 'dropped'));
      expect([await handle(other), await handle(tenant), await handle(tenant)]).toEqual([false, true, false]);
      expect(await kinds()).toEqual(['holders', 'unknown', 'unreadable']);
      await write(tenant, { jobs: [job('0', { attempts: 4, error: 'PROVIDER_FAILED' })] });
      expect(await kinds()).toEqual(['holders', 'unknown', 'unreadable']);
    });

    test('a timer set again is due at its new time', async () => {
      const timers = createTimers(database.db);
      const tenant = newId();
      await write(tenant, { timers: [{ id: 't', stream: 's', kind: 'k', dueInMs: -5 }] });
      await write(tenant, { timers: [{ id: 't', stream: 's', kind: 'k', dueInMs: 60_000 }] });
      expect(await timers.due(10)).toEqual([]);
      expect(await timers.nextDue()).toBeGreaterThan(30_000);
      await write(tenant, { timersDone: ['t'] });
    });

    test('the read at take gives only what is current and ready', async () => {
      const outbox = createOutbox(database.db);
      const tenant = newId();
      const [a, b, c] = [`${tenant}/0/0-1`, `${tenant}/0/1-1`, `${tenant}/0/2-1`] as const;
      const waiting = dispatch(c, tenant, { state: 'waiting', reason: 'cancelling', priority: 3 });
      await write(tenant, { outbox: [dispatch(a, tenant), dispatch(b, tenant), waiting] });
      expect((await outbox.check([a, b, c, 'none'])).map((row) => row.dispatchId).sort()).toEqual([a, b]);
      expect((await outbox.check([a]))[0]).toMatchObject({ ...dispatch(a, tenant), tenant });
      expect((await outstanding(tenant)).filter((row) => row.state === 'waiting')).toMatchObject([waiting]);
      const next = `${tenant}/0/0-2`;
      await write(tenant, {
        outboxDone: [a],
        outbox: [dispatch(next, tenant, { epoch: 2 }), dispatch(c, tenant)],
      });
      expect((await outbox.check([a, next, b, c])).map((row) => row.dispatchId).sort()).toEqual([next, b, c].sort());
      expect((await outbox.check([c]))[0]?.reason).toBeUndefined();
      await write(tenant, { outboxDone: [next, b, c] });
      expect(await outstanding(tenant)).toEqual([]);
    });

    test('no tenant can end or overwrite the dispatch or timer of another', async () => {
      const [mine, theirs] = [newId(), newId()];
      const id = `${mine}-1`;
      const waiting = dispatch(id, mine, { state: 'waiting', reason: 'cancelling' });
      await write(mine, { outbox: [waiting], timers: [{ id: 't', stream: 's', kind: 'mine', dueInMs: -1 }] });
      await write(theirs, { outboxDone: [id], timersDone: ['t'] });
      await write(theirs, { timers: [{ id: 't', stream: 's', kind: 'theirs', dueInMs: -1 }] });
      await write(theirs, { outbox: [dispatch(id, mine, { slots: 9 })] });
      expect(await outstanding(mine)).toMatchObject([waiting]);
      const due = (await createTimers(database.db).due(100)).filter((timer) => timer.tenant === mine);
      expect(due.map((timer) => timer.kind)).toEqual(['mine']);
      await write(mine, { outboxDone: [id], timersDone: ['t'] });
      await write(theirs, { timersDone: ['t'] });
    });

    test('a dispatch has one holder: the first that claims it, the replica its worker came to, or nobody', async () => {
      const outbox = createOutbox(database.db);
      const tenant = newId();
      const ids = Array.from({ length: 4 }, (_, n) => `${tenant}/0/${n}-1`);
      const [first, second, third, fourth] = ids as [string, string, string, string];
      const device = dispatch(`${tenant}/0/8-1`, tenant, { target: 'device', device: 'd1' });
      const waiting = dispatch(`${tenant}/0/9-1`, tenant, { state: 'waiting', reason: 'x' });
      const unwanted = { target: 'device', device: 'd2', state: 'waiting', reason: 'cancelling' } as const;
      const cancelling = dispatch(`${tenant}/0/7-1`, tenant, unwanted);
      await write(tenant, {
        outbox: [
          cancelling,
          ...ids.slice(0, 3).map((id) => dispatch(id, tenant)),
          dispatch(fourth, tenant, { holder: `${tenant}-a` }),
          device,
          waiting,
        ],
      });
      const named = (rows: readonly { dispatchId: string }[]) => rows.map((row) => row.dispatchId).sort();
      const all = [...ids, device.dispatchId, waiting.dispatchId, cancelling.dispatchId];
      const [a, b] = await Promise.all([outbox.claim(`${tenant}-a`, all), outbox.claim(`${tenant}-b`, all)]);
      expect([...new Set([...named(a), ...named(b)])].sort()).toEqual(ids);
      expect(named(a).filter((id) => named(b).includes(id))).toEqual([]);
      expect(named(a)).toContain(fourth);
      // A call without an answer is repeated.
      expect(named(await outbox.claim(`${tenant}-a`, all))).toEqual(named(a));
      await outbox.release(`${tenant}-a`, ids);
      await outbox.release(`${tenant}-b`, ids);
      expect(await outbox.countFree(tenant)).toBe(4);
      await outbox.claim(`${tenant}-b`, [first]);
      const read = await outbox.check([first, second]);
      expect(named(await outbox.adopt(`${tenant}-c`, read))).toEqual([first]);
      // What was read before another replica adopted it counts no more.
      expect(named(await outbox.adopt(`${tenant}-d`, read))).toEqual([]);
      expect(await outbox.heldBy(`${tenant}-c`)).toEqual([first]);
      await outbox.release(`${tenant}-b`, [first]);
      expect((await outbox.check([first]))[0]).toMatchObject({ holder: `${tenant}-c` });
      expect(await outbox.countFree(tenant)).toBe(3);
      await write(tenant, { outbox: [dispatch(first, tenant, { state: 'waiting', reason: 'x' })] });
      expect((await outstanding(tenant)).find((row) => row.dispatchId === first)?.holder).toBe(`${tenant}-c`);
      expect(await outbox.pendingForDevices(tenant, ['d0', 'd1'])).toMatchObject([{ dispatchId: device.dispatchId }]);
      expect(await outbox.pendingForDevices(newId(), ['d1'])).toEqual([]);
      expect(await outbox.pendingForDevices(tenant, [])).toEqual([]);
      const each = ['d0', 'd1', 'd1', 'd2'].map((id) => outbox.pendingForDevice(tenant, id));
      expect((await Promise.all(each)).map(named)).toEqual([[], [device.dispatchId], [device.dispatchId], []]);
      const ended = ['d0', 'd1', 'd2'].map((id) => outbox.cancellingForDevice(tenant, id));
      expect((await Promise.all(ended)).map(named)).toEqual([[], [], [cancelling.dispatchId]]);
      expect(await outbox.pendingForDevice(newId(), 'd1')).toEqual([]);
      expect(await outbox.cancellingForDevice(newId(), 'd2')).toEqual([]);
      expect(named(await outbox.free('bowline.capability.llm.v1', tenant, 10))).toEqual([second, third, fourth]);
      await write(tenant, { outboxDone: all });
    });

    test('what is free is read in its order page by page, and surveyed by one replica at a time', async () => {
      const outbox = createOutbox(database.db);
      const tenant = newId();
      const capability = `cap.${tenant}`;
      const ids = Array.from({ length: 9 }, (_, n) => `${tenant}/0/${n}-1`);
      for (const [n, id] of ids.entries()) {
        await write(tenant, { outbox: [dispatch(id, tenant, { capability, priority: n === 8 ? 5 : 0 })] });
      }
      const expected = [ids[8], ...ids.slice(0, 8)];
      const seen: string[] = [];
      for (let page = await outbox.free(capability, tenant, 4); page.length > 0; ) {
        seen.push(...page.map((row) => row.dispatchId));
        page = await outbox.free(capability, tenant, 4, page.at(-1));
      }
      expect(seen).toEqual(expected);
      const surveys = await Promise.all([outbox.survey(-1000, 100), outbox.survey(0, 100)]);
      const surveyed = surveys.flat().flatMap((row) => (row.tenant === tenant ? [row.dispatchId] : []));
      expect([...new Set(surveyed)].sort()).toEqual(ids);
      expect((await outbox.survey(60_000, 100)).filter((row) => row.tenant === tenant)).toEqual([]);
      await write(tenant, { outboxDone: ids });
    });

    test('the lines of tenants are read from tenant to tenant, each in its order', async () => {
      const outbox = createOutbox(database.db);
      const capability = `cap.${newId()}`;
      const tenants = ['a', 'b', 'c'].map((name) => `${name}-${capability}`);
      const row = (tenant: string, n: number, priority = 0, more = {}) =>
        dispatch(`${tenant}/${n}/0-1`, tenant, { capability, priority, ...more });
      for (const [n, tenant] of tenants.entries()) {
        const outbox = [
          row(tenant, 0, -120),
          row(tenant, 1),
          row(tenant, 2, 86_400),
          row(tenant, 3, 9, { holder: 'me' }),
        ];
        await write(tenant, { outbox: n === 1 ? outbox.slice(0, 2) : outbox });
      }
      const [a, b, c] = tenants as [string, string, string];
      const read = async (...asked: [string, number, number]) =>
        (await outbox.lines(capability, ...asked)).map(({ dispatchId }) => dispatchId.slice(0, -4));
      expect(await read('', 9, 2)).toEqual([`${a}/2`, `${a}/1`, `${b}/1`, `${b}/0`, `${c}/2`, `${c}/1`]);
      expect(await read('', 1, 9)).toEqual([`${a}/2`, `${a}/1`, `${a}/0`]);
      expect(await read(a, 1, 1)).toEqual([`${b}/1`]);
      expect(await read(c, 9, 9)).toEqual([]);
      for (const tenant of tenants) await write(tenant, { outboxDone: [0, 1, 2, 3].map((n) => `${tenant}/${n}/0-1`) });
    });

    test('a dispatch is orphaned when the lease of its holder ended long enough ago', async () => {
      const leases = createLeases(database.db);
      const outbox = createOutbox(database.db);
      const tenant = newId();
      const [held, lost, free] = [`${tenant}/0/0-1`, `${tenant}/0/1-1`, `${tenant}/0/2-1`] as const;
      const [alive, dead] = [`${tenant}-alive`, `${tenant}-dead`];
      await write(tenant, { outbox: [held, lost, free].map((id) => dispatch(id, tenant)) });
      await leases.renew(alive, 60_000);
      await leases.renew(dead, -1_000);
      await outbox.claim(alive, [held]);
      await outbox.claim(dead, [lost]);
      const orphans = async (graceMs: number) =>
        (await leases.orphans(graceMs)).filter((row) => row.tenant === tenant).map((row) => row.dispatchId);
      expect(await leases.live()).toContain(alive);
      expect(await leases.live()).not.toContain(dead);
      expect(await orphans(0)).toEqual([lost]);
      expect(await orphans(60_000)).toEqual([]);
      await leases.drop(alive);
      expect(await leases.live()).not.toContain(alive);
      expect(await orphans(60_000)).toEqual([]);
      expect(await orphans(-1_000)).toEqual([held, lost]);
      await leases.dropAll();
      expect(await orphans(60_000)).toEqual([held, lost]);
      await write(tenant, { outboxDone: [held, lost, free] });
    });

    test('projections are whole rows, the last commit wins, creation times stay', async () => {
      const runs = createRuns(database.db);
      const conversations = createConversations(database.db);
      const tenant = newId();
      const job = jobRow(tenant, 'r', 'r/0/0');
      await write(tenant, {
        runs: [runRow(tenant, 'r')],
        jobs: [job],
        conversations: [conversation(tenant, 'c', 1_000)],
      });
      expect(await runs.get(tenant, 'r')).toEqual(runRow(tenant, 'r'));
      expect(await runs.jobs(tenant, 'r')).toEqual([job]);
      expect(await conversations.get(tenant, 'c')).toEqual(conversation(tenant, 'c', 1_000));
      expect(await runs.countOpen(tenant)).toBe(1);
      const sources = [{ path: 'notes.md', line: 3 }];
      const ended = runRow(tenant, 'r', {
        state: 'answered',
        answer: 'so',
        model: { provider: 'rules', name: 'rules-1' },
        endedAt: 1_790_000_000_123,
        sources,
        conversation: 'c',
      });
      const done = {
        ...job,
        state: 'done',
        attempts: 2,
        epoch: 2,
        startedAt: 1_790_000_000_001,
        endedAt: 1_790_000_000_002,
      };
      const changed = { ...conversation(tenant, 'c', 1_000), title: 'New', waiting: [], activeRun: 'r' };
      await write(tenant, { runs: [ended], jobs: [done], conversations: [{ ...changed, createdAt: 9_000 }] });
      expect(await runs.get(tenant, 'r')).toEqual(ended);
      expect(await runs.jobs(tenant, 'r')).toEqual([done]);
      expect(await conversations.get(tenant, 'c')).toEqual(changed);
      expect(await runs.countOpen(tenant)).toBe(0);
      expect(await runs.get(newId(), 'r')).toBeUndefined();
      expect(await runs.jobs(newId(), 'r')).toEqual([]);
      expect(await conversations.get(newId(), 'c')).toBeUndefined();
    });

    test('lists run newest first, page by page, within the tenant, and refuse a token that is not ours', async () => {
      const runs = createRuns(database.db);
      const conversations = createConversations(database.db);
      const tenant = newId();
      // Several at the same time: the id decides.
      const made = Array.from({ length: 11 }, (_, n) => runRow(tenant, `r${String(n).padStart(2, '0')}`, { createdAt: 5_000 + (n >> 1), conversation: n % 2 ? 'c1' : null })); // biome-ignore format: a table
      const talks = made.map((run) => conversation(tenant, run.id, run.createdAt));
      await write(tenant, { runs: made, conversations: talks });
      await write(newId(), { conversations: [] });
      for (const list of [runs.list, conversations.list]) {
        const seen: string[] = [];
        let pageToken = '';
        do {
          const page = await list(tenant, { pageSize: 3, pageToken });
          seen.push(...page.items.map((item) => item.id));
          pageToken = page.nextPageToken;
        } while (pageToken !== '');
        expect(seen).toEqual(made.map((run) => run.id).reverse());
        expect((await list(newId())).items).toEqual([]);
        for (const bad of [{ pageToken: 'x' }, { pageToken: 'AAAA' }, { pageSize: -1 }, { pageSize: 1.5 }]) {
          await expect(list(tenant, bad)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
        }
      }
      const some = await runs.list(tenant, { conversation: 'c1', pageSize: 2 });
      expect(some.items.map((run) => run.id)).toEqual(['r09', 'r07']);
      expect((await runs.list(tenant, { pageSize: 100_000 })).items.length).toBe(11);
    });

    test('a deleted conversation leaves nothing of what was said, and a commit under way conflicts', async () => {
      const conversations = createConversations(database.db);
      const tenant = newId();
      const more = {
        conversations: [conversation(tenant, 'c', 1)],
        runs: [runRow(tenant, 'r', { conversation: 'c' })],
        jobs: [jobRow(tenant, 'r', 'r/0/0')],
        outbox: [dispatch(`${tenant}-1`, 'r')],
        timers: [{ id: 't', stream: 'r', kind: 'k', dueInMs: 60_000 }],
      };
      await store.commit(unit(tenant, [part('c', 0, ['x'], 'conversation'), part('r', 0, ['secret'])], more));
      await store.commit(unit(tenant, [part('kept', 0, ['x'])], { runs: [runRow(tenant, 'kept')] }));
      expect(await conversations.delete(newId(), 'c')).toBe(false);
      const [gone, late] = await Promise.all([
        conversations.delete(tenant, 'c'),
        store.commit(unit(tenant, [part('c', 1, ['y']), part('r2', 0, ['y'])], { runs: [runRow(tenant, 'r2', { conversation: 'c' })] })), // biome-ignore format: one commit
      ]);
      expect(gone).toBe(true);
      expect(['conflict', 'committed']).toContain(late.status);
      for (const table of ['conversation', 'job', 'outbox', 'timers']) {
        const { rows } = await database.pool.query(`select from ${table} where tenant = $1`, [tenant]);
        expect([table, rows.length]).toEqual([table, 0]);
      }
      const left = await database.pool.query('select distinct stream from events where tenant = $1', [tenant]);
      expect(left.rows).toEqual([{ stream: 'kept' }]);
      expect((await createRuns(database.db).list(tenant)).items.map((run) => run.id)).toEqual(['kept']);
      expect((await store.commit(unit(tenant, [part('r', 1, ['z'])]))).status).toBe('conflict');
      expect(await conversations.delete(tenant, 'c')).toBe(false);
    });

    test('upkeep forgets commands that are older than the inbox remembers, and nothing else', async () => {
      const tenant = newId();
      const sent = unit(tenant, [part('s', 0, ['x'])]);
      await store.commit(sent);
      expect((await upkeep(database, { ...KEEP_ALL, commandsMs: 3_600_000 })).commands).toBe(0);
      expect(await store.outcome(tenant, 'test', sent.commandId)).toBeDefined();
      expect((await upkeep(database, { ...KEEP_ALL, commandsMs: -1 })).commands).toBeGreaterThan(0);
      expect(await store.outcome(tenant, 'test', sent.commandId)).toBeUndefined();
      expect((await store.load(tenant, 's')).version).toBe(1);
    });

    test('replicas that do upkeep at once forget each row once, in batches, until none is left', async () => {
      const tenant = newId();
      for (let n = 0; n < 20; n++) await write(tenant, {});
      const left = async () => (await database.pool.query<{ n: number }>('select count(*) as n from inbox')).rows[0]?.n;
      const before = await left();
      const forgotten = await Promise.all(
        [4, 3, 5].map((batch) => upkeep(database, { ...KEEP_ALL, commandsMs: -1 }, { batch })),
      );
      expect(forgotten.reduce((sum, { commands }) => sum + commands, 0)).toBe(before);
      expect(await left()).toBe(0);
    });

    retentionTests(() => ({ database, store }));
  });
}
