// Where a worker finds its control plane and its own key: flags, environment, or what a control plane left in the home.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { controlUrl } from '../base/control-url.ts';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import { parsePin, splitKey } from '../base/pin.ts';
import { Secret } from '../base/secret.ts';
import { readTrusted } from '../base/trusted-file.ts';
import type { WorkerIo } from './worker-io.ts';

type Env = WorkerIo['env'];

/** `--control`, else BOWLINE_CONTROL, else the control plane of this home. Throws USAGE, INSECURE_CONTROL, NOT_RUNNING. */
export function controlAddress(flag: string | undefined, env: Env, home: string): string {
  const { controlInfo } = homePaths(home);
  const text = flag ?? (env.BOWLINE_CONTROL || announced(controlInfo));
  if (!text) throw new AppError('NOT_RUNNING', { where: controlInfo, home });
  return controlUrl(text);
}

function announced(file: string): string | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null && 'control' in value ? String(value.control) : undefined;
  } catch {
    return undefined;
  }
}

export interface WorkerKey {
  readonly key: Secret;
  /** Raw public keys of control planes that may be shown it. */
  readonly pins: readonly Uint8Array[];
}

/**
 * The key in the file that the settings state, else the key that the home's own control plane made; behind the key the file has
 * the pin of its control plane, else the home may have one. Throws USAGE, SECRET_FILE_UNSAFE.
 */
export function workerKey(stated: string | undefined, home: string): WorkerKey {
  const own = join(homePaths(home).control, 'worker.key');
  const file = resolve(stated ?? own);
  const text = readTrusted(file, { secret: stated === undefined });
  if (text === undefined) {
    throw new AppError('USAGE', {
      what: `no worker key in ${file}; make one with \`bowline workers create-key NAME > worker.key\` and pass --key-file`,
    });
  }
  const { key, pin } = splitKey(text);
  if (!/^bww_\S+$/.test(key))
    throw new AppError('USAGE', { what: `${file} holds no worker key (they begin with bww_)` });
  const known = pin ?? parsePin(readTrusted(homePaths(home).controlPin, { secret: false })?.trim() ?? '');
  return { key: new Secret(key), pins: known ? [known] : [] };
}
