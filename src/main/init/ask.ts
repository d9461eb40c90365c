// The questions of `init`, on a terminal.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { confirm, isCancel, multiselect, select, text } from '@clack/prompts';
import { AppError } from '../../base/errors.ts';
import { expandHome } from '../../base/home.ts';
import { inertLine } from '../../base/inert.ts';
import { countText } from '../../cli/units.ts';
import type { Found } from './find.ts';
import type { Choice } from './plan.ts';

function answered<T>(value: T): Exclude<T, symbol> {
  if (isCancel(value)) throw new AppError('USAGE', { what: 'left; nothing was written' });
  return value as Exclude<T, symbol>;
}

type Env = Readonly<Record<string, string | undefined>>;

const placeOf = (typed: string, cwd: string, env: Env): string => resolve(cwd, expandHome(typed.trim(), env));

/** What is wrong with a folder that was typed; undefined where nothing is. */
export function folderProblem(typed: string, cwd: string, env: Env): string | undefined {
  if (typed.trim() === '' || existsSync(placeOf(typed, cwd, env))) return undefined;
  return `${inertLine(placeOf(typed, cwd, env))}: there is no such file or folder; type it again, or nothing`;
}

export async function askFolders({ folders }: Found, cwd: string, env: Env): Promise<string[]> {
  const chosen =
    folders.length === 0
      ? []
      : answered(
          await multiselect({
            message: 'Which folders may be read? (names and facts; content only when you share it)',
            options: folders.map(({ path, texts }) => ({ value: path, label: path, hint: countText(texts, 'text') })),
            initialValues: folders.slice(0, 1).map(({ path }) => path),
            required: false,
          }),
        );
  if (chosen.length > 0) return chosen;
  const path = answered(
    await text({
      message: 'Which folder may be read? (a path, like ~/notes; Enter alone: none now)',
      // Asked again until it is right: one wrong letter does not end the dialogue.
      validate: (typed) => folderProblem(typed ?? '', cwd, env),
    }),
  );
  return path.trim() === '' ? [] : [placeOf(path, cwd, env)];
}

export async function askModel(choices: readonly Choice[], now: string): Promise<Choice> {
  if (choices.length === 1) return choices[0]!;
  const name = answered(
    await select({
      message: 'Which model answers?',
      options: choices.map(({ name, about }) => ({ value: name, label: name, hint: about })),
      initialValue: choices.find(({ name }) => name === now)?.name ?? choices[0]!.name,
    }),
  );
  return choices.find((each) => each.name === name)!;
}

export const askYes = async (message: string, initialValue: boolean): Promise<boolean> =>
  answered(await confirm({ message, initialValue }));
