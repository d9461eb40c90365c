// Judges the URL of a control plane, wherever it was written: secrets go over TLS, or stay on this machine.

import { AppError } from './errors.ts';
import { isLoopback } from './host.ts';
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
