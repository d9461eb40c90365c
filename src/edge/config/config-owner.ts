// Who may write config.yaml: whoever may do that decides what this box allows. Looked at whenever it is read.
import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { isOurs } from '../../base/private-file.ts';

/** @throws CONFIG_INVALID when somebody else may write it; a file that is not there, or cannot be looked at, is judged by its reader */
export function mustBeOwners(file: string): void {
  const problem = problemOf(file);
  if (problem !== undefined) throw new AppError('CONFIG_INVALID', { file, line: 1, column: 1, problem });
}

function problemOf(file: string): string | undefined {
  let found: Stats | undefined;
  try {
    found = statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
  if (!found) return undefined;
  const { uid, gid, mode } = found;
  // Whoever has the folder can replace the file.
  if (!isOurs(uid) && uid !== statSync(dirname(file)).uid)
    return `belongs to the user ${uid}, who can change what is allowed here; \`chown\` it to yours`;
  const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== process.getgid?.());
  return others ? 'can be written by other users of this machine; `chmod go-w` it' : undefined;
}
