// Hosts as they stand in addresses and URLs: the one place that puts a URL together, so that IPv6 always has its brackets.
import { isIP } from 'node:net';

/** Without brackets, as sockets take it. */
export const bareHost = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** As it stands in front of `:port`. */
function hostInUrl(host: string): string {
  const bare = bareHost(host);
  return isIP(bare) === 6 ? `[${bare}]` : bare;
}

/** The port that a URL of `http` or `https` means. */
export const portOf = ({ port, protocol }: Pick<URL, 'port' | 'protocol'>): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);

export const hostAndPort = (host: string, port: number): string => `${hostInUrl(host)}:${port}`;

/** The URL of a server that listens on `host`, as another program of this machine dials it. */
export function serverUrl(secure: boolean, host: string, port: number): string {
  const bare = bareHost(host);
  const dialled = bare === '0.0.0.0' ? '127.0.0.1' : isAnyV6(bare) ? '::1' : bare;
  return `${secure ? 'https' : 'http'}://${hostAndPort(dialled, port)}`;
}

/** Whether the host is this machine for certain, however it is written. A name counts only if it is `localhost`. */
export function isLoopback(host: string): boolean {
  const bare = bareHost(host);
  if (bare === 'localhost') return true;
  if (isIP(bare) === 4) return bare.startsWith('127.');
  if (isIP(bare) !== 6) return false;
  const short = canonicalV6(bare);
  return short === '::1' || /^::ffff:7f[0-9a-f]{2}:/.test(short ?? '');
}

const isAnyV6 = (host: string): boolean => isIP(host) === 6 && canonicalV6(host) === '::';

/** In its shortest form; undefined with a zone, which no URL can hold. */
function canonicalV6(host: string): string | undefined {
  const url = `http://[${host}]/`;
  return URL.canParse(url) ? bareHost(new URL(url).hostname) : undefined;
}
