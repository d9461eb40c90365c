// What the verbs that list share: page by page up to a limit, as a table or as one JSON array.
import { Command, Option } from 'commander';
import type { CliIo } from './io.ts';
import { Printer } from './output.ts';
import { parseCount } from './units.ts';
import { watchOption } from './watched-list.ts';

export interface ListOptions {
  json?: boolean;
  wide?: boolean;
  limit: number;
}

export const wideOption = (): Option => new Option('--wide', 'show all columns, whole ids and exact times');

/** A `ls` command with `--limit`, `--wide`, `--watch` and `--json`. */
export function lsCommand(description: string, limit = 50): Command {
  return new Command('ls')
    .description(description)
    .addOption(new Option('-n, --limit <count>', 'most entries').argParser(parseCount(10_000)).default(limit))
    .addOption(wideOption())
    .addOption(watchOption())
    .option('--json', 'print one JSON array');
}

type ReadPage<T> = (pageSize: number, pageToken: string) => Promise<{ items: T[]; nextPageToken: string }>;

/** Reads pages until there are `limit` items or no more. With `io`, people are told where there are more. */
export async function pages<T>(limit: number, page: ReadPage<T>, io?: CliIo): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const { items, nextPageToken } = await page(Math.min(limit - all.length, 500), token);
    all.push(...items);
    token = nextPageToken;
  } while (token !== '' && all.length < limit);
  if (io && (token !== '' || all.length > limit)) {
    new Printer(io.stderr, io.env).line(
      `there are more than ${limit === 1 ? 'this one' : `these ${limit}`}; list more with --limit`,
      'yellow',
    );
  }
  return all.slice(0, limit);
}

/** Reads all pages, each as large as the other side likes. */
export async function allPages<T>(
  page: (pageToken: string) => Promise<{ items: T[]; nextPageToken: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const { items, nextPageToken } = await page(token);
    all.push(...items);
    token = nextPageToken;
  } while (token !== '');
  return all;
}
