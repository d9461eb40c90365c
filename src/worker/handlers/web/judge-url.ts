// Which URLs may be asked, as far as the URL alone tells. Pure; what a name leads to is judged when it is dialled.
import { AppError } from '../../../base/errors.ts';
import { portOf } from '../../../base/host.ts';
import type { AddressPolicy } from './address-policy.ts';

const MAX_URL = 4096;

/** Names that mean a machine of the own network wherever they are resolved (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`). */
const LOCAL_NAMES =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|home\.arpa|corp|onion|test|invalid)$/;

/** The URL without its fragment. Throws URL_NOT_ALLOWED. @param base what a relative URL is relative to */
export function judgeUrl(text: string, policy: AddressPolicy, base?: URL): URL {
  if (text.length > MAX_URL) throw refused(`it is longer than ${MAX_URL} characters`);
  const url = URL.parse(text.trim(), base?.href);
  if (!url) throw refused('it is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused('only http and https are');
  if (url.username !== '' || url.password !== '') throw refused('it has a user or password in it');
  if (url.href.length > MAX_URL) throw refused(`it is longer than ${MAX_URL} characters`);
  url.hash = '';
  const port = portOf(url);
  if (policy.trusts(url.hostname, port)) return url;
  if (!policy.permitsPort(port)) throw refused(`port ${port} is none of the web's`);
  const literal = literalOf(url);
  if (literal === undefined ? isLocalName(url.hostname) : !policy.permits(literal, port)) throw notPublic();
  return url;
}

/** The address that a URL names itself, in the form that WHATWG's parser gives to all of its spellings; undefined for a name. */
function literalOf({ hostname }: URL): string | undefined {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : undefined;
}

function isLocalName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '').toLowerCase();
  return name === '' || !name.includes('.') || LOCAL_NAMES.test(name);
}

const refused = (problem: string) => new AppError('URL_NOT_ALLOWED', { problem });

/** One error for every host that leads nowhere public, so that it tells nothing of what there is in a private network. */
export const notPublic = (): AppError => refused('its host has no address of the public web');
