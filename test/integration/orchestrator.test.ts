// The run service over the real event store on Postgres: the rows that others read are right, and a run costs the commits
// it should.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { AskCommand } from '../../src/control/orchestrator/decide/asks.ts';
import { Orchestrator } from '../../src/control/orchestrator/service/orchestrator.ts';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { createOutbox } from '../../src/control/store/outbox.ts';
import { createTimers } from '../../src/control/store/timers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { deviceTools, methods, read, said } from '../support/run-scenario.ts';

const TENANT = 'tenant-1';
let server: TestPostgres;
let database: Database;
let store: PgEventStore;

const replica = () =>
  new Orchestrator({
    store,
    clock: systemClock,
    log: silentLogger,
    methods,
    tools: async () => deviceTools('fs_read', 'fs_write'),
  });

const ask = (more: Partial<AskCommand> = {}): AskCommand => ({
  run: newId(),
  conversation: newId(),
  device: 'd1',
  deviceName: 'kitchen-pi',
  principal: 'device:d1',
  text: 'What does notes.md say? \u0000 \ud800',
  shares: [],
  source: 'device:d1:j1',
  commandId: newId(),
  ...more,
});

const finish = (service: Orchestrator, run: string, place: string, result = said({ text: 'An answer.' })) => {
  const job = `${run}/${place}`;
  return service.command(TENANT, run, { type: 'result', job, epoch: 1, result }, { source: 'worker', commandId: job });
};

beforeAll(async () => {
  server = await startPostgres();
  database = await openDatabase(server.url);
  await migrate(database.db);
  store = new PgEventStore(database);
}, 60_000);

afterAll(async () => {
  await store?.close();
  await database?.close();
  await server?.stop();
});

test('a run of model, tool, model leaves what others read, and nothing outstanding', async () => {
  const service = replica();
  const it = ask();
  const outbox = createOutbox(database.db);
  expect(await service.ask(TENANT, it)).toEqual({ accepted: true });
  expect(await outbox.check([`${it.run}/0/0-1`])).toMatchObject([{ target: 'worker', state: 'ready' }]);
  expect(await createTimers(database.db).nextDue()).toBeGreaterThan(590_000);
  await finish(service, it.run, '0/0', said({ calls: [{ name: 'fs_read', args: { path: 'notes.md' } }] }));
  expect(await outbox.pendingForDevices(TENANT, ['d1'])).toMatchObject([{ job: `${it.run}/0/1`, recipients: [] }]);
  await finish(service, it.run, '0/1', read('notes.md', 'The launch is on Friday.'));
  await finish(replica(), it.run, '1/0', said({ text: 'On Friday.' }));
  const outstanding = await database.db.selectFrom('outbox').select('dispatch_id').where('run', '=', it.run).execute();
  expect(outstanding).toEqual([]);
  const row = await database.db.selectFrom('run').selectAll().where('id', '=', it.run).executeTakeFirst();
  expect(row).toMatchObject({ state: 'answered', answer: 'On Friday.', conversation: it.conversation });
  const jobs = await database.db.selectFrom('job').selectAll().where('run', '=', it.run).orderBy('id').execute();
  expect(jobs.map(({ state, target }) => [state, target])).toEqual([
    ['done', 'worker'],
    ['done', 'device kitchen-pi'],
    ['done', 'worker'],
  ]);
  const timers = await database.db.selectFrom('timers').selectAll().where('stream', '=', it.run).execute();
  expect(timers).toEqual([]);
});

test('twelve asks of one conversation on two replicas run one after another', async () => {
  const services = [replica(), replica()] as const;
  const conversation = newId();
  const asks = Array.from({ length: 12 }, () => ask({ conversation }));
  await Promise.all(asks.map((each, i) => services[i % 2]!.ask(TENANT, each)));
  for (let done = 0; done < asks.length; done++) {
    const line = await services[0].conversation(TENANT, conversation);
    expect(line?.waiting).toHaveLength(asks.length - 1 - done);
    expect(await finish(services[done % 2]!, line!.active, '0/0')).toBe('applied');
  }
  const states = await Promise.all(asks.map(({ run }) => services[1].state(TENANT, run)));
  expect(states.every((state) => state?.phase === 'answered')).toBe(true);
  expect(new Set(states.map((state) => state?.history.length))).toEqual(new Set(asks.map((_, n) => n)));
});
