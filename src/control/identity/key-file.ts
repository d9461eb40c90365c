// Key files of the control plane: each holds one key of its kind.
import { AppError } from '../../base/errors.ts';
import { bareKey } from '../../base/pin.ts';
import { readOrCreatePrivate } from '../../base/private-file.ts';
import { type BearerKind, kindOf, newKey } from './keys.ts';

/** The key in the file, made at the first call. Throws SECRET_FILE_UNSAFE, also when the file holds something else. */
export function readOrCreateKey(file: string, kind: BearerKind): string {
  // A pin may stand behind it, as one that was made by `bowline keys create` has it.
  const key = bareKey(readOrCreatePrivate(file, () => `${newKey(kind)}\n`));
  if (kindOf(key) === kind) return key;
  const problem = `does not hold one ${kind} key; restore it, or remove it to get a new one`;
  throw new AppError('SECRET_FILE_UNSAFE', { file, problem });
}
