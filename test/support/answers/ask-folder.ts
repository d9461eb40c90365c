// The sixty questions and fifteen further ones, asked of a fresh box over a fresh messy folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeMessyFolder } from '../messy-folder.ts';
import type { Stack } from '../stack.ts';
import { askQuestions } from './ask-questions.ts';
import { folderQuestions } from './folder-questions.ts';
import { furtherQuestions } from './further-questions.ts';
import { paraphrases } from './paraphrases.ts';
import type { Judged } from './question.ts';

/** Starts `up` in the stack, which its owner closes. */
export async function askFolder(stack: Stack, each?: (judged: Judged) => void): Promise<Judged[]> {
  const dir = join(stack.dir, 'notes');
  mkdirSync(dir);
  const folder = makeMessyFolder(dir);
  await stack.start('up', ['--allow', dir, '--port', String(stack.port)]).ready();
  const questions = [...folderQuestions(folder), ...furtherQuestions(folder), ...paraphrases(folder)];
  return askQuestions(questions, { home: stack.home, folder: dir, root: 'notes' }, each);
}
