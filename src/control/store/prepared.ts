// Has hot statements parsed once per connection. A statement is hot when its text begins with a comment that names it, like
// `/* outbox_claim */ select ...`. It must list its columns: `*` breaks when another replica migrates the table.
import type { ClientBase } from 'pg';

const HOT = /^\s*\/\* (\w+) \*\//;

/** Texts that are remembered; a hot statement has few of them. */
const MOST = 200;

/** Makes connections prepare hot statements under a name; everything else passes as it is. */
export function preparing(): (client: ClientBase) => void {
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
    const query = client.query.bind(client) as (...words: unknown[]) => unknown;
    const prepared = (text: unknown, values: unknown, ...more: unknown[]) => {
      const name = typeof text === 'string' && Array.isArray(values) ? nameOf(text) : undefined;
      return query(name === undefined ? text : { name, text }, values, ...more);
    };
    Object.assign(client, { query: prepared });
  };
}
