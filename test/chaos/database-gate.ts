// Shuts the database to the programs while the server goes on: as maintenance does, a role that is locked, a failover to a replica
// that only reads. The harness itself comes in as another role, on a database of its own.
import pg from 'pg';
import type { TestPostgres } from '../support/postgres.ts';

const DATABASE = 'bowline';
/** What the programs log in as; it owns nothing of the harness. */
const ROLE = 'programs';

const CLOSED = {
  deny: [`alter database ${DATABASE} with allow_connections false`],
  nologin: [`alter role ${ROLE} nologin`],
  readonly: [`alter database ${DATABASE} set default_transaction_read_only = on`],
} as const;
const OPEN = [
  `alter database ${DATABASE} with allow_connections true`,
  `alter role ${ROLE} login`,
  `alter database ${DATABASE} reset default_transaction_read_only`,
];
/** A server that was killed meanwhile is there again within seconds. */
const PATIENCE_MS = 30_000;

export class DatabaseGate {
  /** The database, past every link; for the harness. */
  readonly url: string;
  /** The same for the programs. */
  readonly programsUrl: string;
  readonly #postgres: TestPostgres;
  #shut = false;
  #openedAt = Number.NEGATIVE_INFINITY;

  private constructor(postgres: TestPostgres, url: string) {
    this.#postgres = postgres;
    this.url = url;
    const programs = new URL(url);
    programs.username = ROLE;
    this.programsUrl = programs.href;
  }

  /** Makes the database and the role. */
  static async create(postgres: TestPostgres): Promise<DatabaseGate> {
    const gate = new DatabaseGate(postgres, await postgres.createDatabase(DATABASE));
    await gate.#run([
      `create role ${ROLE} login password '${new URL(gate.url).password}'`,
      `alter database ${DATABASE} owner to ${ROLE}`,
    ]);
    return gate;
  }

  /** Whether it was shut at any time since then (`performance.now()`). */
  shutSince(at: number): boolean {
    return this.#shut || this.#openedAt > at;
  }

  /** From now on nobody new comes in, and who is in is thrown out. */
  close(how: keyof typeof CLOSED): Promise<void> {
    this.#shut = true;
    return this.#surely([
      ...CLOSED[how],
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${DATABASE}'`,
    ]);
  }

  async open(): Promise<void> {
    // Sessions that began while nothing could be written would stay so.
    await this.#surely([
      ...OPEN,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${DATABASE}'`,
    ]);
    this.#shut = false;
    this.#openedAt = performance.now();
  }

  /** The server may be stopped, killed or starting. */
  async #surely(statements: readonly string[]): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.#run(statements);
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  async #run(statements: readonly string[]): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#postgres.url,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end().catch(() => {});
    }
  }
}
