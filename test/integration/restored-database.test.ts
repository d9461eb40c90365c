// A database that was restored from a backup while its edges and workers remember more: noticed, stopped, recovered, and no
// effect doubled.
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FsService, ReadResponseSchema, WriteResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { Durability, SupersedeReason } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { Secret } from '../../src/base/secret.ts';
import { controlConfig } from '../../src/control/config.ts';
import { runRecover } from '../../src/main/recover.ts';
import { eventually, refusal, refusalOf, TestControl } from '../support/control-plane.ts';
import type { EdgeStream, FakeEdge } from '../support/fake-edge.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
let admin: pg.Client;
let control: TestControl;
let edge: FakeEdge;
/** What the edge keeps in its journal. */
let last = { lastSessionEpoch: 0n, resumeToken: new Uint8Array() };
let databases = 0;
let url = '';
let name = '';

beforeAll(async () => {
  postgres = await startPostgres();
  admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await postgres.stop();
});

beforeEach(async () => {
  name = `restored_${++databases}`;
  url = await postgres.createDatabase(name);
  control = await TestControl.start({ config: { databaseUrl: new Secret(url), heartbeatMs: 1_000 } });
  edge = await control.device('box');
  last = { lastSessionEpoch: 0n, resumeToken: new Uint8Array() };
});
afterEach(() => control.close());

/** A session as a real edge opens it: it shows the last one. */
async function connect(): Promise<EdgeStream> {
  edge.url = control.url;
  const stream = control.closing(await edge.connect(last));
  const { sessionEpoch, resumeToken } = await stream.frame('welcome');
  last = { lastSessionEpoch: sessionEpoch, resumeToken: new Uint8Array(resumeToken) };
  return stream;
}

/** A copy of the database as it is now; nothing may be connected to it. */
async function backUp(): Promise<void> {
  await control.stop();
  await admin.query(`create database ${name}_backup template ${name}`);
  await control.boot();
}

/** The copy takes the place of the database, as many times as wanted. */
async function restore(): Promise<void> {
  await control.stop();
  await admin.query(`drop database ${name} with (force)`);
  await admin.query(`create database ${name} template ${name}_backup`);
  await control.boot();
}

async function recoverIt(force = false): Promise<string> {
  const lines: string[] = [];
  const config = { ...controlConfig({}), databaseUrl: new Secret(url) };
  await runRecover(join(control.home, 'elsewhere'), config, force, {
    out: (line) => lines.push(line),
    progress: () => {},
  });
  return lines.join('\n');
}

const statusOf = async () => (await control.client(StatusService).getStatus({})).stopped;
const refused = async () => {
  edge.url = control.url;
  const stream = control.closing(edge.stream());
  stream.send({ case: 'hello', value: edge.hello(last) });
  return refusalOf((await stream.ended)!);
};

test('an edge that knows a later session stops the work until the owner recovers the database; then it goes on', async () => {
  await (await connect()).cut();
  await backUp();
  await (await connect()).cut();
  await (await connect()).cut();
  await restore();
  expect(await statusOf()).toBe('');
  expect((await refused()).reason).toBe('DATABASE_RESTORED');
  expect(await statusOf()).toContain('the device box knows');
  expect(await refusal(control.client(FsService).read({ path: 'docs/a.md' }))).toMatchObject({
    reason: 'DATABASE_RESTORED',
  });
  // It stays so, on whatever replica and whoever asks.
  await control.stop();
  await control.boot();
  expect((await refused()).reason).toBe('DATABASE_RESTORED');
  const other = await control.device('other');
  other.url = control.url;
  await expect(other.connect()).rejects.toThrow();

  expect(await recoverIt()).toContain('the device box had session 3, and the database knows of none after 1');
  await eventually(async () => (await statusOf()) === '');
  const session = await connect();
  expect(last.lastSessionEpoch).toBeGreaterThan(1_000_000n);
  // What the lost history acknowledged, the edge presents again.
  expect((await session.frame('welcome')).durability).toBe(Durability.PROCESS);
  const headers = { 'bowline-device': 'box' };
  const answer = control.client(FsService).read({ path: 'docs/a.md' }, { headers });
  const call = await session.call();
  expect(call.epoch).toBeGreaterThan(1_000_000n);
  session.done(call, ReadResponseSchema, { text: 'again' });
  expect((await answer).text).toBe('again');
  expect(await recoverIt()).toContain('Nothing shows that this database was restored');
});

