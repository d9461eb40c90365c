// Decision records: each has a number, a title, a status with its date, three sections and a line in the list; what is cited exists.
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decisionFiles, decisionOf, readDecision, withList } from '../../scripts/decision-list.ts';

const FILES = decisionFiles();
const DECISIONS = FILES.map((name) => [name, decisionOf(name, readDecision(name))] as const);

test.each(DECISIONS)('%s has a number, a title, and a status with its date', (_name, decision) => {
  expect(decision).toBeTypeOf('object');
});

test.each(FILES)('%s has its context, decision and consequences and fits a page', (name) => {
  const text = readDecision(name);
  const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, section = '']) => section);
  const apartFromParts = sections.filter((section) => !/^Part \d+$/.test(section));
  expect(apartFromParts).toEqual(['Context', 'Decision', 'Consequences']);
  // Each part is a change with a page of its own.
  const pages = 1 + sections.length - apartFromParts.length;
  expect(text.split('\n').length).toBeLessThanOrEqual(52 * pages);
});

test('the list has a line for each record, in order, that says what the record says', () => {
  const list = readDecision('README.md');
  expect(list, 'run `node scripts/decision-list.ts`').toBe(withList(list));
});

test('what supersedes a record exists and is in force', () => {
  for (const [name, decision] of DECISIONS) {
    if (typeof decision === 'string' || !decision.by) continue;
    expect(FILES, name).toContain(decision.by);
    expect(decisionOf(decision.by, readDecision(decision.by)), name).toMatchObject({ state: 'accepted' });
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
  const said = { number: 7, title: 'A title', state: 'accepted', date: '2026-11-22', by: '' };
  expect(decisionOf('0007-a-title.md', good)).toEqual(said);
  expect(decisionOf('0008-a-title.md', good)).toMatch('not that of its name');
  expect(decisionOf('0007-a-title.md', '# 0007: A title\n\nStatus: accepted, 2026-11-22.\n')).toMatch('first line');
  expect(decisionOf('0007-a-title.md', '# 7. A title\n\n## Context\n')).toMatch('no status');
  expect(decisionOf('0007-a-title.md', '# 7. A title\n\nStatus: superseded, 2026-11-22.\n')).toMatch('no status');
});
