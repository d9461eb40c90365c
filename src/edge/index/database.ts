// A thin layer over one SQLite database in memory, that of Node itself: prepared statements by text, its size, its bytes. It knows no table.
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { PRAGMAS } from './schema.ts';

export type IndexRow = Record<string, SQLOutputValue>;

export class SqlDatabase {
  readonly #db = new DatabaseSync(':memory:');
  readonly #statements = new Map<string, StatementSync>();

  /** @param bytes a database file; an empty database without */
  constructor(bytes?: Uint8Array) {
    if (bytes) this.#db.deserialize(bytes);
    this.#db.exec(PRAGMAS);
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  run(sql: string, params: readonly SQLInputValue[] = []): void {
    this.#prepare(sql).run(...params);
  }

  all(sql: string, params: readonly SQLInputValue[] = []): IndexRow[] {
    return this.#prepare(sql).all(...params);
  }

  get(sql: string, params: readonly SQLInputValue[] = []): IndexRow | undefined {
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

  /** The database file, without free pages; undefined before Node 24.16, which has no way to it. Never inside a transaction. */
  export(): Uint8Array | undefined {
    if (typeof this.#db.serialize !== 'function') return undefined;
    this.exec('PRAGMA incremental_vacuum');
    return this.#db.serialize();
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
