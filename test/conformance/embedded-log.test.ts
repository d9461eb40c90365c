// The log of the embedded database stays short while the program runs, also where its session has another role.
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { keepLogShort } from '../../src/base/embedded-database/checkpoints.ts';
import { startEmbedded } from '../../src/base/embedded-database/embedded.ts';
import { ManualClock } from '../support/manual-clock.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test('what was written is replayed by no more than the limit after each look, and its segments are gone', async () => {
  const root = await mkdtemp(join(tmpdir(), 'bowline-test-log-'));
  closers.push(() => rm(root, { recursive: true, force: true }));
  const embedded = await startEmbedded(join(root, 'pg'), { holds: 'nothing', onTrouble: () => {}, stuckMs: 60_000 });
  closers.push(() => embedded.close());
  const pool = new pg.Pool({ ...embedded.connection, max: 1 });
  closers.push(() => pool.end());
  await pool.query(
    'create role someone nologin; create table t (a int, b text); grant all on t to someone; set role someone',
  );
  const clock = new ManualClock();
  const wrong: string[] = [];
  const looks = { count: 0 };
  const counted = {
    query: (...of: Parameters<pg.Pool['query']>) => {
      looks.count++;
      return (pool.query as (...of: unknown[]) => unknown)(...of);
    },
  } as unknown as pg.Pool;
  const stop = keepLogShort(counted, { clock, mostBytes: 4 << 20, onTrouble: (problem) => wrong.push(problem) });
  const outstanding = async () => {
    const sql =
      'select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 as bytes from pg_control_checkpoint()';
    return Number((await pool.query<{ bytes: number }>(sql)).rows[0]?.bytes);
  };
  for (let round = 0; round < 8; round++) {
    await pool.query(`insert into t select g, repeat('x', 1000) from generate_series(1, 12000) g`);
    expect(await outstanding()).toBeGreaterThan(8 << 20);
    const before = looks.count;
    clock.advance(30_000);
    // The look, and the checkpoint that it makes.
    await expect.poll(() => looks.count, { timeout: 30_000 }).toBe(before + 2);
    expect(await outstanding()).toBeLessThan(4 << 20);
  }
  stop();
  expect(wrong).toEqual([]);
  const segments = readdirSync(join(root, 'pg', 'data', 'pg_wal')).filter((name) => name.length === 24);
  expect(segments.length).toBeLessThanOrEqual(4);
  expect((await pool.query<{ role: string }>('select current_user as role')).rows[0]?.role).toBe('someone');
});
