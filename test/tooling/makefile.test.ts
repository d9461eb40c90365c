// The Makefile hands a question over as it was typed, and runs nothing of it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Workspace } from './workspace.ts';

const QUESTION = `it's "the" $5, \`touch owned\` $(touch owned) $(shell touch owned) \${HOME} #1 \\ $`;

test('the question of `make demo` survives quotes, dollars and backticks, from the command line and the environment', () => {
  const space = new Workspace('Makefile', 'package.json', 'package-lock.json', 'scripts');
  space.write('scripts/demo.mjs', "console.log(process.env.ASK + '\\n' + (process.env.DIR ?? 'none'));\n");
  const make = ['--silent', '--old-file=build', 'demo'];

  const typed = space.run('make', [...make, `ASK=${QUESTION}`, 'DIR=/a b/$c']);
  expect(typed).toEqual({ status: 0, output: `${QUESTION}\n/a b/$c\n` });

  const inherited = space.run('make', make, { ASK: QUESTION });
  expect(inherited).toEqual({ status: 0, output: `${QUESTION}\nnone\n` });
  expect(existsSync(join(space.dir, 'owned'))).toBe(false);
});

test('`make` alone lists every target that people call', () => {
  const { status, output } = new Workspace('Makefile').run('make', []);
  expect(status).toBe(0);
  for (const target of ['help', 'gen', 'build', 'demo', 'up', 'test', 'verify', 'clean']) {
    expect(output).toMatch(new RegExp(`^ {2}make ${target} +\\S`, 'm'));
  }
});
