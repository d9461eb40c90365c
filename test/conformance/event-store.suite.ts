// What an event store promises, whatever database is beneath. Run on each adapter by the files beside it; every test has
// a hang limit, because the failures looked for here tend to be waits without an end.
import type { QueryConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { encodeUnits } from '../../src/control/store/commit-encode.ts';
import { COMMIT_SQL } from '../../src/control/store/commit-sql.ts';
import type { Database } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import type { CommitUnit, EventStore, UsageRow } from '../../src/control/store/unit.ts';
import { FaultyEventStore } from '../support/faults/faulty-event-store.ts';
import { dispatch, jobRow, part, runRow, text, unit } from '../support/units.ts';

const HANG_MS = 30_000;
const TABLES = [
  'streams',
  'events',
  'inbox',
  'outbox',
  'timers',
  'conversation',
  'run',
  'job',
  'ledger_usage',
] as const;

export function eventStoreSuite(
  name: string,
  open: () => Promise<{ database: Database; stop: () => Promise<void> }>,
): void {
  describe(`event store on ${name}`, { timeout: HANG_MS }, () => {
    let database: Database;
    let stop: () => Promise<void>;
    let store: PgEventStore;
    /** A second replica. */
    let other: PgEventStore;

    beforeAll(async () => {
      ({ database, stop } = await open());
      await migrate(database.db);
      store = new PgEventStore(database);
      other = new PgEventStore(database);
    }, 60_000);

    afterAll(async () => {
      await store?.close();
      await other?.close();
      await stop?.();
    }, 60_000);

    const texts = async (tenant: string, stream: string) =>
      (await store.load(tenant, stream)).events.map((event) => text(event.data));

    /** Everything that a tenant has in the database: rows per table. */
    const rows = async (tenant: string) => {
      const count = (table: string) => `select '${table}' as name, count(*) as n from ${table} where tenant = $1`;
      const { rows: found } = await database.pool.query<{ name: string; n: number }>(
        TABLES.map(count).join(' union all '),
        [tenant],
      );
      return Object.fromEntries(found.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
    };

    /** The commit pool with something done around every commit statement. */
    const around = (run: (send: () => Promise<unknown>) => Promise<unknown>) => {
      const query = (config: QueryConfig | string, values?: unknown[]) => {
        const send = () => database.commitPool.query(config as QueryConfig, values as unknown[]);
        return typeof config === 'object' && config.name?.startsWith('bowline_commit') ? run(send) : send();
      };
      return { query } as unknown as typeof database.pool;
    };

    test('events come back in order, gapless, with the time of their commit', async () => {
      const tenant = newId();
      const first = await store.commit(unit(tenant, [part('s', 0, ['a', 'b'])]));
      const second = await store.commit(unit(tenant, [part('s', 2, ['c'])]));
      expect(first.status).toBe('committed');
      const { version, events } = await store.load(tenant, 's');
      expect(version).toBe(3);
      expect(events.map((event) => [event.version, text(event.data)])).toEqual([[1, 'a'], [2, 'b'], [3, 'c']]); // biome-ignore format: a table
      expect(events[2]?.at).toBe(second.status === 'committed' ? second.at : 'not committed');
      expect((await store.load(tenant, 's', 2)).events.map((event) => text(event.data))).toEqual(['c']);
      expect(await store.load(tenant, 's', 3)).toEqual({ version: 3, events: [] });
      expect(await store.load(tenant, 'none')).toEqual({ version: 0, events: [] });
      expect(await store.load('another tenant', 's')).toEqual({ version: 0, events: [] });
    });

    test('bytes of any value and size come back as they were', async () => {
      const tenant = newId();
      const all = Uint8Array.from({ length: 300_000 }, (_, n) => (n * 7 + (n >> 8)) & 255);
      const outcome = all.subarray(100, 400);
      const parts = [{ ...part('s', 0, []), events: [{ type: 'x', data: all }, { type: 'y', data: new Uint8Array(0) }] }]; // biome-ignore format: short
      const sent = unit(tenant, parts, { outcome });
      await store.commit(sent);
      const { events } = await store.load(tenant, 's');
      expect(Buffer.compare(events[0]?.data ?? Buffer.of(), all)).toBe(0);
      expect(events[1]?.data.length).toBe(0);
      expect(Buffer.from((await store.outcome(tenant, 'test', sent.commandId)) ?? [])).toEqual(Buffer.from(outcome));
    });

    test('a stale, a missing and a taken stream conflict, and leave nothing', async () => {
      const tenant = newId();
      await store.commit(unit(tenant, [part('s', 0, ['a', 'b'])]));
      const before = await rows(tenant);
      for (const bad of [part('s', 1, ['x']), part('s', 3, ['x']), part('none', 1, ['x']), part('s', 0, ['x'])]) {
        expect(await store.commit(unit(tenant, [bad]))).toEqual({ status: 'conflict' });
      }
      expect(await rows(tenant)).toEqual(before);
    });

    test('what a session says that stands no more is not written, beside others in one batch', async () => {
      const tenant = newId();
      const device = { tenant, id: 'd', name: 'd', key_hash: Buffer.from(newId()), session_epoch: 7 };
      await database.db.insertInto('device').values(device).execute();
      const by = (epoch: number, id = 'd') => ({ session: { device: id, epoch } });
      const said = unit(tenant, [part('said', 0, ['a'])], by(7));
      expect((await store.commit(said)).status).toBe('committed');
      await database.db.updateTable('device').set({ session_epoch: 8 }).where('tenant', '=', tenant).execute();
      const before = await rows(tenant);
      const results = await Promise.all([
        store.commit(unit(tenant, [part('old', 0, ['x'])], by(7))),
        store.commit(unit(tenant, [part('said', 1, ['x'])], by(6))),
        store.commit(unit(tenant, [part('gone', 0, ['x'])], by(8, 'no device'))),
      ]);
      expect(results).toEqual([{ status: 'fenced' }, { status: 'fenced' }, { status: 'fenced' }]);
      expect(await rows(tenant)).toEqual(before);
      // What was committed while it stood is told all the same.
      expect((await store.commit(said)).status).toBe('duplicate');
      const together = await Promise.all([
        store.commit(unit(tenant, [part('new', 0, ['x'])], by(8))),
        store.commit(unit(tenant, [part('late', 0, ['x'])], by(7))),
        store.commit(unit(tenant, [part('else', 0, ['x'])])),
      ]);
      expect(together.map(({ status }) => status)).toEqual(['committed', 'fenced', 'committed']);
      await database.db.updateTable('device').set({ state: 'suspended' }).where('tenant', '=', tenant).execute();
      expect((await store.commit(unit(tenant, [part('suspended', 0, ['x'])], by(8)))).status).toBe('fenced');
    });

    test('conflicts inside a batch do not touch their neighbours, which are sent once more without them', async () => {
      const tenant = newId();
      await store.commit(unit(tenant, [part('old', 0, ['a'])]));
      await store.commit(unit(tenant, [part('stale', 0, ['a', 'b'])]));
      let statements = 0;
      const pool = around((send) => {
        statements++;
        return send();
      });
      const counted = new PgEventStore({ pool: database.pool, commitPool: pool, flushes: 1 });
      const units: CommitUnit[] = [];
      for (let n = 0; n < 40; n++) units.push(unit(tenant, [part(`new-${n}`, 0, [`n${n}`])]));
      units.splice(7, 0, unit(tenant, [part('stale', 1, ['x'])]));
      units.splice(20, 0, unit(tenant, [part('old', 1, ['b'])]));
      units.splice(33, 0, unit(tenant, [part('gone', 4, ['x'])]));
      const results = await Promise.all(units.map((each) => counted.commit(each)));
      expect(statements).toBe(2);
      expect(results.flatMap((result, n) => (result.status === 'conflict' ? [n] : []))).toEqual([7, 33]);
      expect(results.filter((result) => result.status === 'committed').length).toBe(41);
      expect(await texts(tenant, 'old')).toEqual(['a', 'b']);
      expect(await texts(tenant, 'stale')).toEqual(['a', 'b']);
      for (let n = 0; n < 40; n++) expect(await texts(tenant, `new-${n}`)).toEqual([`n${n}`]);
    });

    test('two units for one version never splice, submitted together or by two replicas', async () => {
      const tenant = newId();
      for (let round = 0; round < 15; round++) {
        const stream = `s${round % 3}`;
        const { version } = await store.load(tenant, stream);
        const rivals = [store, store, other, other].map((where, n) =>
          where.commit(unit(tenant, [part(stream, version, [`${round}/${n}/a`, `${round}/${n}/b`])])),
        );
        const results = await Promise.all(rivals);
        expect(results.map((result) => result.status).sort()).toEqual([
          'committed',
          'conflict',
          'conflict',
          'conflict',
        ]);
        const winner = results.findIndex((result) => result.status === 'committed');
        const { events } = await store.load(tenant, stream, version);
        expect(events.map((event) => text(event.data))).toEqual([`${round}/${winner}/a`, `${round}/${winner}/b`]);
      }
    });

    test('a statement that was handed two units of one stream against the rules writes nothing', async () => {
      const tenant = newId();
      await store.commit(unit(tenant, [part('s', 0, ['a'])]));
      const before = await rows(tenant);
      for (const [stream, expected] of [
        ['s', 1],
        ['fresh', 0],
      ] as const) {
        // biome-ignore format: short
        const pair = [unit(tenant, [part(stream, expected, ['x'])]), unit(tenant, [part(stream, expected, ['y'])])];
        await expect(database.pool.query(COMMIT_SQL, encodeUnits(pair))).rejects.toThrow();
        expect(await rows(tenant)).toEqual(before);
      }
    });

    test('a unit of several streams is written whole or not at all', async () => {
      const tenant = newId();
      await store.commit(unit(tenant, [part('c', 0, ['c1'], 'conversation')]));
      const before = await rows(tenant);
      const rest = {
        outbox: [dispatch(`${tenant}/0/0-1`, 'r')],
        timers: [{ id: 't', stream: 'r', kind: 'deadline', dueInMs: 60_000 }],
        conversations: [{ tenant, id: 'c', title: 'T', activeRun: 'r', waiting: [], turns: 1, device: null }],
        runs: [runRow(tenant, 'r')],
        jobs: [jobRow(tenant, 'r', 'r/0/0')],
      };
      const halves = [
        [part('c', 1, ['c2']), part('r', 3, ['r1'])],
        [part('c', 0, ['c2']), part('r', 0, ['r1'])],
        [part('c', 2, ['c2']), part('r', 0, ['r1'])],
        [part('r', 0, ['r1']), part('q', 0, ['q1']), part('none', 2, ['x']), part('c', 1, ['c2'])],
      ];
      for (const parts of halves) {
        expect(await store.commit(unit(tenant, parts, rest))).toEqual({ status: 'conflict' });
        expect(await rows(tenant)).toEqual(before);
      }
      const whole = unit(tenant, [part('r', 0, ['r1']), part('c', 1, ['c2'], 'conversation')], rest);
      expect((await store.commit(whole)).status).toBe('committed');
      expect(await rows(tenant)).toEqual({ streams: 2, events: 3, inbox: 2, outbox: 1, timers: 1, conversation: 1, run: 1, job: 1 }); // biome-ignore format: one row each
    });

    test('rivals for one new conversation: one wins, the others leave no run behind', async () => {
      const tenant = newId();
      for (let round = 0; round < 10; round++) {
        const results = await Promise.all(
          [store, other, store, other].map((where, n) =>
            where.commit(unit(tenant, [part(`a-run-${round}-${n}`, 0, ['r']), part(`c-${round}`, 0, ['c'])])),
          ),
        );
        expect(results.filter((result) => result.status === 'committed').length).toBe(1);
      }
      expect(await rows(tenant)).toEqual({ streams: 20, events: 20, inbox: 10 });
    });

    test('a part without events guards its version and changes nothing', async () => {
      const tenant = newId();
      await store.commit(unit(tenant, [part('c', 0, ['c1'])]));
      expect((await store.commit(unit(tenant, [part('c', 2, []), part('r', 0, ['r1'])]))).status).toBe('conflict');
      expect((await store.commit(unit(tenant, [part('c', 1, []), part('r', 0, ['r1'])]))).status).toBe('committed');
      expect((await store.load(tenant, 'c')).version).toBe(1);
    });

    test('a repeated command gives the first outcome and writes nothing', async () => {
      const tenant = newId();
      const first = unit(tenant, [part('s', 0, ['a'])]);
      expect((await store.commit(first)).status).toBe('committed');
      const before = await rows(tenant);
      const again = unit(tenant, [part('s', 1, ['b'])], { commandId: first.commandId, outcome: new Uint8Array([1]) });
      const elsewhere = unit(tenant, [part('z', 0, ['b'])], { commandId: first.commandId });
      for (const repeated of [first, again, elsewhere]) {
        const result = await other.commit(repeated);
        expect(result.status === 'duplicate' && text(result.outcome)).toBe(`done ${first.commandId}`);
      }
      expect(await rows(tenant)).toEqual(before);
      expect(text(await store.outcome(tenant, 'test', first.commandId))).toBe(`done ${first.commandId}`);
      expect(await store.outcome(newId(), 'test', first.commandId)).toBeUndefined();
      const foreign = unit(newId(), [part('s', 0, ['a'])], { commandId: first.commandId });
      expect((await store.commit(foreign)).status).toBe('committed');
    });

    test('one command submitted many times at once is committed once', async () => {
      const tenant = newId();
      for (let round = 0; round < 10; round++) {
        const commandId = newId();
        const results = await Promise.all(
          [store, other, store, other, store].map((where, n) =>
            // Even with different streams each time, as two replicas that decided on different states would send it.
            where.commit(unit(tenant, [part(`s${round}-${n >> 1}`, 0, [`${n}`])], { commandId })),
          ),
        );
        expect(results.map((result) => result.status).sort()).toEqual(['committed', ...Array(4).fill('duplicate')]);
      }
      expect(await rows(tenant)).toEqual({ streams: 10, events: 10, inbox: 10 });
    });

    test('what was charged is written once with what it was charged for, and never with what was not written', async () => {
      const tenant = newId();
      const use: UsageRow = {
        run: 's',
        job: 's/0/0',
        epoch: 3,
        method: 'm',
        conversation: 'c',
        device: null,
        principal: 'owner:1',
        provider: '甲 "x"',
        model: 'm',
        inputTokens: 1,
        outputTokens: 2,
        cachedTokens: 1,
        costMicros: 9_007_199_254_740_991,
        estimated: true,
      };
      const charged = unit(tenant, [part('s', 0, ['a'])], { usage: [use, { ...use, job: 's/0/1', device: 'd' }] });
      const [first, beside, stale] = await Promise.all([
        store.commit(charged),
        store.commit(unit(tenant, [part('beside', 0, ['b'])])),
        store.commit(unit(tenant, [part('stale', 4, ['c'])], { usage: [use] })),
      ]);
      expect([first?.status, beside?.status, stale?.status]).toEqual(['committed', 'committed', 'conflict']);
      expect((await other.commit(charged)).status).toBe('duplicate');
      const { rows: found } = await database.pool.query('select * from ledger_usage where tenant = $1 order by job', [tenant]); // biome-ignore format: short
      expect(found).toMatchObject([
        { run: 's', job: 's/0/0', epoch: 3, method: 'm', conversation: 'c', device: null, principal: 'owner:1', provider: '甲 "x"', model: 'm',
          input_tokens: 1, output_tokens: 2, cached_tokens: 1, cost_micros: 9_007_199_254_740_991, estimated: true },
        { job: 's/0/1', device: 'd' },
      ]); // biome-ignore format: a table
      expect(found[0].at.getTime()).toBe(first?.status === 'committed' ? first.at : 0);
    });

    test('an answer that is lost after the commit changes nothing', async () => {
      const tenant = newId();
      let lost = 0;
      const pool = around(async (send) => {
        await send();
        if (++lost <= 2) throw new Error('Query read timeout');
        return send();
      });
      const shaky = new PgEventStore({ pool: database.pool, commitPool: pool, flushes: 1 });
      const sent = unit(tenant, [part('s', 0, ['a'])]);
      const result = await shaky.commit(sent);
      expect(result.status === 'duplicate' && text(result.outcome)).toBe(`done ${sent.commandId}`);
      expect(await texts(tenant, 's')).toEqual(['a']);
      expect((await shaky.commit(unit(tenant, [part('s', 1, ['b'])]))).status).toBe('duplicate');
      expect(await texts(tenant, 's')).toEqual(['a', 'b']);
    });

    test('a plan of faults (fails before, hangs, commits and loses the answer) ends in the same history', async () => {
      const tenant = newId();
      const faulty = new FaultyEventStore(store, { seed: 42, failBefore: 0.2, hang: 0.1, commitThenTimeout: 0.3 });
      for (let n = 0; n < 60; n++) await mustCommit(faulty, tenant, 's', `e${n}`);
      expect(await texts(tenant, 's')).toEqual(Array.from({ length: 60 }, (_, n) => `e${n}`));
      expect(Math.min(...Object.values(faulty.played))).toBeGreaterThan(0);

      async function mustCommit(where: FaultyEventStore, tenant: string, stream: string, event: string) {
        const commandId = newId();
        for (;;) {
          const { version } = await where.load(tenant, stream);
          const committing = where.commit(unit(tenant, [part(stream, version, [event])], { commandId }));
          where.release();
          try {
            if ((await committing).status !== 'conflict') return;
          } catch (error) {
            if (!(error instanceof AppError) || error.reason !== 'STORE_UNAVAILABLE') throw error;
          }
        }
      }
    });

    test('batches over the same streams in any order never wait for each other in a circle', async () => {
      const tenant = newId();
      const streams = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      await store.commit(unit(tenant, streams.slice(0, 4).map((stream) => part(stream, 0, ['0'])))); // biome-ignore format: short
      await store.commit(unit(tenant, streams.slice(4).map((stream) => part(stream, 0, ['0'])))); // biome-ignore format: short
      const deadlocks = async () =>
        (await database.pool.query('select deadlocks from pg_stat_database where datname = current_database()')).rows[0]?.deadlocks; // biome-ignore format: one column
      const before = await deadlocks();
      let committed = 0;
      const replica = async (where: EventStore, seed: number) => {
        for (let n = 0; n < 40; n++) {
          const chosen = [...streams].sort((x, y) => mix(seed, n, x) - mix(seed, n, y)).slice(0, 1 + (n % 4));
          const heads = await Promise.all(chosen.map((stream) => where.load(tenant, stream)));
          const parts = chosen.map((stream, k) => part(stream, heads[k]?.version ?? 0, [`${seed}`]));
          if ((await where.commit(unit(tenant, parts))).status === 'committed') committed += parts.length;
        }
      };
      await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => replica(seed % 2 ? store : other, seed)));
      const heads = await Promise.all(streams.map((stream) => store.load(tenant, stream)));
      expect(heads.reduce((sum, head) => sum + head.version, 0)).toBe(8 + committed);
      for (const { version, events } of heads) expect(events.map((event) => event.version)).toEqual(upTo(version));
      expect(await deadlocks()).toBe(before);
      expect(committed).toBeGreaterThan(0);
    });

    test('appenders that race for one stream make one gapless order, each one’s own order kept', async () => {
      const tenant = newId();
      const appender = async (where: EventStore, name: string) => {
        for (let n = 0; n < 8; ) {
          const { version } = await where.load(tenant, 's');
          if ((await where.commit(unit(tenant, [part('s', version, [`${name}${n}`])]))).status === 'committed') n++;
        }
      };
      await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name, n) => appender(n % 2 ? store : other, name)));
      const { version, events } = await store.load(tenant, 's');
      expect(version).toBe(48);
      expect(events.map((event) => event.version)).toEqual(upTo(48));
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
        const own = events.map((event) => text(event.data)).filter((each) => each?.startsWith(name));
        expect(own).toEqual(Array.from({ length: 8 }, (_, n) => `${name}${n}`));
      }
    });

    test('a unit that the database refuses fails alone', async () => {
      const tenant = newId();
      const poison = unit(tenant, [part('p', 0, ['x'])], {
        outbox: [dispatch(`${tenant}-p`, 'p', { target: 'device' })],
      });
      const good = Array.from({ length: 12 }, (_, n) => unit(tenant, [part(`g${n}`, 0, ['x'])]));
      good.splice(5, 0, poison);
      const results = await Promise.allSettled(good.map((each) => store.commit(each)));
      expect(results.flatMap((result, n) => (result.status === 'rejected' ? [[n, result.reason.reason]] : []))).toEqual(
        [[5, 'STORE_REFUSED']],
      );
      expect(await rows(tenant)).toEqual({ streams: 12, events: 12, inbox: 12 });
    });

    test('every column of every row is written and overwritten as it was given', async () => {
      const tenant = newId();
      const odd = `"a\\b", {c} 'd'\n漢字 😀`;
      const row = { run: 'r', job: 'r/0/0', capability: 'c.v1', selector: { [odd]: odd } };
      const more = { slots: 2, priority: 3, tier: 1, epoch: 4, state: 'waiting', reason: odd } as const;
      const usage = { inputTokens: 11, outputTokens: 12, costMicros: 13 };
      const shown = { sources: [odd, 1], withheld: { w: null }, egress: [true], leftOut: ['l'], model: { m: 0.5 } };
      const run = {
        conversation: 'c',
        device: 'e',
        principal: 'p',
        text: 'asked',
        answer: odd,
        reason: 'why',
        usage,
        ...shown,
      };
      const job = {
        method: 'm',
        target: odd,
        state: 'done',
        attempts: 5,
        epoch: 6,
        startedAt: 1_790_000_000_123,
        error: 'x',
      };
      const rest: Partial<CommitUnit> = {
        outbox: [dispatch(`${tenant}-1`, 'r', { ...row, ...more, recipients: [odd, '', 'NULL'], holder: 'h' })],
        timers: [{ id: 't', stream: 'r', kind: 'k', dueInMs: 1500.5 }],
        conversations: [
          {
            tenant,
            id: 'c',
            title: odd,
            activeRun: 'r',
            waiting: ['w', odd],
            turns: 7,
            device: 'e',
            createdAt: 1_790_000_000_001,
          },
        ],
        runs: [runRow(tenant, 'r', { ...run, endedAt: 1_790_000_000_999 })],
        jobs: [jobRow(tenant, 'r', 'r/0/0', { ...job, endedAt: 1_790_000_000_124 })],
      };
      // biome-ignore format: a table
      const written = [
        ['outbox', 'dispatch_id, run, job, epoch, capability, tier, target, device, selector, recipients, slots, priority, state, reason, holder',
          { dispatch_id: `${tenant}-1`, ...row, ...more, target: 'worker', device: null, recipients: [odd, '', 'NULL'], holder: 'h' }],
        ['timers', "id, stream, kind, due - (select at from inbox i where i.tenant = timers.tenant order by at desc limit 1) = '1501 ms' as due, wake = due as wake",
          { id: 't', stream: 'r', kind: 'k', due: true, wake: true }],
        ['conversation', 'id, title, active_run, waiting, turns, device, created_at',
          { id: 'c', title: odd, active_run: 'r', waiting: ['w', odd], turns: 7, device: 'e', created_at: new Date(1_790_000_000_001) }],
        ['run', 'id, conversation, device, principal, kind, state, question, answer, reason, created_at, ended_at, usage, sources, withheld, egress, left_out, model',
          { id: 'r', conversation: 'c', device: 'e', principal: 'p', kind: 'ask', state: 'running', question: 'asked', answer: odd, reason: 'why',
            created_at: new Date(1_790_000_000_000), ended_at: new Date(1_790_000_000_999), usage, sources: [odd, 1], withheld: { w: null }, egress: [true], left_out: ['l'], model: { m: 0.5 } }],
        ['job', 'run, id, method, target, state, attempts, epoch, created_at, started_at, ended_at, error',
          { run: 'r', id: 'r/0/0', ...job, startedAt: undefined, created_at: new Date(1_790_000_000_000), started_at: new Date(1_790_000_000_123), ended_at: new Date(1_790_000_000_124) }],
      ] as const;
      const check = async () => {
        for (const [table, columns, expected] of written) {
          const { rows } = await database.pool.query(`select ${columns} from ${table} where tenant = $1`, [tenant]);
          expect(rows, table).toEqual([expected]);
        }
      };
      expect((await store.commit(unit(tenant, [part('r', 0, ['x'])], rest))).status).toBe('committed');
      await check();
      // Over rows that were as different as they may be.
      await database.pool.query(
        `update outbox set selector = '{}', recipients = '{}', slots = 9, priority = 9, state = 'ready', reason = null where tenant = $1`,
        [tenant],
      );
      await database.pool.query(
        `update timers set stream = '', kind = '', due = now(), wake = now() where tenant = $1`,
        [tenant],
      );
      await database.pool.query(
        `update conversation set title = '', active_run = null, waiting = '{}', turns = 0, device = null where tenant = $1`,
        [tenant],
      );
      await database.pool.query(
        `update run set conversation = null, device = null, state = 'failed', question = '', answer = '', reason = null, ended_at = null,
          usage = '{}', sources = '{}', withheld = '{}', egress = '{}', left_out = '{}', model = null where tenant = $1`,
        [tenant],
      );
      await database.pool.query(
        `update job set method = '', target = '', state = '', attempts = 0, epoch = 0, started_at = null, ended_at = null, error = null where tenant = $1`,
        [tenant],
      );
      expect((await store.commit(unit(tenant, [part('r', 1, ['y'])], rest))).status).toBe('committed');
      await check();
      const done = { outboxDone: [`${tenant}-1`], timersDone: ['t'] };
      expect((await store.commit(unit(newId(), [part('r', 0, ['z'])], done))).status).toBe('committed');
      await check();
      expect((await store.commit(unit(tenant, [part('r', 2, ['z'])], done))).status).toBe('committed');
      expect(await rows(tenant)).toMatchObject({ run: 1 });
      expect(Object.keys(await rows(tenant)).filter((table) => table === 'outbox' || table === 'timers')).toEqual([]);
    });

    test('text that Postgres cannot hold (NUL, half a surrogate pair) is replaced, the rest kept', async () => {
      const tenant = newId();
      const row = runRow(tenant, 'r', { text: 'a\0b \ud800 \\u0000 漢字 😀', sources: [{ path: 'x\0y' }] });
      expect((await store.commit(unit(tenant, [part('r', 0, ['x'])], { runs: [row] }))).status).toBe('committed');
      const { rows: found } = await database.pool.query('select question, sources from run where tenant = $1', [
        tenant,
      ]);
      expect(found[0]).toEqual({ question: 'a\ufffdb \ufffd \\u0000 漢字 😀', sources: [{ path: 'x\ufffdy' }] });
    });

    test('what waits is bounded, and a closed store finishes what it accepted and takes no more', async () => {
      const tenant = newId();
      const small = new PgEventStore({ ...database, flushes: 1 }, { maxWaiting: 5 });
      const all = Array.from({ length: 9 }, (_, n) => small.commit(unit(tenant, [part(`s${n}`, 0, ['x'])])));
      const closing = small.close();
      const results = await Promise.allSettled(all);
      await closing;
      expect(
        results.map((result) => (result.status === 'fulfilled' ? result.value.status : result.reason.reason)),
      ).toEqual([...Array(5).fill('committed'), ...Array(4).fill('STORE_BUSY')]);
      await expect(small.commit(unit(tenant, [part('late', 0, ['x'])]))).rejects.toMatchObject({ reason: 'CLOSED' });
    });

    test('a unit against the rules is refused before the database sees it', async () => {
      const tenant = newId();
      const bad: CommitUnit[] = [
        unit(tenant, []),
        unit(tenant, [part('a', 0, ['x']), part('a', 0, ['x'])]),
        unit(tenant, [part('a', 0, [])]),
        unit(tenant, [part('a', -1, ['x'])]),
        unit(tenant, [part('a\0', 0, ['x'])]),
        unit(tenant, ['a', 'b', 'c', 'd', 'e'].map((stream) => part(stream, 0, ['x']))), // biome-ignore format: short
        unit(tenant, [part('a', 0, ['x'])], { runs: [runRow('another tenant', 'a')] }),
        unit(tenant, [part('a', 0, ['x'])], { outbox: [dispatch('d', 'a')], outboxDone: ['d'] }),
      ];
      for (const each of bad) await expect(store.commit(each)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
      expect(await rows(tenant)).toEqual({});
    });

    test('replicas that start together migrate once', async () => {
      expect(await Promise.all([migrate(database.db), migrate(database.db)])).toEqual([[], []]);
    });
  });
}

const upTo = (version: number) => Array.from({ length: version }, (_, n) => n + 1);

/** A number that looks random and is the same each time. */
function mix(seed: number, round: number, name: string): number {
  return Math.imul(seed * 7919 + round * 104729 + name.charCodeAt(0) * 1299709, 2654435761) >>> 0;
}
