// The HTTP proxies that the environment names, and through which of them a URL is asked. Pure.
import { BlockList, isIP } from 'node:net';
import { AppError } from './errors.ts';
import { bareHost, isLoopback, portOf } from './host.ts';

export type ProxyEnv = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for this URL: https_proxy or HTTPS_PROXY for `https:`, http_proxy or HTTP_PROXY for `http:`; as with curl the small
 * name wins. Undefined: it is dialled directly, as is this machine always and what NO_PROXY names. Throws USAGE for what is no proxy.
 */
export function proxyFor(url: URL, env: ProxyEnv): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  if (isLoopback(url.hostname)) return undefined;
  const proxy = namedProxy(env, name.toLowerCase()) ?? namedProxy(env, name);
  return proxy && !isExempt(url, noProxyOf(env)) ? proxy : undefined;
}

/** The proxy in this variable. Throws USAGE for what is none. */
export function namedProxy(env: ProxyEnv, name: string): URL | undefined {
  const said = env[name]?.trim() ?? '';
  if (said === '') return undefined;
  const url = URL.parse(said.includes('://') ? said : `http://${said}`);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  // Its value may hold a password.
  throw new AppError('USAGE', { what: `${name} is no proxy of the form http://host:port` });
}

export const noProxyOf = (env: ProxyEnv): string => env.no_proxy || env.NO_PROXY || '';

/**
 * Whether NO_PROXY names the host: `*`, a name (which stands for all below it, too, with or without a dot in front), an address
 * or a network like 10.0.0.0/8; each with `:port` where only one port is meant.
 */
function isExempt(url: URL, noProxy: string): boolean {
  const host = bareHost(url.hostname).toLowerCase().replace(/\.$/, '');
  const port = String(portOf(url));
  return noProxy
    .toLowerCase()
    .split(/[,\s]/)
    .some((entry) => matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [, named = '', onlyPort] = isIP(entry) === 6 ? [entry, entry] : (/^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? []);
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const bare = bareHost(named)
    .replace(/^\*?\./, '')
    .replace(/\.$/, '');
  if (bare === '') return false;
  const family = isIP(host);
  if (family === 0) return host === bare || host.endsWith(`.${bare}`);
  const [address = '', bits] = bare.split('/');
  if (isIP(address) !== family) return false;
  const width = bits === undefined ? (family === 4 ? 32 : 128) : Number(bits);
  if (!Number.isInteger(width) || width < 0 || width > (family === 4 ? 32 : 128)) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const network = new BlockList();
  network.addSubnet(address, width, kind);
  return network.check(host, kind);
}

/** What a proxy wants to know of its user; undefined: nothing. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const words = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${Buffer.from(words).toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
