// A thin layer over one sql.js database: prepared statements by text, its size, its bytes. It knows no table.
import type { BindParams, Database, SqlJsStatic, SqlValue, Statement } from 'sql.js';
import { PRAGMAS } from './schema.ts';

export type IndexRow = Record<string, SqlValue>;

export class SqlDatabase {
  readonly #db: Database;
  readonly #statements = new Map<string, Statement>();

  /** @param bytes a database file; an empty database without */
  constructor(sql: SqlJsStatic, bytes?: Uint8Array) {
    this.#db = new sql.Database(bytes);
    this.#db.exec(PRAGMAS);
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  run(sql: string, params: BindParams = []): void {
    this.#prepare(sql).run(params);
  }

  all(sql: string, params: BindParams = []): IndexRow[] {
    const statement = this.#prepare(sql);
    const rows: IndexRow[] = [];
    try {
      statement.bind(params);
      while (statement.step()) rows.push(statement.getAsObject());
    } finally {
      statement.reset();
    }
    return rows;
  }

  get(sql: string, params: BindParams = []): IndexRow | undefined {
    return this.all(sql, params)[0];
  }

  /** All or nothing. */
  transaction(run: () => void): void {
    this.run('BEGIN');
    try {
      run();
      this.run('COMMIT');
    } catch (error) {
      this.run('ROLLBACK');
      throw error;
    }
  }

  /** Bytes that are in use. */
  size(): number {
    const number = (name: string) => Number(this.get(`PRAGMA ${name}`)?.[name] ?? 0);
    return (number('page_count') - number('freelist_count')) * number('page_size');
  }

  /** The database file, without free pages. Never inside a transaction: sql.js closes and opens the database for it. */
  export(): Uint8Array {
    this.exec('PRAGMA incremental_vacuum');
    this.#forget();
    const bytes = this.#db.export();
    this.#db.exec(PRAGMAS);
    return bytes;
  }

  close(): void {
    this.#forget();
    this.#db.close();
  }

  #prepare(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #forget(): void {
    for (const statement of this.#statements.values()) statement.free();
    this.#statements.clear();
  }
}
