// With --json every verb answers with one object on stdout, also where it fails. The verbs are those that the program has.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CONTROL_VERBS } from '../../src/main/control-verbs.ts';
import { VERBS } from '../../src/main/verbs.ts';
import { WORKER_VERBS } from '../../src/main/worker-verbs.ts';
import { freePort } from '../support/free-port.ts';
import { cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Programs and conversations at the keyboard: they have no result to print. */
const WITHOUT = new Set(['docs rm', 'up', 'chat', 'init', 'completion ids', 'control recover', 'call', 'owners pair']);
/** Verbs that run until they are stopped, or are no clients: their own tests look at them. */
const PROGRAMS = new Set(['control', 'worker', 'edge', 'models', 'watch']);

async function leaves(): Promise<{ path: string[]; command: Command }[]> {
  const program = new Command('bowline');
  const io = { ...process, cwd: process.cwd(), exit: () => {} };
  const programs = { ...CONTROL_VERBS, ...WORKER_VERBS };
  for (const { name, load = programs[name] } of VERBS)
    if (load && name !== 'edge') (await load())(program, io as never);
  const walk = (command: Command, path: string[]): { path: string[]; command: Command }[] =>
    command.commands.length > 0
      ? command.commands.flatMap((each) => walk(each, [...path, each.name()]))
      : [{ path, command }];
  return program.commands
    .flatMap((each) => walk(each, [each.name()]))
    .filter(({ path }) => !PROGRAMS.has(path[0] ?? ''));
}

let box: ScriptedHome;
beforeEach(() => {
  box = new ScriptedHome();
});
afterEach(() => box.close());

test('every verb that prints something takes --json', async () => {
  const all = await leaves();
  expect(all.length).toBeGreaterThan(35);
  const without = all
    .filter(
      ({ path, command }) => !WITHOUT.has(path.join(' ')) && !command.options.some(({ long }) => long === '--json'),
    )
    .map(({ path }) => path.join(' '));
  expect(without).toEqual([]);
});

test('an error is one object on stdout, with its exit code, for every verb', async () => {
  const all = (await leaves()).filter(({ command }) => command.options.some(({ long }) => long === '--json'));
  // Nobody answers there, and the home is empty.
  const env = { BOWLINE_CONTROL: `http://127.0.0.1:${await freePort()}` };
  const odd: unknown[] = [];
  const one = async ({ path, command }: (typeof all)[number]) => {
    const words = command.registeredArguments.map(() => 'nothing-of-this-name');
    const yes = command.options.some(({ long }) => long === '--yes') ? ['--yes'] : [];
    const needed = command.options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => [long ?? '', 'llm']);
    const { code, stdout } = await cli([...path, ...words, ...yes, ...needed, '--json'], {
      cwd: box.cwd,
      home: box.home,
      env,
    });
    const told = parsed(stdout) as { error?: { reason?: string; message?: string; exitCode?: number } } | undefined;
    // Those that tell of what is away have a result.
    if (code === 0 || (told && !told.error)) return;
    const { reason = '', message = '', exitCode } = told?.error ?? {};
    if (!/^[A-Z_]+$/.test(reason) || message === '' || exitCode !== code) odd.push({ path, code, stdout });
  };
  for (let at = 0; at < all.length; at += 4) await Promise.all(all.slice(at, at + 4).map(one));
  expect(odd).toEqual([]);
});

test('a mistake on the command line is one too, and the page says how it looks', async () => {
  const { code, stdout, stderr } = await cli(['runs', 'ls', '--json', '--qqqqqq'], { cwd: box.cwd, home: box.home });
  expect(JSON.parse(stdout)).toEqual({
    error: { reason: 'USAGE', message: "unknown option '--qqqqqq'", hint: null, exitCode: 2 },
  });
  expect([code, stderr]).toEqual([2, '']);
  // Behind `--` it is a word of the ask.
  expect((await cli(['ask', '--', '--json'], { cwd: box.cwd, home: box.home })).stdout).toBe('');
  expect(readFileSync('docs/cli.md', 'utf8')).toContain('{"error": {"reason", "message", "hint", "exitCode"}}');
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
