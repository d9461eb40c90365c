// Every command that a text of the program names is one that the command line takes as it stands there: the verb and its group, the options, all
// that it must be given. The texts are found in the source, so that none is forgotten.
import { globSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';
import { parseEdgeArgs } from '../../src/edge/program/commands.ts';
import { CONTROL_VERBS } from '../../src/main/control-verbs.ts';
import { VERBS } from '../../src/main/verbs.ts';
import { WORKER_VERBS } from '../../src/main/worker-verbs.ts';

/** The texts of a file, with a word for each value that is put into them. */
function textsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) texts.push(node.text);
    else if (ts.isTemplateExpression(node))
      texts.push([node.head.text, ...node.templateSpans.map(({ literal }) => `X${literal.text}`)].join(''));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return texts;
}

/** Commands in a text: in backticks, or to the end of the line behind a colon or at its beginning. */
const commandsIn = (text: string): string[] =>
  [...text.matchAll(/`bowline ([^`\n]+)`/g), ...text.matchAll(/(?:: |^ {2}(?:\$ )?)bowline ([^\n`,]+)/gm)].map(
    ([, command]) => (command ?? '').trim(),
  );

/** As a shell cuts it: what is in quotes is one word, what stands behind `>` or a wide gap belongs to no command. */
const wordsOf = (command: string): string[] =>
  [
    ...command
      .replaceAll(/\{\{?\w+\}?\}/g, 'X')
      .replace(/\s+[><|].*$|\s{2,}.*$|, or: .*$/, '')
      .matchAll(/'[^']*'|"[^"]*"|[^\s'"]+/g),
  ].map(([word]) => word.replaceAll(/^['"]|['"]$/g, ''));

/** A line that says what may be given is none to type. */
const isTyped = (command: string): boolean => !/[[\]]|\.\.\.|^(X|VERB) /.test(command);

const found = new Map(
  globSync('src/**/*.ts')
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      textsOf(file).flatMap((text) =>
        commandsIn(text)
          .filter(isTyped)
          .map((command) => [command, file] as const),
      ),
    ),
);

const program = new Command('bowline').option('--home <folder>', 'home').option('--control <url>', 'control plane');

beforeAll(async () => {
  const io = { ...process, cwd: process.cwd(), exit: () => {} };
  const programs = { ...CONTROL_VERBS, ...WORKER_VERBS };
  for (const { name, load = programs[name] } of VERBS) if (load) (await load())(program, io as never);
});

/** Why the command line would not take it; undefined when it would. */
function problemOf(words: readonly string[]): string | undefined {
  if (words[0] === 'edge') {
    try {
      parseEdgeArgs(words.slice(1), { HOME: '/home/x' });
      return undefined;
    } catch (error) {
      return String(error);
    }
  }
  let at = program;
  let depth = 0;
  for (const word of words) {
    const next = at.commands.find((each) => each.name() === word);
    if (!next) break;
    at = next;
    depth += 1;
  }
  if (at === program) return 'there is no such verb';
  const rest = words.slice(depth);
  if (rest.includes('--help')) return undefined;
  if (at.commands.length > 0 && rest.length > 0 && !rest[0]?.startsWith('-') && at.registeredArguments.length === 0)
    return `${at.name()} has no ${rest[0]}`;
  const known = [...at.options, ...program.options];
  const operands: string[] = [];
  const given = new Set<string>();
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? '';
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    const option = known.find(({ long, short }) => long === word || short === word);
    if (!option) return `there is no ${word}`;
    given.add(option.attributeName());
    if (option.required) i += 1;
  }
  const needed = at.registeredArguments.filter(({ required }) => required).length;
  if (operands.length < needed) return `it wants ${needed} words, and has ${operands.length}`;
  const most = [...at.registeredArguments, ...at.options].some(({ variadic }) => variadic)
    ? Infinity
    : at.registeredArguments.length;
  if (operands.length > most) return `it takes ${most} words, and has ${operands.length}`;
  const missing = at.options.find((each) => each.mandatory && !given.has(each.attributeName()));
  return missing && `it wants ${missing.flags}`;
}

test('there are enough of them to look at, of errors, hints and help', () => {
  expect(found.size).toBeGreaterThan(80);
  expect([...found.keys()]).toContain('devices resume {device}');
});

test('a command that the command line does not take is seen', () => {
  const bad = [
    'workers create-key NAME',
    'devices resume',
    'nothing',
    'devices ls --alow',
    'queue cancel X',
    'edge --jion',
  ];
  for (const command of bad) expect(problemOf(wordsOf(command)), command).toBeDefined();
});

test('every command that is printed is taken as it stands', () => {
  const bad = [...found].flatMap(([command, file]) => {
    const problem = problemOf(wordsOf(command));
    return problem ? [`${file}: bowline ${command}: ${problem}`] : [];
  });
  expect(bad).toEqual([]);
});
