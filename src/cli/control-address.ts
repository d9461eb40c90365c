// Where the control plane is: --control, else BOWLINE_CONTROL, else what `up` wrote when it was ready, else what this box
// joined.
import { readFileSync } from 'node:fs';
import { controlUrl } from '../base/control-url.ts';
import { AppError } from '../base/errors.ts';
import type { homePaths } from '../base/home.ts';
import type { CliIo } from './io.ts';

type Paths = ReturnType<typeof homePaths>;

/** The base URL. Throws USAGE, INSECURE_CONTROL, and NOT_RUNNING when the home knows of no control plane. */
export function controlAddress(flag: string | undefined, env: CliIo['env'], paths: Paths): string {
  const url =
    flag ?? (env.BOWLINE_CONTROL || fieldOf(paths.controlInfo, 'control') || fieldOf(paths.device, 'control'));
  if (!url) throw new AppError('NOT_RUNNING', { where: paths.controlInfo, home: paths.home });
  return controlUrl(url);
}

/** One text field of a JSON file; undefined when the file is not there or not JSON. */
function fieldOf(file: string, name: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof found === 'string' ? found : undefined;
}
