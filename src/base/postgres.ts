// What every client of Postgres (pg) here has in common: how errors are told and bigints are read. It sends nothing.
import pg from 'pg';

/** SQLSTATE of a foreign client error, or undefined when it did not come from a server. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Beside the classes 22 and 23, what says that the statement itself can never be done, and why it says so. */
const FINAL: ReadonlyMap<string, string> = new Map([
  ['21000', 'its own values name one row twice'],
  ['54000', 'a key of it is longer than an index of the server can hold'],
]);

/**
 * Whether an error says that the statement with these values can never be done: its values fit no column (class 22), break a
 * constraint (23), or stand in `FINAL`. Every other error is about the server, the connection, the role, the rights or the
 * tables, all of which someone may set right, so it must be treated as passing. An error that ended the connection
 * (FATAL, PANIC) is never the statement's.
 */
export function isFinal(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined || endsConnection(error)) return false;
  return state.startsWith('22') || state.startsWith('23') || FINAL.has(state);
}

/** Whether the server ended the connection with it, or never opened one. */
export const endsConnection = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && (error.severity === 'FATAL' || error.severity === 'PANIC');

/**
 * Whether, at a start, the server answered and will go on refusing until someone changes something, so that to wait would hide it.
 */
export function needsSomeone(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !/^(08|40|53|55|57|58|BW)/.test(state) && state !== '25006';
}

/** What the classes of SQLSTATE mean (PostgreSQL, appendix A). */
const CLASSES: Readonly<Record<string, string>> = {
  '08': 'the connection to it failed',
  '22': 'a value does not fit',
  '23': 'a value breaks a rule of the tables',
  '25': 'it takes no writes now',
  '28': 'it does not take the user',
  '3D': 'there is no such database',
  '3F': 'there is no such schema',
  '40': 'another transaction was in the way',
  '42': 'its tables or the rights of the user are not what they should be',
  '53': 'it lacks memory, connections or room',
  '55': 'it is not in the state for this',
  '57': 'it is stopping, or somebody ended the statement',
  '58': 'its system failed',
  XX: 'it has an internal error',
};

function stateText(state: string): string {
  const words = CLASSES[state.slice(0, 2)];
  return words === undefined ? `SQLSTATE ${state}` : `${words} (SQLSTATE ${state})`;
}

/** One line for a log or an error's metadata: never a value from a row. */
export function sqlProblem(error: unknown): string {
  const state = sqlState(error);
  if (state === '53100') return 'its disk is full';
  if (state !== undefined) return stateText(state);
  if (error instanceof AggregateError) return sqlProblem(error.errors[0]);
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return 'unknown';
}

/** Parsers of pg by type. bigint as number: all of ours (versions, epochs, milliseconds, micros, sizes) stay far below 2^53. */
export function typeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8 && format !== 'binary') return Number;
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
}

/** Statements that set a session. Names and values are the program's own. Not parameters of the start, which a pooler refuses. */
export const sessionSettings = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `set ${name} = '${value}'`)
    .join('; ');
