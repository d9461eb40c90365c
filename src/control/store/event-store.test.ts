// What the store does with each kind of failure of a statement, on a pool that fails as Postgres does.
import pg from 'pg';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { bytes, dispatch, part, unit } from '../../../test/support/units.ts';
import { PgEventStore } from './event-store.ts';

function sqlError(code: string): Error {
  const error = new pg.DatabaseError(`SQLSTATE ${code}`, 0, 'error');
  error.code = code;
  return error;
}

/** Answers commits as if all passed; each statement first fails as the list says (`undefined` passes). */
function failing(failures: (Error | undefined)[]) {
  const batches: number[] = [];
  const query = async (statement: { values: unknown[] }) => {
    // The length of the array of outcomes, of which each unit has one.
    batches.push((statement.values[1] as Buffer).readInt32BE(12));
    const failure = failures.shift();
    if (failure) throw failure;
    return { rows: [{ at: 1, unfit: null }] };
  };
  const pool = { query } as unknown as pg.Pool;
  return { batches, database: { pool, commitPool: pool, flushes: 1 } };
}

async function commitTwo(failures: (Error | undefined)[]) {
  const { batches, database } = failing(failures);
  const clock = new ManualClock();
  const store = new PgEventStore(database, { clock });
  const settled = Promise.allSettled(['a', 'b'].map((name) => store.commit(unit('t', [part(name, 0, ['x'])]))));
  let over = false;
  void settled.then(() => {
    over = true;
  });
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  }
  const results = (await settled).map((each) => (each.status === 'fulfilled' ? each.value.status : each.reason.reason));
  return { batches, results };
}

const BOTH = ['committed', 'committed'];

test.each([
  ['40001', 'a serialization conflict'],
  ['40P01', 'a deadlock'],
  ['55P03', 'a lock that is not free'],
  ['57P01', 'a server that is shut down'],
  ['57P02', 'a server that crashed'],
  ['57P03', 'a server that starts up'],
  ['53300', 'too many connections'],
  ['53100', 'a full disk'],
  ['25006', 'a server that was made read-only'],
  ['08006', 'a broken connection'],
  ['42501', 'a right that is missing'],
  ['42P01', 'a table that is not there'],
  ['28000', 'a role that may not log in'],
  ['28P01', 'a password that was changed'],
  ['3D000', 'a database that is away'],
  ['55000', 'a database that takes no connections'],
  ['0A000', 'a plan that is older than its table'],
  ['26000', 'a prepared statement that was forgotten'],
])('%s, %s, is tried again with the whole batch', async (code) => {
  const { batches, results } = await commitTwo([sqlError(code), sqlError(code)]);
  expect(results).toEqual(BOTH);
  expect(batches).toEqual([2, 2, 2]);
});

test('commits that the database does not take are known until one is taken, or for so long; a race or a unit of its own fault is none', async () => {
  const clock = new ManualClock();
  const after = async (...codes: string[]) => {
    const { database } = failing(codes.map(sqlError));
    const store = new PgEventStore(database, { clock, giveUpMs: 0 });
    for (const name of codes) await store.commit(unit('t', [part(name, 0, ['x'])])).catch(() => undefined);
    return store;
  };
  for (const code of ['53100', '25006', '57P03', '42501']) expect((await after(code)).fails(10_000)).toBe(true);
  for (const code of ['40001', '57014', '22P02', 'XX000']) expect((await after(code)).fails(10_000)).toBe(false);
  const store = await after('53100');
  clock.advance(10_001);
  expect(store.fails(10_000)).toBe(false);
  const healed = await after('53100');
  await healed.commit(unit('t', [part('b', 0, ['x'])]));
  expect(healed.fails(10_000)).toBe(false);
});

test('an error that came from no server, such as a timeout of the client, is tried again', async () => {
  expect(await commitTwo([new Error('Query read timeout')])).toEqual({ batches: [2, 2], results: BOTH });
});

test.each([
  ['22003', 'a value that no column takes'],
  ['21000', 'a row that is named twice'],
  ['54000', 'a key that no index holds'],
  ['23505', 'a key that is taken'],
])('%s, %s, hits only the unit whose fault it is', async (code) => {
  expect(await commitTwo([sqlError(code), undefined, sqlError(code)])).toEqual({
    batches: [2, 1, 1],
    results: ['committed', 'STORE_REFUSED'],
  });
});

test.each([
  ['XX000', 'an internal error'],
  ['P0001', 'what a trigger raised'],
  ['ZZ123', 'what no list knows'],
])('%s, %s, holds up nobody else, and is never a refusal', async (code) => {
  const odd = () => sqlError(code);
  expect(await commitTwo([odd(), undefined, odd(), odd(), odd()])).toEqual({
    batches: [2, 1, 1, 1, 1],
    results: ['committed', 'STORE_UNAVAILABLE'],
  });
});

test('a unit that cannot be encoded is refused, and its neighbours are not', async () => {
  const { batches, database } = failing([]);
  const store = new PgEventStore(database);
  const bad = {
    ...unit('t', [part('b', 0, ['x'])]),
    outbox: [dispatch('d', 'b', { selector: { n: 1n as never } })],
  };
  const results = await Promise.allSettled([store.commit(unit('t', [part('a', 0, ['x'])])), store.commit(bad)]);
  expect(results).toMatchObject([{ value: { status: 'committed' } }, { reason: { reason: 'STORE_REFUSED' } }]);
  expect(batches).toEqual([1]);
});

test('a statement that was too slow is split, and its halves are tried again', async () => {
  const slow = () => sqlError('57014');
  expect(await commitTwo([slow(), slow(), undefined])).toEqual({ batches: [2, 1, 1, 1], results: BOTH });
});

test('a race that is lost again and again is run in halves', async () => {
  const lost = () => sqlError('40P01');
  expect(await commitTwo([lost(), lost(), lost()])).toEqual({ batches: [2, 2, 2, 1, 1], results: BOTH });
});

test('after the time for it every unit hears that its outcome is unknown', async () => {
  const gone = Array.from({ length: 1_000 }, () => sqlError('57P03'));
  expect((await commitTwo(gone)).results).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
});

test('a read whose connection breaks is sent again, one that is refused is not', async () => {
  const failures = [sqlError('57P01'), new Error('Connection terminated unexpectedly')];
  const query = async () => {
    const failure = failures.shift();
    if (failure) throw failure;
    return { rows: [{ outcome: bytes('done') }] };
  };
  const pool = { query } as unknown as pg.Pool;
  const store = new PgEventStore({ pool, commitPool: pool, flushes: 1 });
  expect(await store.outcome('t', 's', 'c')).toEqual(bytes('done'));
  failures.push(sqlError('22021'));
  await expect(store.outcome('t', 's', 'c')).rejects.toMatchObject({ reason: 'STORE_REFUSED' });
});
