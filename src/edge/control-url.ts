// Judges the URL of a control plane: secrets go over TLS, or to this machine.
import { isIP } from 'node:net';
import { AppError } from '../base/errors.ts';

/** The URL without a path's trailing slash. Throws INVALID_ARGUMENT, and INSECURE_CONTROL for http:// beyond loopback. */
export function controlUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new AppError('USAGE', { what: `the control plane's URL ${printable(text)} is not a URL` }, { cause });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('USAGE', { what: `the control plane's URL begins with https:// (or http:// on this machine)` });
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new AppError('USAGE', { what: `the control plane's URL has only a scheme, host, port and path` });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new AppError('INSECURE_CONTROL', { url: `${url.protocol}//${url.host}` });
  }
  return url.href.replace(/\/+$/, '');
}

/** Whether two URLs surely name one control plane: the same URL, or both on this machine, where ports change. */
export function sameControl(a: string, b: string): boolean {
  return a === b || (isLoopback(new URL(a).hostname) && isLoopback(new URL(b).hostname));
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '[::1]') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

const printable = (text: string): string => JSON.stringify(text.slice(0, 100));
