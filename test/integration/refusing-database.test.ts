// A database that answers and will have nothing of us for a while, as during maintenance: asks and results wait, none is refused,
// nothing is acknowledged that is not stored, and no dispatch is sent twice.
import { createClient } from '@connectrpc/connect';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/grpc/health/v1/health_pb.ts';
import { Secret } from '../../src/base/secret.ts';
import { TestControl, eventually as within } from '../support/control-plane.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

/** What anybody is told. */
const readiness = async (control: TestControl) =>
  (await createClient(Health, control.transport(undefined)).check({})).status;

/** Several control planes are in this process at a time. */
const eventually = <T>(find: Parameters<typeof within<T>>[0]) => within(find, 30_000);

let server: TestPostgres;
let admin: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  admin = await connect(server.url);
}, 60_000);

afterAll(async () => {
  await admin?.end();
  await server?.stop();
}, 60_000);

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

interface Maintenance {
  readonly name: string;
  /** By the administrator of the server: to what the control plane is refused, and back. */
  readonly away: readonly string[];
  readonly back: readonly string[];
}

/** `app_x` is the role of the control plane, `db_x` its database. */
const MAINTENANCE: readonly Maintenance[] = [
  {
    name: 'no connections (55000)',
    away: ['alter database db_x allow_connections false'],
    back: ['alter database db_x allow_connections true'],
  },
  { name: 'no login (28000)', away: ['alter role app_x nologin'], back: ['alter role app_x login'] },
  {
    name: 'another password (28P01)',
    away: [`alter role app_x password 'rotated'`],
    back: [`alter role app_x password 'test'`],
  },
];

/** In the database itself, on connections that stay. */
const INSIDE: readonly Maintenance[] = [
  {
    name: 'no rights (42501)',
    away: ['revoke all on all tables in schema public from app_x'],
    back: ['grant all on all tables in schema public to app_x'],
  },
  {
    name: 'no table (42P01)',
    away: ['alter table streams rename to streams_away'],
    back: ['alter table streams_away rename to streams'],
  },
  {
    name: 'read-only (25006)',
    away: ['alter role app_x set default_transaction_read_only = on'],
    back: ['alter role app_x reset default_transaction_read_only'],
  },
];

let names = 0;

// Each has a database and a role of its own, and mostly waits.
test.concurrent.each([...MAINTENANCE, ...INSIDE])(
  '$name: what is asked and done meanwhile waits',
  async ({ away, back }) => {
    const x = String(++names);
    const named = (sql: string) => sql.replaceAll('_x', `_${x}`);
    await admin.query(`create role app_${x} login password 'test'`);
    await admin.query(`create database db_${x} owner app_${x}`);
    const url = new URL(server.url);
    url.pathname = `/db_${x}`;
    const inside = INSIDE.some((each) => each.away === away) ? await connect(url.href) : undefined;
    url.username = `app_${x}`;
    let failed = 0;
    const control = await TestControl.start({
      config: { databaseUrl: new Secret(url.href) },
      onDatabase: ({ commitPool }) => {
        const query = commitPool.query.bind(commitPool) as (...words: unknown[]) => Promise<unknown>;
        const counted = (...words: unknown[]) =>
          query(...words).catch((error: unknown) => {
            failed++;
            throw error;
          });
        Object.assign(commitPool, { query: counted });
      },
    });
    const does = async (statements: readonly string[]) => {
      for (const statement of statements) {
        await (inside ?? admin).query(named(statement));
        await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app_${x}'`);
      }
    };
    try {
      const edge = control.closing(await (await control.device()).connect());
      const worker = await control.worker();
      const before = edge.ask('before');
      const job = await worker.job();
      await does(away);
      worker.reply(job, 'done meanwhile');
      const during = edge.ask('during');
      // Both were tried, and tried again.
      await eventually(() => failed >= 4);
      expect(worker.all('resultCommitted')).toEqual([]);
      expect(edge.all('askVerdict').filter(({ run }) => run === during.run)).toEqual([]);
      await eventually(async () => (await readiness(control)) === Status.NOT_SERVING);
      await does(back);
      await eventually(async () => (await readiness(control)) === Status.SERVING);
      expect((await edge.end(before.run)).answer).toBe('done meanwhile');
      await worker.frame('resultCommitted');
      const second = await worker.job(1);
      expect(second.run).toBe(during.run);
      worker.reply(second, 'later');
      expect(await edge.end(during.run)).toMatchObject({ answer: 'later', state: RunState.ANSWERED });
      expect(edge.all('askVerdict').filter(({ refused }) => refused)).toEqual([]);
      expect(new Set(worker.all('job').map((each) => each.dispatchId)).size).toBe(worker.all('job').length);
    } finally {
      await control.close();
      await inside?.end();
    }
  },
  60_000,
);

test.concurrent('a table that is locked for long makes a replica not ready, by one waiting statement, and it is ready again after that', async () => {
  const control = await TestControl.start({
    config: { databaseUrl: new Secret(await server.createDatabase('locked')) },
  });
  const url = new URL(server.url);
  url.pathname = '/locked';
  const inside = await connect(url.href);
  try {
    await eventually(async () => (await readiness(control)) === Status.SERVING);
    await inside.query('begin; lock table inbox in access exclusive mode');
    await eventually(async () => (await readiness(control)) === Status.NOT_SERVING);
    expect((await control.client(StatusService).getStatus({})).databaseOk).toBe(false);
    const waiting = `select count(*)::int as n from pg_stat_activity
      where datname = 'locked' and wait_event_type = 'Lock' and query like '%update lease set expires_at = expires_at%'`;
    expect((await admin.query(waiting)).rows[0]?.n).toBe(1);
    await inside.query('commit');
    await eventually(async () => (await readiness(control)) === Status.SERVING);
    expect((await control.client(StatusService).getStatus({})).databaseOk).toBe(true);
  } finally {
    await inside.end();
    await control.close();
  }
}, 60_000);
