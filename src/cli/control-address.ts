// Where the control plane is: --control, else BOWLINE_CONTROL, else what `up` wrote when it was ready, else what this box
// joined. The owner's key goes over TLS, or stays on this machine.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { AppError } from '../base/errors.ts';
import type { homePaths } from '../base/home.ts';
import type { CliIo } from './io.ts';

type Paths = ReturnType<typeof homePaths>;

/** The base URL. Throws USAGE, INSECURE_CONTROL, and NOT_RUNNING when the home knows of no control plane. */
export function controlAddress(flag: string | undefined, env: CliIo['env'], paths: Paths): string {
  const url =
    flag ?? (env.BOWLINE_CONTROL || fieldOf(paths.controlInfo, 'control') || fieldOf(paths.device, 'control'));
  if (!url) throw new AppError('NOT_RUNNING', { where: paths.controlInfo, home: paths.home });
  return judged(url);
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

function judged(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new AppError('USAGE', {
      what: `${JSON.stringify(text.slice(0, 200))} is not the URL of a control plane, like https://bowline.example or http://127.0.0.1:7070`,
    });
  }
  const local = url.hostname === 'localhost' || url.hostname === '[::1]' || isLoopback(url.hostname);
  if (url.protocol === 'http:' && !local) throw new AppError('INSECURE_CONTROL', { url: url.origin });
  return url.href.replace(/\/+$/, '');
}

const isLoopback = (host: string): boolean => isIP(host) === 4 && host.startsWith('127.');
