// The query that overlays/keda sends to Postgres: it works on the tables of this version, by the role that the documentation
// makes, and counts the slots of what is to be done or is being done by workers.
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDatabase } from '../../src/control/store/database.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { kustomize } from '../support/kustomize.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SCALED = kustomize('docker/k8s/overlays/keda').filter(({ kind }) => kind === 'ScaledObject');
let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server?.stop());

test('each pool is asked for by a role that can read no more, and what others wait for is not counted', async () => {
  const url = await server.createDatabase('keda');
  const database = await openDatabase(url, { maxConnections: 2 });
  const role = new pg.Client({ connectionString: url.replace('postgres:test@', 'bowline_keda:PASSWORD@') });
  try {
    await database.patiently(migrate);
    const sql = /```sql\n([\s\S]+?)```/.exec(readFileSync('docs/operations.md', 'utf8'))?.[1] ?? '';
    await database.pool.query(sql);
    await database.pool.query(ROWS);
    await role.connect();
    const counted: Record<string, unknown> = {};
    for (const { metadata, spec } of SCALED) {
      const { rows, fields } = await role.query(spec.triggers[0].metadata.query);
      expect([rows.length, fields.length]).toEqual([1, 1]);
      counted[metadata.name] = Object.values(rows[0])[0];
    }
    expect(counted).toEqual({
      'worker-llm': 0,
      'worker-embed': 0,
      'worker-retrieval': 0,
      'worker-web': 4,
      'worker-sandbox': 0,
    });
    await expect(role.query('select run from outbox')).rejects.toThrow('permission denied');
    await expect(role.query('select * from api_key')).rejects.toThrow('permission denied');
  } finally {
    await role.end();
    await database.close();
  }
});

/** For web: one free of 1 slot, one held of 3, one that waits for its admission. For a device: one. */
const ROWS = `insert into outbox
  (dispatch_id, tenant, run, job, epoch, capability, tier, target, device, selector, recipients, slots, priority, state, holder)
select id, 't', 'r', id, 1, capability, 0, target, device, '{}', '{}', slots, 0, state, holder from (values
  ('free', 'bowline.capability.web.v1', 'worker', null, 1, 'ready', null),
  ('held', 'bowline.capability.web.v1', 'worker', null, 3, 'ready', 'a-replica'),
  ('waits', 'bowline.capability.web.v1', 'worker', null, 8, 'waiting', null),
  ('device', 'bowline.capability.fs.v1', 'device', 'd', 1, 'ready', null)
) as row (id, capability, target, device, slots, state, holder)`;
