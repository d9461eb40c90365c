// Where a worker finds its own key: what its settings state, or what a control plane left in the home.
import { join, resolve } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { readPin } from '../../base/home-files.ts';
import { splitKey } from '../../base/pin.ts';
import { readPrivate } from '../../base/private-file.ts';
import { Secret } from '../../base/secret.ts';

export interface WorkerKey {
  readonly key: Secret;
  /** Raw public keys of control planes that may be shown it. */
  readonly pins: readonly Uint8Array[];
}

/**
 * The key in the file that the settings state, else the key that the home's own control plane made; behind the key the file has
 * the pin of its control plane, else the home may have one. Throws USAGE, SECRET_FILE_UNSAFE, HOME_FILE_DAMAGED.
 */
export function workerKey(stated: string | undefined, home: string): WorkerKey {
  const own = join(homePaths(home).control, 'worker.key');
  const file = resolve(stated ?? own);
  const text = readPrivate(file, { link: true, ours: true, shared: stated !== undefined });
  if (text === undefined) {
    throw new AppError('USAGE', {
      what: `no worker key in ${file}; make one with \`bowline workers create-key NAME --package llm > worker.key\` and pass --key-file`,
    });
  }
  const { key, pin } = splitKey(text);
  if (!/^bww_[A-Za-z0-9_-]{43}$/.test(key))
    throw new AppError('USAGE', {
      what: `${file} holds no whole worker key (bww_ and 43 letters); ${remedyFor(file, own)}`,
    });
  const known = pin ?? readPin(homePaths(home).controlPin);
  return { key: new Secret(key), pins: known ? [known] : [] };
}

/** The home's own is made by the control plane; any other by its owner. */
const remedyFor = (file: string, own: string): string =>
  file === own
    ? 'remove it and start the control plane of this home again, which makes a new one'
    : 'make one with `bowline workers create-key NAME --package llm > worker.key`';
