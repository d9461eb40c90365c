// What stands between the control plane and its Postgres: a pooler, or TLS under an authority of the owner's own.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { Secret } from '../../src/base/secret.ts';
import { openDatabase } from '../../src/control/store/database.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import { startPooler, whyNoPooler } from '../support/pgbouncer.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

const noPooler = await whyNoPooler();
let postgres: TestPostgres;
let folder = '';
beforeAll(async () => {
  postgres = await startPostgres();
  folder = mkdtempSync(join(tmpdir(), 'bowline-test-ca-'));
  chmodSync(folder, 0o755);
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(noPooler)(
  `behind a pooler that gives each client a session of its own all works; one that does not is refused, with the remedy ${noPooler ?? ''}`.trim(),
  async () => {
    await postgres.createDatabase('pooled');
    const fitting = await startPooler('session', postgres.port);
    const control = await TestControl.start({ config: { databaseUrl: new Secret(fitting.url('pooled')) } });
    const session = await (await control.device('box')).connect();
    await session.frame('welcome');
    expect((await control.client(StatusService).getStatus({})).devices).toBe(1);
    await control.close();
    await fitting.stop();
    for (const mode of ['transaction', 'statement'] as const) {
      const mixing = await startPooler(mode, postgres.port);
      await expect(openDatabase(mixing.url('pooled'))).rejects.toMatchObject({
        reason: 'DATABASE_UNUSABLE',
        message: expect.stringContaining('set pool_mode = session'),
      });
      await mixing.stop();
    }
  },
);

/** An authority, and a certificate of it for the server's address. */
function authority(): { ca: string; cert: string; key: string } {
  const at = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore', cwd: folder });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...newKey, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=own authority');
  openssl(
    'req',
    ...newKey,
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=127.0.0.1',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-copy_extensions',
    'copy',
    '-out',
    'server.pem',
  );
  return { ca: at('ca.pem'), cert: at('server.pem'), key: at('server.key') };
}

test("a certificate of the owner's own authority is taken where the URL names it; without it the refusal says which setting is missing", async () => {
  await postgres.createDatabase('private');
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  const { rows } = await admin.query('show data_directory');
  const data: string = rows[0].data_directory;
  const { ca, cert, key } = authority();
  copyFileSync(cert, join(data, 'server.crt'));
  copyFileSync(key, join(data, 'server.key'));
  chmodSync(join(data, 'server.key'), 0o600);
  if (process.getuid?.() === 0) {
    const uid = Number(execFileSync('stat', ['-c', '%u', data]).toString());
    for (const name of ['server.crt', 'server.key']) chownSync(join(data, name), uid, uid);
  }
  await admin.query('alter system set ssl = on');
  await admin.query('select pg_reload_conf()');
  await admin.end();
  const url = (query: string) => `postgres://postgres:test@127.0.0.1:${postgres.port}/private?${query}`;
  await eventually(async () => {
    const client = new pg.Client({ connectionString: url('sslmode=no-verify') });
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  });
  await expect(openDatabase(url('sslmode=verify-full'))).rejects.toMatchObject({
    reason: 'DATABASE_UNUSABLE',
    message: expect.stringContaining('sslrootcert='),
  });
  const database = await openDatabase(url(`sslmode=verify-full&sslrootcert=${ca}`));
  const encrypted = await database.pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
  expect(encrypted.rows).toEqual([{ ssl: true }]);
  await database.close();
});

test('a start during which each connection is ended again and again waits, and begins when that is over', async () => {
  await postgres.createDatabase('ending');
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  let ended = 0;
  let busy = true;
  const ending = (async () => {
    const end = performance.now() + 20_000;
    while (busy && ended < 5 && performance.now() < end) {
      const { rowCount } = await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'ending'",
      );
      ended += rowCount ?? 0;
    }
  })();
  const database = await openDatabase(`postgres://postgres:test@127.0.0.1:${postgres.port}/ending`);
  busy = false;
  await ending;
  await database.close();
  await admin.end();
}, 120_000);
