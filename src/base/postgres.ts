// What every client of Postgres (pg) here has in common: how errors are told and bigints are read. It sends nothing.
import pg from 'pg';

/** SQLSTATE of a foreign client error, or undefined when it did not come from a server. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** One line for a log or an error's metadata: never a value from a row. */
export function sqlProblem(error: unknown): string {
  const state = sqlState(error);
  if (state === '53100') return 'its disk is full';
  if (state !== undefined) return `SQLSTATE ${state}`;
  if (error instanceof AggregateError) return sqlProblem(error.errors[0]);
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return 'unknown';
}

/** Parsers of pg by type. bigint as number: all of ours (versions, epochs, milliseconds, micros, sizes) stay far below 2^53. */
export function typeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8 && format !== 'binary') return Number;
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
}
