// What may be written is never what is run: the rule that keeps a written file from becoming a program. Pure.
import { dirname, isAbsolute, join } from 'node:path';
import { formOf, sameName } from '../../base/same-name.ts';

/**
 * Why a command conflicts with the files that may be written, or undefined. A command must not have a writable file as its
 * program or among its words, nor start in a folder that holds one, at any depth.
 * @param command.cwd real path of its folder, if known
 * @param writable real paths of files
 */
export function conflictOf(
  command: { readonly argv: readonly string[]; readonly cwd: string | undefined },
  writable: readonly string[],
): string | undefined {
  const { argv, cwd } = command;
  for (const file of writable) {
    for (const word of argv) {
      const path = isAbsolute(word) ? word : cwd ? join(cwd, word) : undefined;
      if (path && sameName(path, file)) return `\`${word}\` may be written, so it must not be part of a command`;
    }
    const [program] = argv;
    if (program && isAbsolute(program) && sameName(dirname(program), dirname(file))) {
      return `\`${program}\` lies in a folder with a file that may be written, so it must not be run`;
    }
    if (cwd && cwd !== '/' && formOf(file).startsWith(`${formOf(cwd)}/`)) {
      return `a file that may be written lies in \`${cwd}\`, so no command may start there`;
    }
  }
  return undefined;
}
