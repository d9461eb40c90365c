// Large payloads in a bucket: the promises of all stores of blobs, and what a server of S3 can do that a folder cannot.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { createBlobStore, sha256Of } from '../../src/control/blobs/blob-store.ts';
import { createKeptBlobs } from '../../src/control/blobs/kept-blobs.ts';
import { largeEvents } from '../../src/control/blobs/large-events.ts';
import { type BucketPlace, openS3Blobs } from '../../src/control/blobs/s3-blobs.ts';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { blobSuite } from '../conformance/blobs.suite.ts';
import { startPostgres } from '../support/postgres.ts';
import { S3_ENV, S3_FOLDER, S3Server, s3Problem } from '../support/s3.ts';
import { unit } from '../support/units.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const problem = s3Problem();
if (problem !== '') console.warn(`skipped: ${problem}`);
const s3Test = problem === '' ? test : test.skip;

const closing: (() => unknown)[] = [];
let server: S3Server;
let database: Database;

const place = (more: Partial<BucketPlace> = {}): BucketPlace => ({
  bucket: 'blobs',
  endpoint: server.endpoint,
  region: 'us-east-1',
  prefix: 'bowline',
  hostStyle: false,
  ...more,
});

async function open(more: Partial<BucketPlace> = {}, deadlineMs?: number) {
  const opened = await openS3Blobs(place(more), S3_FOLDER, deadlineMs);
  closing.push(opened.close);
  return opened;
}

async function postgres(): Promise<{ database: Database; stop: () => Promise<void> }> {
  const started = await startPostgres();
  const database = await openDatabase(started.url);
  const stop = async () => {
    await database.close();
    await started.stop();
  };
  return { database, stop };
}

beforeAll(async () => {
  if (problem !== '') return;
  for (const [key, value] of Object.entries(S3_ENV)) vi.stubEnv(key, value);
  server = await S3Server.start();
  const opened = await postgres();
  database = opened.database;
  closing.push(opened.stop);
  await migrate(database.db);
});

afterAll(async () => {
  for (const close of closing.toReversed()) await close();
  await server?.stop();
  vi.unstubAllEnvs();
});

if (problem === '') {
  blobSuite('a bucket', async () => {
    const { backend } = await open();
    return {
      ...(await postgres()),
      backend,
      damage: (name) => backend.write(name, Buffer.from('x')),
    };
  });
}

