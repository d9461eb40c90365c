// Where the control plane is, for every program that dials it, and which keys of control planes a home knows. A URL is judged wherever it
// was written: secrets go over TLS, or stay on this machine.
import { type DeviceField, deviceFields, pinnedIn } from './device-file.ts';
import { AppError } from './errors.ts';
import type { HomePaths } from './home.ts';
import { readControlInfo, readPin } from './home-files.ts';
import { isLoopback } from './host.ts';
import { notRunning } from './is-starting.ts';
import { readPrivate } from './private-file.ts';
import { trimEndSigns } from './trim-signs.ts';

/** The URL without a path's trailing slash. Throws USAGE, and INSECURE_CONTROL for http:// beyond this machine. */
export function controlUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new AppError('USAGE', {
      what: `${JSON.stringify(text.slice(0, 200))} is not the URL of a control plane, like https://bowline.example or http://127.0.0.1:7420${hint(text)}`,
    });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new AppError('INSECURE_CONTROL', { url: url.origin });
  return trimEndSigns(url.href, '/');
}

/** Whether two URLs surely name one control plane: the same URL, or both on this machine, where ports change. */
export function sameControl(a: string, b: string): boolean {
  return a === b || (isLoopback(new URL(a).hostname) && isLoopback(new URL(b).hostname));
}

/** What is often wrong with an IPv6 address in a URL. */
function hint(text: string): string {
  if (/:\/\/[^/]{0,300}:[^/]{0,300}%/.test(text))
    return '; no URL can hold a zone (what stands behind %): use a name or another address';
  return /:\/\/[^/[\]]*:[^/[\]]*:/.test(text) ? '; an IPv6 address stands in brackets: http://[::1]:7420' : '';
}

/** What says where the control plane is, first to last. */
export interface AddressSources {
  readonly flag: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly paths: HomePaths;
  /** Whether the control plane that this box joined is the last resort. */
  readonly joined: boolean;
}

/**
 * `--control`, else BOWLINE_CONTROL, else what `up` wrote when it was ready, else what this box joined. Throws USAGE, INSECURE_CONTROL, what a
 * damaged file is, and NOT_RUNNING or STARTING when the home knows of no control plane.
 */
export function controlAddress({ flag, env, paths, joined }: AddressSources): string {
  const url =
    flag ??
    (env.BOWLINE_CONTROL ||
      readControlInfo(paths.controlInfo) ||
      (joined ? joinedFields(paths.device)?.('control') : undefined));
  if (!url) throw notRunning(paths, paths.controlInfo);
  return controlUrl(url);
}

/**
 * Keys of the control planes that this home knows: the one that ran in it, and the one that its box joined. What is damaged is an error
 * only where nothing else is known.
 */
export function knownPins(paths: HomePaths): Uint8Array[] {
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
  const text = readPrivate(file, { link: true, ours: true, shared: true });
  return text === undefined ? undefined : deviceFields(file, text);
}

function attempt<T>(read: () => T): { value?: T; error?: unknown } {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
}
