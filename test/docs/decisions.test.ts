// Decision records: each has a number, a title, a status with its date, three sections and a line in the list; what is cited exists.
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

interface Decision {
  readonly number: number;
  readonly title: string;
  readonly state: 'accepted' | 'superseded';
  readonly date: string;
  /** The file of the record that supersedes it. */
  readonly by?: string;
}

const FOLDER = 'docs/decisions';
const FILES = globSync(`${FOLDER}/*.md`)
  .map((path) => basename(path))
  .filter((name) => name !== 'README.md')
  .sort();
const STATUS =
  /^Status: (?:accepted, (\d{4}-\d\d-\d\d)\.|superseded by \[decision \d+\]\(([\w-]+\.md)\), (\d{4}-\d\d-\d\d)\.)/;
const read = (name: string) => readFileSync(`${FOLDER}/${name}`, 'utf8');

/** What the first three lines of a record say, or what is wrong with them. */
function decisionOf(name: string, text: string): Decision | string {
  const [heading = '', empty, line = ''] = text.split('\n');
  const [, number = '', title = ''] = /^# (\d+)\. (\S.*)$/.exec(heading) ?? [];
  if (!title || empty !== '') return 'its first line is not `# NUMBER. TITLE` with an empty line behind it';
  if (!name.startsWith(`${number.padStart(4, '0')}-`)) return `its number ${number} is not that of its name`;
  const status = STATUS.exec(line);
  if (!status)
    return 'its third line is no status: `Status: accepted, YYYY-MM-DD.`, or by which record it is superseded';
  const [, accepted, by = '', superseded = ''] = status;
  return {
    number: Number(number),
    title,
    ...(accepted ? { state: 'accepted', date: accepted } : { state: 'superseded', date: superseded, by }),
  };
}

const rowOf = ({ number, title, state, date, by }: Decision, name: string) => {
  const status = by ? `${state} by [${Number(by.slice(0, 4))}](${by})` : state;
  return `| [${number}](${name}) | ${title} | ${status} | ${date} |`;
};

const DECISIONS = FILES.map((name) => [name, decisionOf(name, read(name))] as const);

test.each(DECISIONS)('%s has a number, a title, and a status with its date', (_name, decision) => {
  expect(decision).toBeTypeOf('object');
});

test.each(FILES)('%s has its context, decision and consequences and fits a page', (name) => {
  const text = read(name);
  const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, section = '']) => section);
  const apartFromParts = sections.filter((section) => !/^Part \d+$/.test(section));
  expect(apartFromParts).toEqual(['Context', 'Decision', 'Consequences']);
  expect(text.split('\n').length).toBeLessThanOrEqual(52);
});

test('the list has a line for each record, in order, that says what the record says', () => {
  const rows = read('README.md')
    .split('\n')
    .filter((line) => /^\| \[\d/.test(line));
  expect(rows).toEqual(
    DECISIONS.map(([name, decision]) => (typeof decision === 'string' ? name : rowOf(decision, name))),
  );
});

test('what supersedes a record exists and is in force', () => {
  for (const [name, decision] of DECISIONS) {
    if (typeof decision === 'string' || !decision.by) continue;
    expect(FILES, name).toContain(decision.by);
    expect(decisionOf(decision.by, read(decision.by)), name).toMatchObject({ state: 'accepted' });
  }
});

test('every decision that a page names by its number exists', () => {
  const numbers = DECISIONS.map(([, decision]) => (typeof decision === 'string' ? 0 : decision.number));
  for (const page of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/**/*.md')]) {
    const named = [...readFileSync(page, 'utf8').matchAll(/\bdecisions?\s+(\d+)(?: and (\d+))?/gi)].flatMap((match) =>
      match.slice(1).filter(Boolean).map(Number),
    );
    expect(
      named.filter((number) => !numbers.includes(number)),
      page,
    ).toEqual([]);
  }
});

test('a record without a status, with another number, or superseded by nothing is found', () => {
  const good = '# 7. A title\n\nStatus: accepted, 2026-11-22.\n';
  expect(decisionOf('0007-a-title.md', good)).toEqual({
    number: 7,
    title: 'A title',
    state: 'accepted',
    date: '2026-11-22',
  });
  expect(decisionOf('0008-a-title.md', good)).toMatch('not that of its name');
  expect(decisionOf('0007-a-title.md', '# 0007: A title\n\nStatus: accepted, 2026-11-22.\n')).toMatch('first line');
  expect(decisionOf('0007-a-title.md', '# 7. A title\n\n## Context\n')).toMatch('no status');
  expect(decisionOf('0007-a-title.md', '# 7. A title\n\nStatus: superseded, 2026-11-22.\n')).toMatch('no status');
});
