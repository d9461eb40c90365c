// What hard budgets promise, whatever database is beneath: nothing is spent or begun beyond one, whoever commits at the same moment and
// whatever became of the answer of a commit. Run on each adapter by the files beside it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import type { Database } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import type { CommitResult, CommitUnit, EndRow, EventStore, WantRow } from '../../src/control/store/unit.ts';
import { FaultyEventStore } from '../support/faults/faulty-event-store.ts';
import { dispatch, part, unit } from '../support/units.ts';

const HANG_MS = 60_000;

const who = { conversation: 'c', device: 'd', principal: 'owner:k', models: ['m', 'p/m'] };
const want = (dispatchId: string, micros: number, more: Partial<WantRow> = {}): WantRow => ({
  ...who,
  dispatchId,
  job: `${dispatchId}/0/0`,
  most: { micros, tokens: micros * 2, prices: 'v1' },
  ...more,
});
const end = (dispatchId: string, micros: number | undefined, more: Partial<EndRow> = {}): EndRow => ({
  ...who,
  dispatchId,
  used: micros === undefined ? undefined : { micros, tokens: micros * 2 },
  ...more,
});

export function budgetSuite(
  name: string,
  open: () => Promise<{ database: Database; stop: () => Promise<void> }>,
): void {
  describe(`budgets on ${name}`, { timeout: HANG_MS }, () => {
    let database: Database;
    let stop: () => Promise<void>;
    let store: PgEventStore;
    let other: PgEventStore;

    beforeAll(async () => {
      ({ database, stop } = await open());
      await migrate(database.db);
      store = new PgEventStore(database, { lapseMs: 0 });
      other = new PgEventStore(database, { lapseMs: 0 });
    }, 60_000);

    afterAll(async () => {
      await store?.close();
      await other?.close();
      await stop?.();
    }, 60_000);

    const budget = async (tenant: string, id: string, micros: number | null, more: object = {}) => {
      const row = { tenant, id, scope: 'tenant' as const, subject: '', period: 'month' as const, limit_micros: micros, limit_tokens: null, warn_percent: [80] }; // biome-ignore format: one row
      await database.db.insertInto('budget').values({ ...row, ...more }).execute(); // biome-ignore format: short
    };
    const sums = async (tenant: string) => {
      const { rows } = await database.pool.query(
        `select budget, spent_micros as spent, reserved_micros as reserved, spent_tokens as "spentTokens", reserved_tokens as "reservedTokens"
         from budget_period where tenant = $1 order by budget`,
        [tenant],
      );
      return rows as { budget: string; spent: number; reserved: number; spentTokens: number; reservedTokens: number }[];
    };
    const left = async (tenant: string) =>
      (await database.pool.query('select 1 from reservation where tenant = $1 and not lapsed', [tenant])).rows.length;
    const lapse = () => database.pool.query('select bowline_lapse_1(-1000)');
    const begins = (tenant: string, id: string, micros: number, more: Partial<WantRow> = {}, holder?: string) =>
      unit(tenant, [part(id, 0, ['queued'])], {
        outbox: [dispatch(id, id, holder === undefined ? {} : { holder })],
        wants: [want(id, micros, more)],
      });
    const ends = (tenant: string, id: string, micros: number | undefined, more: Partial<EndRow> = {}) =>
      unit(tenant, [part(id, 1, ['ended'])], { outboxDone: [id], ends: [end(id, micros, more)] });
    const status = async (committing: Promise<CommitResult>) => (await committing).status;

    test('what begins is reserved, what ended is charged, and what has no room is not written and says why', async () => {
      const tenant = newId();
      await budget(tenant, 'b', 100);
      const [a, b, c] = [newId(), newId(), newId()];
      expect(await status(store.commit(begins(tenant, a, 60)))).toBe('committed');
      const refused = await other.commit(begins(tenant, b, 41));
      expect(refused).toMatchObject({
        status: 'over',
        over: [{ job: `${b}/0/0`, budget: 'b', unpriced: false, period: 'month', limitMicros: 100, limitTokens: null, usedMicros: 60, needsMicros: 41 }], // biome-ignore format: one row
      });
      expect((await store.load(tenant, b)).version).toBe(0);
      const until = refused.status === 'over' ? new Date(refused.over[0]?.until ?? 0) : new Date(0);
      expect(until.toISOString()).toMatch(/-01T00:00:00.000Z$/);
      expect(await sums(tenant)).toEqual([
        { budget: 'b', spent: 0, reserved: 60, spentTokens: 0, reservedTokens: 120 },
      ]);
      expect(await status(store.commit(ends(tenant, a, 7)))).toBe('committed');
      expect(await sums(tenant)).toEqual([{ budget: 'b', spent: 7, reserved: 0, spentTokens: 14, reservedTokens: 0 }]);
      // What one commit ends makes room for what it begins.
      expect(await status(store.commit(begins(tenant, b, 93)))).toBe('committed');
      const next = unit(tenant, [part(b, 1, ['ended']), part(c, 0, ['queued'])], {
        outboxDone: [b],
        outbox: [dispatch(c, c)],
        ends: [end(b, 10)],
        wants: [want(c, 83)],
      });
      expect(await status(other.commit(next))).toBe('committed');
      expect(await status(other.commit(next))).toBe('duplicate');
      expect(await sums(tenant)).toMatchObject([{ spent: 17, reserved: 83 }]);
    });

    test('in one batch what fits is written, whatever does not fit or is stale beside it', async () => {
      const tenant = newId();
      await budget(tenant, 'b', 100);
      await store.commit(begins(tenant, 'taken', 0));
      const [a, b, c] = [newId(), newId(), newId()];
      const stale = { ...begins(tenant, 'taken', 90), commandId: newId() };
      const results = await Promise.all(
        [stale, begins(tenant, a, 90), begins(tenant, b, 20), begins(tenant, c, 10)].map((each) => store.commit(each)),
      );
      expect(results.map((each) => each.status)).toEqual(['conflict', 'committed', 'over', 'committed']);
      expect(await sums(tenant)).toMatchObject([{ spent: 0, reserved: 100 }]);
    });

    test('each budget bounds what it is about, in money or in tokens, and nothing of another tenant', async () => {
      const [tenant, foreign] = [newId(), newId()];
      await budget(foreign, 'f', 1);
      for (const [id, scope, subject] of [
        ['device', 'device', 'd'],
        ['conversation', 'conversation', 'c'],
        ['key', 'key', 'k'],
        ['model', 'model', 'p/m'],
      ] as const)
        await budget(tenant, id, 10, { scope, subject, period: 'day' });
      await budget(tenant, 'tokens', null, { limit_tokens: 20 });
      const refusedBy = async (micros: number, more: Partial<WantRow>) => {
        const result = await store.commit(begins(tenant, newId(), micros, more));
        return result.status === 'over' ? result.over.map((each) => each.budget) : [result.status];
      };
      const none = { conversation: null, device: null, principal: 'owner:x', models: ['n', 'p/n'] };
      expect(await refusedBy(11, none)).toEqual(['tokens']);
      for (const [more, by] of [
        [{ ...none, device: 'd' }, 'device'],
        [{ ...none, conversation: 'c' }, 'conversation'],
        [{ ...none, principal: 'owner:k' }, 'key'],
        [{ ...none, models: ['m', 'p/m'] }, 'model'],
        [{ ...none, models: undefined }, 'model'],
      ] as const)
        expect(await refusedBy(11, { ...more, most: { micros: 11, tokens: 0, prices: '' } })).toEqual([by]);
      expect(await refusedBy(10, none)).toEqual(['committed']);
      expect(await refusedBy(0, { ...none, device: 'd', most: undefined })).toEqual(['device']);
      expect(await status(store.commit(begins(newId(), newId(), 0, { most: undefined })))).toBe('committed');
    });

    test('what ended without a word stays reserved until it is told or lapses; what nobody had is free at once', async () => {
      const tenant = newId();
      await budget(tenant, 'b', 1000);
      const [unheld, told, silent, late] = [newId(), newId(), newId(), newId()];
      await store.commit(begins(tenant, unheld, 1));
      for (const id of [told, silent, late]) await store.commit(begins(tenant, id, 100, {}, 'replica'));
      for (const id of [unheld, told, silent, late]) await store.commit(ends(tenant, id, undefined));
      expect(await sums(tenant)).toMatchObject([{ spent: 0, reserved: 300 }]);
      const later = (id: string, micros: number) => unit(tenant, [part(id, 2, ['late'])], { ends: [end(id, micros)] });
      await store.commit(later(told, 30));
      expect(await sums(tenant)).toMatchObject([{ spent: 30, reserved: 200 }]);
      await lapse();
      await lapse();
      expect(await sums(tenant)).toMatchObject([{ spent: 230, reserved: 0 }]);
      expect(await left(tenant)).toBe(0);
      // What is told after all is what was spent.
      await store.commit(later(late, 40));
      expect(await sums(tenant)).toMatchObject([{ spent: 170, reserved: 0, spentTokens: 340, reservedTokens: 0 }]);
      // A dispatch that is gone with everything about it lapses, too.
      const gone = newId();
      await store.commit(begins(tenant, gone, 5, {}, 'replica'));
      await database.pool.query('delete from outbox where dispatch_id = $1', [gone]);
      await lapse();
      expect(await sums(tenant)).toMatchObject([{ spent: 175, reserved: 0 }]);
    });

    test('while one commit has reserved and not ended, another one waits for it (one connection: nothing is at once)', async () => {
      if (database.kind !== 'postgres') return;
      const tenant = newId();
      await budget(tenant, 'b', 100);
      await store.commit(unit(tenant, [part('held', 0, ['a'])]));
      const holder = await database.pool.connect();
      const waiting = async () => {
        const { rows } = await database.pool.query('select count(*)::int as n from pg_locks where not granted');
        return Number(rows[0]?.n);
      };
      try {
        await holder.query('begin');
        await holder.query("select 1 from streams where tenant = $1 and id = 'held' for update", [tenant]);
        let answered = false;
        const first = store.commit(unit(tenant, [part('held', 1, ['b'])], { wants: [want(newId(), 60)] }));
        while ((await waiting()) < 1) await new Promise(setImmediate);
        const second = other.commit(begins(tenant, newId(), 60)).finally(() => {
          answered = true;
        });
        while (!answered && (await waiting()) < 2) await new Promise(setImmediate);
        await holder.query('rollback');
        expect([await status(first), await status(second)]).toEqual(['committed', 'over']);
        expect(await sums(tenant)).toMatchObject([{ spent: 0, reserved: 60 }]);
      } finally {
        holder.release();
      }
    });

    test('200 at once against a budget for 50, over two replicas whose commits fail, hang or lose their answers', async () => {
      const tenant = newId();
      const each = 1_000_003;
      await budget(tenant, 'b', each * 50);
      let most = 0;
      let over = false;
      const watching = (async () => {
        while (!over) {
          const [now] = await sums(tenant);
          most = Math.max(most, (now?.spent ?? 0) + (now?.reserved ?? 0));
        }
      })();
      const faults = { failBefore: 0.1, hang: 0.05, commitThenTimeout: 0.25 };
      const replicas = [store, other].map((where, seed) => new FaultyEventStore(where, { seed, ...faults }));
      const surely = async (where: FaultyEventStore, wanted: CommitUnit): Promise<CommitResult> => {
        for (;;) {
          const committing = (where as EventStore).commit(wanted);
          where.release();
          try {
            return await committing;
          } catch (error) {
            if (!(error instanceof AppError) || error.reason !== 'STORE_UNAVAILABLE') throw error;
          }
        }
      };
      let spent = 0;
      let begun = 0;
      await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          const id = newId();
          const where = replicas[n % 2]!;
          if ((await surely(where, begins(tenant, id, each, {}, 'replica'))).status === 'over') return;
          begun++;
          // Every other one is told by the other replica, some only later, some never.
          const used = n % 5 === 0 ? undefined : (n * 7919) % each;
          await surely(replicas[(n + 1) % 2]!, ends(tenant, id, used));
          const late = used === undefined && n % 2 === 0 ? n : undefined;
          if (late !== undefined) await surely(where, unit(tenant, [part(id, 2, ['late'])], { ends: [end(id, late)] }));
          spent += used ?? late ?? each;
        }),
      );
      over = true;
      await watching;
      await lapse();
      await lapse();
      expect(begun).toBeGreaterThanOrEqual(50);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(each * 50);
      expect(await sums(tenant)).toEqual([
        { budget: 'b', spent, reserved: 0, spentTokens: spent * 2, reservedTokens: 0 },
      ]);
      expect(await left(tenant)).toBe(0);
    });
  });
}
