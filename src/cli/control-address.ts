// Where the control plane is: --control, else BOWLINE_CONTROL, else what `up` wrote when it was ready, else what this box
// joined.
import { controlUrl } from '../base/control-url.ts';
import { AppError } from '../base/errors.ts';
import type { homePaths } from '../base/home.ts';
import { parsePin } from '../base/pin.ts';
import { readTrusted } from '../base/trusted-file.ts';
import type { CliIo } from './io.ts';

export type Paths = ReturnType<typeof homePaths>;

/** The base URL. Throws USAGE, INSECURE_CONTROL, and NOT_RUNNING when the home knows of no control plane. */
export function controlAddress(flag: string | undefined, env: CliIo['env'], paths: Paths): string {
  const url =
    flag ?? (env.BOWLINE_CONTROL || fieldOf(paths.controlInfo, 'control') || fieldOf(paths.device, 'control'));
  if (!url) throw new AppError('NOT_RUNNING', { where: paths.controlInfo, home: paths.home });
  return controlUrl(url);
}

/** Keys of the control planes that this home knows: the one that ran in it, and the one that its box joined. */
export function knownPins(paths: Paths): Uint8Array[] {
  const own = parsePin(readTrusted(paths.controlPin, { secret: false })?.trim() ?? '');
  const joined = fieldOf(paths.device, 'signingKey');
  const key = joined === undefined ? undefined : new Uint8Array(Buffer.from(joined, 'base64'));
  return [own, key].flatMap((each) => (each?.length === 32 ? [each] : []));
}

/** One text field of a JSON file; undefined when the file is not there or not JSON. */
function fieldOf(file: string, name: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readTrusted(file, { secret: false }) ?? '');
  } catch (error) {
    if (error instanceof AppError) throw error;
    return undefined;
  }
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof found === 'string' ? found : undefined;
}
