// What every connection of a pool does with its statements. Hot ones are parsed once per connection: those whose text begins with a
// comment that names it, like `/* outbox_claim */ select ...`; they must list their columns, because `*` breaks when another replica
// migrates the table. And a connection that is of no use any more is ended, although the pool would lend it again: the pool does so
// itself after any error of its own queries, but not for those of a connection that it lent (Kysely's). One whose answer did not come
// in time would keep the next query waiting, and one whose server forgot, or outlived, what it had prepared would fail it again.
import type { ClientBase } from 'pg';
import { sqlState } from '../../base/postgres.ts';

const HOT = /^\s*\/\* (\w+) \*\//;

/** Texts that are remembered; a hot statement has few of them. */
const MOST = 200;

/** The message of pg's own time limit; it has no code. */
const TIMED_OUT = 'Query read timeout';

/** A plan older than its table, a prepared statement that is unknown or there twice, a server that became a standby. */
const WORN: ReadonlySet<string> = new Set(['0A000', '26000', '42P05', '25006']);

/** Prepares the connections of one pool, which then prepare hot statements under a name and end when they are worn. */
export function prepareConnections(): (client: ClientBase & { end?(): Promise<void> }) => void {
  const names = new Map<string, string>();
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const hot = HOT.exec(text)?.[1];
    if (hot === undefined || names.size >= MOST) return undefined;
    const name = `${hot}_${names.size}`;
    names.set(text, name);
    return name;
  };
  return (client) => {
    const send = client.query.bind(client) as (...words: unknown[]) => unknown;
    const query = (text: unknown, values: unknown, ...more: unknown[]) => {
      const name = typeof text === 'string' && Array.isArray(values) ? nameOf(text) : undefined;
      const answer = send(name === undefined ? text : { name, text }, values, ...more);
      if (answer instanceof Promise) {
        answer.catch((error: unknown) => {
          if (isWorn(error)) void client.end?.().catch(() => undefined);
        });
      }
      return answer;
    };
    Object.assign(client, { query });
  };
}

const isWorn = (error: unknown): boolean =>
  (error instanceof Error && error.message === TIMED_OUT) || WORN.has(sqlState(error) ?? '');
