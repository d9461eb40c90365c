// Where the control plane is: --control, else BOWLINE_CONTROL, else what `up` wrote when it was ready, else what this box
// joined.
import { controlUrl } from '../base/control-url.ts';
import { type DeviceField, deviceFields, pinnedIn } from '../base/device-file.ts';
import { AppError } from '../base/errors.ts';
import type { homePaths } from '../base/home.ts';
import { readControlInfo, readPin } from '../base/home-files.ts';
import { readTrusted } from '../base/trusted-file.ts';
import type { CliIo } from './io.ts';

export type Paths = ReturnType<typeof homePaths>;

/** The base URL. Throws USAGE, INSECURE_CONTROL, what a damaged file is, and NOT_RUNNING when the home knows of no control plane. */
export function controlAddress(flag: string | undefined, env: CliIo['env'], paths: Paths): string {
  const url =
    flag ?? (env.BOWLINE_CONTROL || readControlInfo(paths.controlInfo) || joinedFields(paths.device)?.('control'));
  if (!url) throw new AppError('NOT_RUNNING', { where: paths.controlInfo, home: paths.home });
  return controlUrl(url);
}

/**
 * Keys of the control planes that this home knows: the one that ran in it, and the one that its box joined. What is damaged is an error
 * only where nothing else is known.
 */
export function knownPins(paths: Paths): Uint8Array[] {
  const file = paths.device;
  const joined = () => {
    const at = joinedFields(file);
    return at && pinnedIn(file, at).publicKey;
  };
  const known = [() => readPin(paths.controlPin), joined].map(attempt);
  const pins = known.flatMap(({ value }) => (value ? [value] : []));
  const failed = known.find(({ error }) => error !== undefined);
  if (pins.length === 0 && failed) throw failed.error;
  return pins;
}

function joinedFields(file: string): DeviceField | undefined {
  const text = readTrusted(file, { secret: false });
  return text === undefined ? undefined : deviceFields(file, text);
}

function attempt<T>(read: () => T): { value?: T; error?: unknown } {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
}
