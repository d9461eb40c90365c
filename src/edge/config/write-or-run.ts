// What may be written is never what is run: the rule that keeps a written file from becoming a program. Pure.
import { dirname, isAbsolute, join } from 'node:path';
import { formOf, sameName } from '../../base/same-name.ts';

/** A file that may be written, or a folder with all below it; a real path. */
interface Writable {
  readonly realPath: string;
  readonly folder: boolean;
}

/**
 * Why a command conflicts with what may be written, or undefined. A command must not have a writable file as its program or among its
 * words, nor start in a folder that holds one, at any depth.
 * @param command.cwd real path of its folder, if known
 */
export function conflictOf(
  command: { readonly argv: readonly string[]; readonly cwd: string | undefined },
  writable: readonly Writable[],
): string | undefined {
  const { argv, cwd } = command;
  for (const { realPath, folder } of writable) {
    const isWritable = (path: string) => sameName(path, realPath) || (folder && isBelow(realPath, path));
    for (const word of argv) {
      const path = isAbsolute(word) ? word : cwd ? join(cwd, word) : undefined;
      if (path && isWritable(path)) return `\`${word}\` may be written, so it must not be part of a command`;
    }
    const [program] = argv;
    if (program && isAbsolute(program) && !folder && sameName(dirname(program), dirname(realPath))) {
      return `\`${program}\` lies in a folder with a file that may be written, so it must not be run`;
    }
    if (cwd && cwd !== '/' && isBelow(cwd, realPath)) {
      return `a file that may be written lies in \`${cwd}\`, so no command may start there`;
    }
    if (cwd && folder && isWritable(cwd))
      return `what lies in \`${cwd}\` may be written, so no command may start there`;
  }
  return undefined;
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
