// What the verbs that list share: page by page up to a limit, as a table or as one JSON array.
import { Command, Option } from 'commander';
import { parseCount } from './units.ts';

export interface ListOptions {
  json?: boolean;
  limit: number;
}

/** A `ls` command with `--limit` and `--json`. */
export function lsCommand(description: string, limit = 50): Command {
  return new Command('ls')
    .description(description)
    .addOption(new Option('-n, --limit <count>', 'most entries').argParser(parseCount(10_000)).default(limit))
    .option('--json', 'print one JSON array');
}

/** Reads pages until there are `limit` items or no more. */
export async function pages<T>(
  limit: number,
  page: (pageSize: number, pageToken: string) => Promise<{ items: T[]; nextPageToken: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const { items, nextPageToken } = await page(Math.min(limit - all.length, 500), token);
    all.push(...items);
    token = nextPageToken;
  } while (token !== '' && all.length < limit);
  return all.slice(0, limit);
}
