// What README and the pages tell to type is typed, word for word and in their order, on a folder of mixed files. A command that cannot
// run here is in a list with its reason; an entry that fits no command fails.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { commandsOf, type PageCommand } from '../support/pages/page-commands.ts';
import { PageShell, type Typing } from '../support/pages/page-shell.ts';
import { missingOf } from '../support/pages/shown-lines.ts';
import { ROOT } from '../support/stack.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Commands that no test of this file types, and where else they are run or why not. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^make (test|chaos|bench)$/, 'runs longer than a test may; what it starts has tests of its own'],
];

const isElsewhere = ({ text }: PageCommand): boolean => ELSEWHERE.some(([like]) => like.test(text));

function makeNotes(userHome: string): void {
  const notes = join(userHome, 'notes');
  mkdirSync(notes);
  const files = {
    'launch.md': '# Launch\n\nThe launch is on 14 May, at nine in the morning. Ana opens the gate.\nBring a banner\n',
    'garden.md': '# Garden\n\nThe beans are in. Water them on Monday.\n',
    '花园.md': '# 花园\n\n周一浇水。\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(notes, name), text);
}

const last = (printed: string, like: RegExp): string =>
  [...printed.matchAll(like)].at(-1)?.[1] ?? `nothing printed ${like}`;

const RUN = /([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})/g;

const TYPING: readonly Typing[] = [
  { like: /^\.\/bowline up/, until: /^ready \{.*\}$/m },
  { like: /^\.\/bowline chat$/, input: () => 'When is the launch?\nn\n/quit\n' },
  { like: /^\.\/bowline logs -f$/, until: /\w/, thenStopped: true },
];

const FILLED: readonly (readonly [RegExp, (printed: string) => string])[] = [
  [/\bRUN\b/, (printed) => last(printed, RUN)],
];

describe.each(['README.md'])('%s', (page) => {
  const all = commandsOf(page, readFileSync(join(ROOT, page), 'utf8'));
  const commands = all.filter((command) => !isElsewhere(command));
  let shell: PageShell;
  beforeAll(async () => {
    shell = await PageShell.open({ files: makeNotes, typing: TYPING, filled: FILLED });
  });
  afterAll(() => shell?.close());

  test('there are enough of them to look at', () => {
    expect(commands.length).toBeGreaterThan(15);
  });

  test.each(commands.map((command) => [`${command.line}: ${command.text}`, command] as const))(
    '%s',
    async (_name, command) => {
      const { shown } = await shell.type(command);
      if (command.output) expect(missingOf(command.output, shown)).toBeUndefined();
    },
  );
});
