// The owner's key of this home: read, or made at the first start. On a machine with a control plane both use one file.
import { randomBytes } from 'node:crypto';
import { AppError } from '../../base/errors.ts';
import { bareKey } from '../../base/pin.ts';
import { readOrCreatePrivate } from '../../base/private-file.ts';

const FORM = /^bwo_[A-Za-z0-9_-]{43}$/;

/** The key in the file. Whoever of several programs comes first makes it. Throws SECRET_FILE_UNSAFE. */
export function ownerKey(file: string): string {
  const key = bareKey(readOrCreatePrivate(file, () => `bwo_${randomBytes(32).toString('base64url')}\n`));
  if (FORM.test(key)) return key;
  throw new AppError('SECRET_FILE_UNSAFE', {
    file,
    problem: 'does not hold one owner key; restore it, or remove it to get a new one',
  });
}
