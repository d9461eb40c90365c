// What may be written is never what is run: the rule that keeps a written file from becoming a program. Pure.
import { dirname, isAbsolute } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { formOf, sameName } from '../../base/same-name.ts';
import { pathsInWords, type WordPath } from './word-paths.ts';

/** A file that may be written, or a folder with all below it; a real path. */
interface Writable {
  readonly realPath: string;
  readonly folder: boolean;
}

/** What starts, and with what. */
interface Started {
  readonly argv: readonly string[];
  /** Real path of its folder, if known. */
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** An entry with the folders that it lets its command change. */
type Entry = Started & { readonly writes: readonly string[] };

/** All that the words and the environment of a command could mean. @throws LIMIT_EXCEEDED */
export const commandPathsOf = ({ argv, cwd, env }: Started): WordPath[] =>
  pathsInWords([...argv, ...Object.values(env)], cwd);

/**
 * Why a command conflicts with what may be written, or undefined. A command must not have a writable file as its program or anywhere in
 * its words or its environment, nor start in a folder that holds one, at any depth.
 * @param paths what its words mean; where they were followed on the disk, where they lead
 * @throws LIMIT_EXCEEDED
 */
export function conflictOf(
  command: Started,
  writable: readonly Writable[],
  paths: readonly Pick<WordPath, 'path'>[] = commandPathsOf(command),
): string | undefined {
  const { argv, cwd } = command;
  const forms = paths.map(({ path }) => formOf(path));
  for (const { realPath, folder } of writable) {
    const own = formOf(realPath);
    const named = forms.find((form) => form === own || (folder && form.startsWith(`${own}/`)));
    if (named !== undefined) return `\`${named}\` may be written, so it must not be part of a command`;
    const [program] = argv;
    if (program && isAbsolute(program) && !folder && sameName(dirname(program), dirname(realPath))) {
      return `\`${program}\` lies in a folder with a file that may be written, so it must not be run`;
    }
    if (cwd && cwd !== '/' && isBelow(cwd, realPath)) {
      return `a file that may be written lies in \`${cwd}\`, so no command may start there`;
    }
    if (cwd && folder && (sameName(cwd, realPath) || isBelow(realPath, cwd)))
      return `what lies in \`${cwd}\` may be written, so no command may start there`;
  }
  return undefined;
}

/** What a command meets that something else may have written: what may be written, and the folders that other entries' commands change. */
export function writableFor(
  entry: Entry | undefined,
  write: readonly Writable[],
  execute: readonly Entry[],
): readonly Writable[] {
  const isOwn = (folder: string) => entry?.writes.some((own) => own === folder || isBelow(own, folder)) ?? false;
  const folders = execute.filter((other) => other !== entry).flatMap(({ writes }) => writes);
  return [...write, ...folders.filter((folder) => !isOwn(folder)).map((realPath) => ({ realPath, folder: true }))];
}

/** The first entry of a configuration that conflicts, with its place. */
export function conflictAmong(config: {
  readonly write: readonly Writable[];
  readonly execute: readonly Entry[];
  readonly notify: { readonly command: readonly string[] } | undefined;
}): { readonly at: readonly (string | number)[]; readonly problem: string } | undefined {
  const { write, execute, notify } = config;
  for (const [i, entry] of execute.entries()) {
    const problem = problemOf(entry, writableFor(entry, write, execute));
    if (problem) return { at: ['allow', 'execute', i], problem };
  }
  const told = notify && { argv: notify.command, cwd: undefined, env: {} };
  const problem = told && problemOf(told, writableFor(undefined, write, execute));
  return problem ? { at: ['notify', 'command'], problem } : undefined;
}

function problemOf(command: Started, writable: readonly Writable[]): string | undefined {
  try {
    return conflictOf(command, writable);
  } catch (error) {
    if (error instanceof AppError && error.reason === 'LIMIT_EXCEEDED') return error.message;
    throw error;
  }
}

const isBelow = (folder: string, path: string): boolean => formOf(path).startsWith(`${formOf(folder)}/`);

/** Why an entry cannot have the folders that it may change, or undefined. */
export function problemOfWrites(entry: {
  readonly argv: readonly string[];
  readonly writes: readonly string[];
  readonly preview: boolean;
  readonly isolation: 'auto' | 'none';
  readonly confirm: 'never' | 'first' | 'always';
}): string | undefined {
  const { argv, writes, preview, isolation, confirm } = entry;
  const [program = ''] = argv;
  if (preview && writes.length === 0) return '`preview` needs `writes`: the folders that the command changes';
  if (preview && confirm === 'never') return '`preview` is for a yes: `confirm` must be `first` or `always`';
  if (isolation === 'none' && writes.length > 0) return '`writes` says nothing where `isolation` is `none`';
  if (writes.some((one) => writes.some((other) => other !== one && formOf(one).startsWith(`${formOf(other)}/`))))
    return 'one folder of `writes` lies in another';
  if (writes.some((folder) => isAbsolute(program) && formOf(program).startsWith(`${formOf(folder)}/`)))
    return `\`${program}\` lies in a folder that may be written, so it must not be run`;
  return undefined;
}
