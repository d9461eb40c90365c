// A control plane whose Postgres is not there when it starts: it waits, says so, and goes on by itself.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { Stack } from '../support/stack.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let stack: Stack;
let postgres: TestPostgres;
let way: TcpProxy;

beforeAll(async () => {
  [stack, postgres] = await Promise.all([Stack.create(), startPostgres()]);
  way = new TcpProxy({ host: '127.0.0.1', port: Number(new URL(postgres.url).port) });
  way.port = await freePort();
});

afterAll(async () => {
  await stack?.close();
  await way?.cut();
  await postgres?.stop();
});

test('a control plane without its database waits, says so, and is ready once it is there', async () => {
  const url = new URL(await postgres.createDatabase('late'));
  url.port = String(way.port);
  stack.env.DATABASE_URL = url.href;
  const control = stack.start('control', ['--port', String(stack.port)]);
  await control.until('waiting for the database');
  const early = await stack.cli(['runs', 'ls']);
  expect(early.stderr).toMatch(/Bowline is starting with the home .*: waiting for the database: .*\(STARTING\)/);
  expect(early.stderr).not.toContain('bowline up');
  await way.listen();
  expect(await control.ready()).toMatchObject({ database: 'postgres' });
  await way.cut();
  const { code, stderr } = await stack.cli(['runs', 'ls']);
  expect(stderr).toMatch(/nothing could be read; nothing was changed\. Try again when it answers/);
  expect(code).not.toBe(0);
  expect((await control.stop()).code).toBe(0);
});

test('a signal ends a control plane that waits for its database', async () => {
  await way.cut();
  const control = stack.start('control', ['--port', String(stack.port)]);
  await control.until('waiting for the database');
  expect(await control.stop()).toMatchObject({ signal: undefined });
  expect(control.stderr).not.toContain('unsettled');
});
