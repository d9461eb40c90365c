// How names become addresses: the system's resolver by default; tests bring their own.
import { lookup } from 'node:dns/promises';

/** All addresses of a name. Rejects as `dns.lookup` does. */
export type Resolve = (hostname: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, order: 'verbatim' });
