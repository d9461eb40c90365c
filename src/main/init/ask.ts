// The questions of `init`, on a terminal.
import { confirm, isCancel, multiselect, select, text } from '@clack/prompts';
import { AppError } from '../../base/errors.ts';
import { expandHome } from '../../base/home.ts';
import { countText } from '../../cli/units.ts';
import type { Found } from './find.ts';
import type { Choice } from './plan.ts';

function answered<T>(value: T): Exclude<T, symbol> {
  if (isCancel(value)) throw new AppError('USAGE', { what: 'left; nothing was written' });
  return value as Exclude<T, symbol>;
}

export async function askFolders(
  { folders }: Found,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string[]> {
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
  const path = answered(await text({ message: 'Which folder may be read?', placeholder: '~/notes' }));
  return path.trim() === '' ? [] : [expandHome(path.trim(), env)];
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
