// Where pictures are taken: a home of its own, the command line in it, and the page that shows them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../test/support/program.ts';
import { MARKS, pagePart } from './approval-page.ts';
import { fiveDigits, newFolder, type Place, ROOT } from './take-capture.ts';
import type { Capture } from './tour-captures.ts';

/** A home that is new and has an empty `.bowline/`. */
export async function newPlace(): Promise<Place> {
  const dir = newFolder();
  mkdirSync(join(dir, '.bowline'), { mode: 0o700 });
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: dir, TMPDIR: dir, LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  return { dir, port: await fiveDigits(), env };
}

/** What a command writes. */
export async function output(place: Place, ...words: string[]): Promise<string> {
  const program = new Program(words[0] ?? '', ['./bowline', ...words], { cwd: ROOT, env: place.env });
  program.child.stdin.end();
  await program.ended;
  return program.stdout;
}

/** The newest run that was asked this; undefined when none was. */
export async function findRun(place: Place, asked: string): Promise<string | undefined> {
  const runs = JSON.parse(await output(place, 'runs', 'ls', '--json')) as readonly { id: string; text: string }[];
  return runs.find(({ text }) => text === asked)?.id;
}

/** The same, where one was. */
export async function runOf(place: Place, asked: string): Promise<string> {
  const found = await findRun(place, asked);
  if (!found) throw new Error(`nothing was asked: ${asked}`);
  return found;
}

/** Writes the part of a page between its marks. */
export function writePart(page: string, captures: readonly Capture[], texts: ReadonlyMap<string, string>): void {
  const file = join(ROOT, page);
  const [before = '', rest = ''] = readFileSync(file, 'utf8').split(MARKS.begin);
  writeFileSync(file, `${before}${pagePart(captures, texts)}${rest.split(MARKS.end)[1] ?? ''}`);
}
