// Ends a connection whose answer did not come in time. The pool does so itself for its own queries, but not for those of a
// connection that it lent (Kysely's): it would lend it again, and the next query would wait behind the lost one.
import type { ClientBase } from 'pg';

/** The message of pg's own time limit; it has no code. */
const TIMED_OUT = 'Query read timeout';

export function endUnanswered(client: ClientBase & { end?(): Promise<void> }): void {
  const query = client.query.bind(client) as (...words: unknown[]) => unknown;
  const watched = (...words: unknown[]) => {
    const answer = query(...words);
    if (answer instanceof Promise) {
      answer.catch((error: unknown) => {
        if (error instanceof Error && error.message === TIMED_OUT) void client.end?.().catch(() => undefined);
      });
    }
    return answer;
  };
  Object.assign(client, { query: watched });
}
