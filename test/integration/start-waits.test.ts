// A start goes on where the database goes away between two of its steps.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { TestControl } from '../support/control-plane.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

test('connections that break right after the tables were made do not end a start', async () => {
  let broken = 0;
  const control = await TestControl.start({
    config: { databaseUrl: new Secret(await postgres.createDatabase('start_waits')) },
    onDatabase: ({ pool }) => {
      const connect = pool.connect.bind(pool) as () => ReturnType<typeof pool.connect>;
      Object.assign(pool, {
        connect: () => {
          if (broken === 2) return connect();
          broken++;
          return Promise.reject(new Error('Connection terminated unexpectedly'));
        },
      });
    },
  });
  expect(broken).toBe(2);
  expect((await control.device()).device).toBeTruthy();
  await control.close();
});
