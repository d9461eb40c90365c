// Writes the list of decision records in docs/decisions/README.md from the records. Run it after a record is added or its title or
// status changes: `node scripts/decision-list.ts`. A test fails while they differ.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Decision {
  readonly number: number;
  readonly title: string;
  readonly state: 'accepted' | 'superseded';
  readonly date: string;
  /** The file of the record that supersedes it; empty when none does. */
  readonly by: string;
}

const FOLDER = join(dirname(import.meta.dirname), 'docs/decisions');
const LIST = join(FOLDER, 'README.md');
const HEAD = '|---|---|---|---|\n';
const STATUS =
  /^Status: (?:accepted, (\d{4}-\d\d-\d\d)\.|superseded by \[decision \d+\]\(([\w-]+\.md)\), (\d{4}-\d\d-\d\d)\.)/;

export const readDecision = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

/** The names of the records, in order. */
export const decisionFiles = (): string[] =>
  globSync(join(FOLDER, '*.md'))
    .map((path) => basename(path))
    .filter((name) => name !== 'README.md')
    .sort();

/** What the first three lines of a record say, or what is wrong with them. */
export function decisionOf(name: string, text: string): Decision | string {
  const [heading = '', empty, line = ''] = text.split('\n');
  const [, number = '', title = ''] = /^# (\d+)\. (\S.*)$/.exec(heading) ?? [];
  if (!title || empty !== '') return 'its first line is not `# NUMBER. TITLE` with an empty line behind it';
  if (!name.startsWith(`${number.padStart(4, '0')}-`)) return `its number ${number} is not that of its name`;
  const status = STATUS.exec(line);
  if (!status)
    return 'its third line is no status: `Status: accepted, YYYY-MM-DD.`, or by which record it is superseded';
  const [, accepted, by = '', superseded = ''] = status;
  const about = { number: Number(number), title, by };
  return accepted
    ? { ...about, state: 'accepted', date: accepted }
    : { ...about, state: 'superseded', date: superseded };
}

/** The text of the list with its rows made anew. */
export function withList(text: string): string {
  const rows = decisionFiles().map((name) => rowOf(name, decisionOf(name, readDecision(name))));
  return `${text.slice(0, text.indexOf(HEAD) + HEAD.length)}${rows.join('\n')}\n`;
}

function rowOf(name: string, decision: Decision | string): string {
  if (typeof decision === 'string') return `| | ${name}: ${decision} | | |`;
  const { number, title, state, date, by } = decision;
  const status = by ? `${state} by [${Number(by.slice(0, 4))}](${by})` : state;
  return `| [${number}](${name}) | ${title} | ${status} | ${date} |`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(LIST, withList(readFileSync(LIST, 'utf8')));