/** Answers everything as told; its URL. */
async function answering(listener: RequestListener): Promise<string> {
  const http = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => http.once('listening', resolve));
  closing.push(() => {
    http.closeAllConnections();
    http.close();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

s3Test(
  'while the server is away the error is one to try again, events are committed whole, and then all goes on',
  async () => {
    const tenant = newId();
    const { backend, away } = await open();
    expect(away).toBeUndefined();
    const blobs = createKeptBlobs(database.db, createBlobStore(backend));
    const events = new PgEventStore(database);
    closing.push(() => events.close());
    const lines: string[] = [];
    const log = { warn: (what: string) => lines.push(what) };
    const store = largeEvents(events, { blobs, bytes: 10_000, allKnow: async () => true, log });
    const data = Buffer.from(`${'很长。'.repeat(10_000)}`);
    const commit = async (stream: string) => {
      const stored = [{ type: 'jobFinished', data }];
      const { status } = await store.commit(unit(tenant, [{ stream, kind: 'run', expected: 0, events: stored }]));
      expect(status).toBe('committed');
      const rows = await events.load(tenant, stream);
      return rows.events[0]!.type;
    };
    const [before, during, after] = [newId(), newId(), newId()];
    expect(await commit(before)).toBe('kept');
    await server.halt();
    try {
      const name = { tenant, sha256: sha256Of(data) };
      for (const call of [backend.read, backend.size, backend.remove, () => backend.write(name, data)])
        await expect(call(name)).rejects.toMatchObject({ reason: 'BLOB_STORE_AWAY', retryable: true });
      expect(await commit(during)).toBe('jobFinished');
      expect(lines).toEqual(['a large event is committed whole, because its blob could not be kept']);
      await expect(store.load(tenant, before)).rejects.toMatchObject({ reason: 'BLOB_STORE_AWAY' });
      // A start meanwhile goes on.
      expect((await open()).away).toMatchObject({ reason: 'BLOB_STORE_AWAY' });
    } finally {
      await server.start();
    }
    expect(await commit(after)).toBe('kept');
    for (const stream of [before, during, after])
      expect(Buffer.from((await store.load(tenant, stream)).events[0]!.data).equals(data)).toBe(true);
  },
);

s3Test(
  'a bucket that is not there, and credentials that are refused or missing, are told at the start with what to do',
  async () => {
    const told = async (more: Partial<BucketPlace> = {}) => {
      const error = await openS3Blobs(place(more), S3_FOLDER).catch((error: unknown) => error);
      expect(error).toMatchObject({ reason: 'BLOB_STORE_UNUSABLE', retryable: false });
      return String(error);
    };
    expect(await told({ bucket: 'nowhere' })).toMatch(
      /bucket nowhere\) cannot be used: there is none; .*BOWLINE_S3_BUCKET/,
    );
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'NOT-IT-4711');
    const refused = await told();
    expect(refused).toMatch(/refuses the credentials/);
    expect(refused).not.toContain('4711');
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    for (const key of ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE']) vi.stubEnv(key, '/dev/null');
    expect(await told()).toMatch(/no credentials; set AWS_ACCESS_KEY_ID/);
    for (const [key, value] of Object.entries(S3_ENV)) vi.stubEnv(key, value);
  },
);

s3Test('a bucket that was deleted is away, and no blob of it counts as gone', async () => {
  const { backend } = await open();
  const url = await answering((request, response) => {
    response.statusCode = request.url?.includes('bowline') ? 404 : 200;
    if (request.method === 'HEAD') response.end();
    else response.end('<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>it is gone</Message></Error>');
  });
  const gone = (await open({ endpoint: url })).backend;
  const name = { tenant: newId(), sha256: sha256Of(Buffer.from('x')) };
  expect(await backend.read(name)).toBeUndefined();
  for (const call of [gone.read, gone.remove, () => gone.write(name, Buffer.from('x'))])
    await expect(call(name)).rejects.toMatchObject({
      reason: 'BLOB_STORE_AWAY',
      metadata: { store: 'bucket blobs', problem: expect.stringContaining('404 (NoSuchBucket)') },
    });
});

s3Test('an answer that does not come, or does not end, is given up after a time', async () => {
  const url = await answering((request, response) => {
    if (request.method !== 'GET') return;
    response.writeHead(200, { 'content-length': '100000' });
    response.write(Buffer.alloc(50_000));
  });
  const { backend, away } = await open({ endpoint: url }, 300);
  expect(away).toMatchObject({ metadata: { problem: 'it gave no answer in time' } });
  const name = { tenant: newId(), sha256: sha256Of(Buffer.from('x')) };
  for (const call of [backend.size, backend.read, () => backend.write(name, Buffer.alloc(9))])
    await expect(call(name)).rejects.toMatchObject({ metadata: { problem: 'it gave no answer in time' } });
});

s3Test('objects lie below the prefix and the tenant, and another prefix does not see them', async () => {
  const tenant = `${newId()}/../../北京`;
  const [mine, other] = [await open(), await open({ prefix: 'elsewhere' })];
  const sha256 = await createBlobStore(mine.backend).put(tenant, Buffer.from('内容'));
  expect(await other.backend.read({ tenant, sha256 })).toBeUndefined();
  const read = await mine.backend.read({ tenant, sha256 });
  expect(Buffer.from(read!).toString()).toBe('内容');
  const names = await server.names();
  expect(names.every((name) => /^bowline\/[0-9a-f]{32}\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(name))).toBe(true);
  expect(names.some((name) => name.endsWith(sha256))).toBe(true);
});
