// Reads what is stored, straight from Postgres and past every program, and whether anything is still outstanding.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createConversations } from '../../src/control/store/conversations.ts';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { createRuns } from '../../src/control/store/runs.ts';
import type { StoredConversation, StoredRun } from './history.ts';
import { ASKED, type Effects, type Stored } from './model.ts';
import type { Site } from './site.ts';

const TENANT = 'default';

export class Truth {
  readonly #database: Database;
  readonly #seen = new Set<string>();

  private constructor(database: Database) {
    this.#database = database;
  }

  static async open(url: string): Promise<Truth> {
    return new Truth(await openDatabase(url, { maxConnections: 2 }));
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** What the last `quiet` waited for at its end. */
  waitedFor: readonly string[] = [];

  /** Waits until nothing is outstanding; what still is, in words, when the time is over. */
  async quiet(site: Site, withinMs: number): Promise<string[]> {
    const end = performance.now() + withinMs;
    this.waitedFor = [];
    for (;;) {
      const left = await this.#outstanding(site).catch((error: unknown) => [`the database: ${String(error)}`]);
      if (left.length === 0 || performance.now() > end) return left;
      this.waitedFor = left;
      await wait(100);
    }
  }

  /** Runs and conversations that were not read before. */
  async fresh(): Promise<Stored> {
    const { rows } = await this.#database.pool.query<{ id: string; kind: string }>(
      'select id, kind from streams where tenant = $1',
      [TENANT],
    );
    const runs: StoredRun[] = [];
    const conversations: StoredConversation[] = [];
    for (const { id, kind } of rows.filter((row) => !this.#seen.has(row.id))) {
      this.#seen.add(id);
      if (kind === 'run') runs.push(await this.#still(id, (version) => this.#run(id, version)));
      else conversations.push(await this.#still(id, (version) => this.#conversation(id, version)));
    }
    return { runs, conversations };
  }

  /** What was read while the stream did not grow: a late result of what was cancelled may come when all is over. */
  async #still<T>(id: string, read: (version: number) => Promise<T>): Promise<T> {
    for (;;) {
      const before = await this.#version(id);
      const found = await read(before);
      if ((await this.#version(id)) === before) return found;
    }
  }

  async #version(id: string): Promise<number> {
    const text = 'select version from streams where tenant = $1 and id = $2';
    const { rows } = await this.#database.pool.query<{ version: number }>(text, [TENANT, id]);
    return Number(rows[0]?.version);
  }

  async #run(id: string, version: number): Promise<StoredRun> {
    const { db, pool } = this.#database;
    const stored = createRuns(db);
    const ids = async (text: string) =>
      (await pool.query<{ id: string }>(text, [TENANT, id])).rows.map((row) => row.id);
    return {
      id,
      version,
      events: await this.#events(id),
      row: await stored.get(TENANT, id),
      jobs: await stored.jobs(TENANT, id),
      outbox: await ids('select dispatch_id as id from outbox where tenant = $1 and run = $2'),
      timers: await ids('select id from timers where tenant = $1 and stream = $2'),
    };
  }

  async #conversation(id: string, version: number): Promise<StoredConversation> {
    const row = await createConversations(this.#database.db).get(TENANT, id);
    return { id, version, events: await this.#events(id), row };
  }

  async #events(id: string) {
    const store = new PgEventStore(this.#database);
    return (await store.load(TENANT, id)).events;
  }

  async #outstanding(site: Site): Promise<string[]> {
    const left: string[] = [];
    const ask = async (what: string, text: string) => {
      const { rows } = await this.#database.pool.query<{ id: string }>(`${text} limit 5`);
      if (rows.length > 0) left.push(`${what}: ${rows.map((row) => row.id).join(', ')}`);
    };
    await ask('outbox', `select dispatch_id || ' ' || state || coalesce(' ' || reason, '') as id from outbox`);
    await ask('timers', 'select id from timers');
    await ask('open runs', `select id || ' ' || state as id from run where ended_at is null`);
    await ask(
      'conversations',
      'select id from conversation where active_run is not null or waiting <> array[]::text[]',
    );
    const running = site.replicas();
    const { rows } = await this.#database.pool.query<{ replica: string }>(
      'select replica from lease where expires_at > now()',
    );
    for (const { replica } of rows) {
      if (!running.includes(replica)) left.push(`lease of ${replica}, which does not run`);
    }
    for (const replica of running)
      if (!rows.some((row) => row.replica === replica)) left.push(`no lease of ${replica}`);
    if (site.redis) left.push(...(await queued(site.redis.url, site.redis.prefix)));
    return left;
  }
}

/** What waits or is taken in the queues of Redis. */
async function queued(url: string, prefix: string): Promise<string[]> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const left: string[] = [];
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      for (const key of keys as string[]) {
        if (!/:(wait|active|prioritized|delayed|paused)$/.test(key)) continue;
        const type = await client.type(key);
        const ids = type === 'list' ? await client.lrange(key, 0, 4) : await client.zrange(key, '0', '4');
        if (ids.length > 0) left.push(`${key}: ${ids.join(', ')}`);
      }
    }
    return left;
  } finally {
    client.disconnect();
  }
}

/** What stands in the files of the edges. */
export function effectsOf(site: Site): Effects {
  const all = new Map<number, Map<string, Map<string, number>>>();
  for (let edge = 1; edge <= site.edges; edge++) {
    const { dir } = site.edgeStack(edge);
    const files = new Map<string, Map<string, number>>();
    const asked = readdirSync(`${dir}/asked`).map((name) => `${dir}/asked/${name}`);
    for (const [name, paths] of [
      ['log.txt', [`${dir}/docs/log.txt`]],
      ['ran.txt', [`${dir}/ran.txt`]],
      [ASKED, asked],
    ] as const) {
      const counts = new Map<string, number>();
      const text = paths.map((path) => readFileSync(path, 'utf8')).join('');
      for (const line of text.split('\n').filter(Boolean)) counts.set(line, (counts.get(line) ?? 0) + 1);
      files.set(name, counts);
    }
    all.set(edge, files);
  }
  return all;
}
