// Ends a connection that is of no use any more although the pool would lend it again. The pool does so itself after any error
// of its own queries, but not for those of a connection that it lent (Kysely's): one whose answer did not come in time would
// keep the next query waiting, and one whose server forgot, or outlived, what it had prepared would fail it again.
import type { ClientBase } from 'pg';
import { sqlState } from '../../base/postgres.ts';

/** The message of pg's own time limit; it has no code. */
const TIMED_OUT = 'Query read timeout';

/** A plan older than its table, a prepared statement that is unknown or there twice, a server that became a standby. */
const WORN: ReadonlySet<string> = new Set(['0A000', '26000', '42P05', '25006']);

export function endUnanswered(client: ClientBase & { end?(): Promise<void> }): void {
  const query = client.query.bind(client) as (...words: unknown[]) => unknown;
  const watched = (...words: unknown[]) => {
    const answer = query(...words);
    if (answer instanceof Promise) {
      answer.catch((error: unknown) => {
        const useless = (error instanceof Error && error.message === TIMED_OUT) || WORN.has(sqlState(error) ?? '');
        if (useless) void client.end?.().catch(() => undefined);
      });
    }
    return answer;
  };
  Object.assign(client, { query: watched });
}