test('a database that is replaced by an older state of itself under a running replica stops the work, and it goes on after the recovery', async () => {
  await backUp();
  const session = await connect();
  // What the lost history holds, and no session shows: the number of the replica.
  const beats = async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query('select max(beat)::int as beat from lease where expires_at > now()');
    await client.end();
    return rows[0]?.beat ?? 0;
  };
  await eventually(async () => (await beats()) >= 2);
  await session.cut();
  await admin.query(`drop database ${name} with (force)`);
  await admin.query(`create database ${name} template ${name}_backup`);
  await eventually(async () =>
    /^DATABASE_WENT_BACK: the database has lost what the replica \S+ wrote/.test(await statusOf().catch(() => '')),
  );
  expect(await refusal(control.client(FsService).read({ path: 'docs/a.md' }))).toMatchObject({
    reason: 'DATABASE_WENT_BACK',
  });
  expect(await recoverIt()).toMatch(/the replica \S+ had written \d+, and the database has \d+/);
  await eventually(async () => (await statusOf()) === '');
  await (await connect()).cut();
  expect(await recoverIt()).toContain('Nothing shows that this database was restored');
});

test('a device cannot stop its tenant by a session that it was never given', async () => {
  await (await connect()).cut();
  last = { ...last, lastSessionEpoch: 99n };
  edge.url = control.url;
  const stream = control.closing(edge.stream());
  stream.send({ case: 'hello', value: edge.hello(last) });
  expect((await stream.frame('superseded')).reason).toBe(SupersedeReason.QUARANTINED);
  expect(await statusOf()).toBe('');
  await control.client(DeviceService).adoptDevice({ id: edge.device });
  await (await connect()).cut();
});

test('an attempt from before is never taken for one after: jobs get epochs above the base, and old results are late', async () => {
  const session = await connect();
  const before = await control.worker({ name: 'before' });
  const { run } = session.ask('who?');
  const old = await before.job();
  expect(old.epoch).toBe(1n);
  await session.cut();
  await backUp();
  await (await connect()).cut();
  // The lost history: the attempt was lost and given out again as number 2.
  const bootId = newId();
  const lost = await control.worker({ name: 'lost', bootId });
  const second = await lost.job();
  expect([second.job, second.epoch]).toEqual([old.job, 2n]);
  const held = lost.held(second);
  await restore();
  expect((await refused()).reason).toBe('DATABASE_RESTORED');
  // While it stands still, nothing is given out, also not to who comes new.
  const early = await control.worker({ name: 'early' });
  expect(early.all('job')).toEqual([]);
  await recoverIt();
  const fresh = await early.job();
  expect(fresh.job).toBe(old.job);
  expect(fresh.epoch).toBeGreaterThan(1_000_000n);
  const back = await control.worker({ name: 'lost', bootId, held: [held], credits: 0 });
  expect((await back.frame('welcome')).drop).toEqual([second.dispatchId]);
  early.reply(fresh, 'above the base');
  const again = await connect();
  again.send({ case: 'followRun', value: { run } });
  expect((await again.end(run)).answer).toBe('above the base');
});

test('an effect that the lost history had done is answered from the journal of the edge under the same key, not done again', async () => {
  await (await connect()).cut();
  const write = { path: 'docs/a.md', content: { case: 'text' as const, value: 'once' } };
  const headers = { 'bowline-idempotency-key': 'write-1' };
  await backUp();
  const session = await connect();
  const first = control.client(FsService).write(write, { headers });
  const call = await session.call();
  session.done(call, WriteResponseSchema, {});
  await first;
  await session.cut();
  await restore();
  expect((await refused()).reason).toBe('DATABASE_RESTORED');
  await recoverIt();
  const again = await eventually(() => connect().catch(() => undefined));
  const second = control.client(FsService).write(write, { headers });
  const repeat = await again.call();
  // The edge knows the key and answers without doing it again; see the runner's tests.
  expect([repeat.idempotencyKey, Buffer.from(repeat.params).toString('hex')]).toEqual([
    call.idempotencyKey,
    Buffer.from(call.params).toString('hex'),
  ]);
  again.done(repeat, WriteResponseSchema, {});
  await second;
});

test('recovering twice from the same backup never gives the same epochs', async () => {
  await (await connect()).cut();
  await backUp();
  await (await connect()).cut();
  const bases: bigint[] = [];
  for (let round = 0; round < 2; round++) {
    await restore();
    expect((await refused()).reason).toBe('DATABASE_RESTORED');
    await recoverIt();
    await (await eventually(() => connect().catch(() => undefined))).cut();
    await (await connect()).cut();
    bases.push(last.lastSessionEpoch);
  }
  expect(bases[1]).toBeGreaterThan(bases[0]!);
  expect((await control.client(RunService).listRuns({})).runs).toEqual([]);
});
