// Commands of Bowline that a page names, also within a sentence, exist, with their options. Those of code blocks are also run:
// test/e2e/pages.test.ts.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { beforeAll, expect, test } from 'vitest';
import { CONTROL_VERBS } from '../../src/main/control-verbs.ts';
import { VERBS } from '../../src/main/verbs.ts';
import { WORKER_VERBS } from '../../src/main/worker-verbs.ts';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...['guide', 'cli', 'operations', 'contracts', 'security', 'architecture', 'tour', 'approvals'].map(
    (page) => `docs/${page}.md`,
  ),
];
const text = PAGES.map((page) => readFileSync(page, 'utf8').replaceAll(/^#.*$/gm, '')).join('\n\n');
const code = [...text.matchAll(/```[\s\S]*?```|^ {4,}\S.*$|`[^`]+`/gm)].map(([found]) => found);
/** What stands behind `bowline` in code, up to the end of the command. */
const lines = code.flatMap((each) =>
  [...each.matchAll(/(?<!-[nUcd] )(?:\b|\/)bowline ((?:[a-z-]|\.\.\.)[^`|>#;\n]*)/g)].map((m) => m[1] ?? ''),
);
/** And what a container of a replica is run with. */
const commands = [...lines, ...code.flatMap((each) => /run --rm control-a (.*)$/.exec(each)?.[1] ?? [])]
  .map((line) => line.trim().split(/\s+/))
  .filter(([verb = '']) => /^[a-z]+$/.test(verb));

const program = new Command('bowline').option('--home <folder>', 'home').option('--control <url>', 'control plane');

beforeAll(async () => {
  const io = { ...process, cwd: process.cwd(), exit: () => {} };
  const programs = { ...CONTROL_VERBS, ...WORKER_VERBS };
  for (const { name, load = programs[name] } of VERBS) {
    if (load && name !== 'edge') (await load())(program, io as never);
  }
});

test('there are enough of them to look at', () => {
  expect(commands.length).toBeGreaterThan(15);
});

const once = [...new Map(commands.map((words) => [words.join(' '), words])).values()];

test.each(once.map((words) => [words.join(' '), words] as const))('bowline %s', (_line, words) => {
  let at: Command = program;
  const known = new Set(['--help', ...program.options.map(({ long }) => long)]);
  for (const word of words) {
    const next = at.commands.find((each) => each.name() === word);
    if (!next) break;
    at = next;
    for (const { long } of next.options) known.add(long);
  }
  if (words[0] === 'edge') return;
  expect(at, 'a verb').not.toBe(program);
  // One that takes an argument itself is more than a group.
  const isGroup = at.commands.length > 0 && at.registeredArguments.length === 0;
  expect(!isGroup || words[1] === undefined || words[1].startsWith('-'), 'a verb of its group').toBe(true);
  expect(words.filter((word) => word.startsWith('--') && !known.has(word))).toEqual([]);
});

test('the table of docs/cli.md has every verb, with the verbs of each group', () => {
  const rows = readFileSync('docs/cli.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const told = new Set<string>();
  for (const row of rows) {
    const cell = row.replaceAll('\\|', '/').split('|')[1] ?? '';
    for (const [, words = ''] of cell.matchAll(/`([^`]+)`/g)) {
      const [verb = '', subs = ''] = words.split(' ');
      told.add(verb);
      for (const sub of subs.split('/')) told.add(`${verb} ${sub}`);
    }
  }
  const isShown = (command: Command) =>
    !('_hidden' in command && command._hidden === true) && command.name() !== 'help';
  const verbs = program.commands.filter(isShown);
  const groups = verbs.flatMap((verb) => verb.commands.filter(isShown).map((sub) => `${verb.name()} ${sub.name()}`));
  const all = [...VERBS.map(({ name }) => name), ...groups];
  expect(all.filter((each) => !told.has(each))).toEqual([]);
});
