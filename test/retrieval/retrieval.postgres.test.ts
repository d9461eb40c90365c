// Retrieval on a Postgres server with pgvector. No npm package carries such a server, so this runs where BOWLINE_TEST_VECTOR_URL names
// one, as a user who may make databases and roles; each run makes its own and removes them.
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { RETRIEVAL_DEFAULTS } from '../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { openPassageDatabase } from '../../src/worker/handlers/retrieval/store/open-database.ts';
import { retrievalSuite } from './retrieval.suite.ts';

const server = process.env.BOWLINE_TEST_VECTOR_URL ?? '';
const name = `bowline_${newId().replaceAll('-', '')}`;

async function ask(database: string, ...statements: string[]): Promise<void> {
  const url = new URL(server);
  if (database !== '') url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** The address of a database as a user without rights over the server, whom row-level security binds. */
const address = (database = name): string => {
  const url = new URL(server);
  url.username = name;
  url.password = 'test';
  url.pathname = `/${database}`;
  return url.href;
};

const settings = (url = address()) => ({ ...RETRIEVAL_DEFAULTS, databaseUrl: new Secret(url) });

describe.skipIf(server === '')('on Postgres; skipped without BOWLINE_TEST_VECTOR_URL', () => {
  afterAll(() =>
    ask(
      '',
      ...['', '_bare', '_many'].map((end) => `drop database if exists ${name}${end} with (force)`),
      `drop role if exists ${name}`,
    ),
  );

  retrievalSuite(async () => {
    await ask('', `create role ${name} login password 'test'`, `create database ${name} owner ${name}`);
    await ask(name, 'create extension vector');
    return openPassageDatabase('', settings(), silentLogger);
  });

  test('without the extension opening says who must do what', async () => {
    await ask('', `create database ${name}_bare owner ${name}`);
    await expect(openPassageDatabase('', settings(address(`${name}_bare`)), silentLogger)).rejects.toMatchObject({
      reason: 'RETRIEVAL_UNAVAILABLE',
      message: expect.stringMatching(/a superuser must run in the database \w+: create extension vector/),
    });
  });

  test('a database that is not there is not waited for', async () => {
    await expect(openPassageDatabase('', settings(address('bowline_none')), silentLogger)).rejects.toMatchObject({
      reason: 'RETRIEVAL_UNAVAILABLE',
    });
  });

  test('workers that start together on an empty database all come up', async () => {
    await ask('', `create database ${name}_many owner ${name}`);
    await ask(`${name}_many`, 'create extension vector');
    const opened = await Promise.all(
      Array.from({ length: 4 }, () => openPassageDatabase('', settings(address(`${name}_many`)), silentLogger)),
    );
    for (const database of opened) await database.close();
  });
});
