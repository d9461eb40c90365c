// Links in a terminal (OSC 8). The text stays what it was; only web addresses and files of this machine are linked.
import { pathToFileURL } from 'node:url';
import { inertLine } from '../base/inert.ts';
import type { OutStream } from '../base/out-stream.ts';
import type { CliIo } from './io.ts';

/** Links a text to an address, where the terminal can. */
export type LinkText = (text: string, address: string | undefined) => string;

export const noLink: LinkText = (text) => inertLine(text);

/** Loads what knows which terminals can. It reads the environment of the process. */
export async function linksOf(stream: OutStream, env: CliIo['env']): Promise<LinkText> {
  if (stream.isTTY !== true || env.TERM === 'dumb') return noLink;
  const { createSupportsHyperlinks } = await import('supports-hyperlinks');
  if (!createSupportsHyperlinks({ isTTY: true })) return noLink;
  return (text, address) => {
    const to = address === undefined ? undefined : printable(address);
    return to === undefined ? inertLine(text) : `\x1b]8;;${to}\x1b\\${inertLine(text)}\x1b]8;;\x1b\\`;
  };
}

/** As an address in which nothing stands that a terminal obeys: it is percent-encoded. */
function printable(address: string): string | undefined {
  const url = address.startsWith('/') ? pathToFileURL(address) : URL.parse(address);
  return url && ['file:', 'http:', 'https:'].includes(url.protocol) && /^[\x21-\x7e]+$/.test(url.href)
    ? url.href
    : undefined;
}
