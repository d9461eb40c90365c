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
