// Judges a URL by its letters, before anything is looked up: it must begin with the name or with exactly the URL of an entry, and stay below
// its path in every reading. Pure.
import type { LanEntry, LanMethod } from '../config/lan-entry.ts';

/** What is asked of a server. */
export interface AskedUrl {
  readonly url: string;
  readonly query: readonly { readonly name: string; readonly value: string }[];
  readonly method: LanMethod;
  /** Whether it is to change something. */
  readonly acts: boolean;
}

/** A request that an entry permits. */
export interface AllowedUrl {
  readonly entry: LanEntry;
  /** Path and query, exactly as they are sent. */
  readonly target: string;
  /** Decoded. */
  readonly path: string;
  /** Decoded, `name=value`. */
  readonly query: readonly string[];
}

/** Longest path and query that is sent. */
const MOST_CHARS = 8192;

/** Signs that one parser drops, or takes for others, and another does not. */
const UNCLEAR = /[\p{Cc}\s\\#\u2028\u2029\ufffd]/u;

/** The permitted request of the entry with the longest path; undefined where there is none. */
export function judgeLanUrl(asked: AskedUrl, entries: readonly LanEntry[]): AllowedUrl | undefined {
  const { url, method, acts } = asked;
  if (!url.isWellFormed() || UNCLEAR.test(url)) return undefined;
  const permits = ({ methods, get }: LanEntry) =>
    methods.includes(method) && (method !== 'GET' || (get === 'act') === acts);
  const found = entries.filter(permits).flatMap((entry) => placeBelow(asked, entry) ?? []);
  return found.sort((a, b) => b.entry.path.length - a.entry.path.length)[0];
}

function placeBelow({ url: text, query }: AskedUrl, entry: LanEntry): AllowedUrl | undefined {
  const rest = restOf(text, entry);
  if (rest === undefined || !isPlainPath(rest)) return undefined;
  const whole = `${entry.origin}${rest}`;
  if (!URL.canParse(whole)) return undefined;
  const url = new URL(whole);
  if (url.origin !== entry.origin || url.username !== '' || url.password !== '') return undefined;
  if (url.pathname !== entry.path && !url.pathname.startsWith(`${entry.path}/`)) return undefined;
  for (const { name, value } of query) url.searchParams.append(name, value);
  const target = `${url.pathname}${url.search}`;
  if (target.length > MOST_CHARS) return undefined;
  return {
    entry,
    target,
    path: decodeURIComponent(url.pathname),
    query: [...url.searchParams].map(([name, value]) => `${name}=${value}`),
  };
}

/** What stands behind the entry's name or its scheme, host and port, from the slash on. Nothing else may stand between them. */
function restOf(text: string, { name, origin, path }: LanEntry): string | undefined {
  for (const [start, before] of [
    [name, path],
    [origin, ''],
  ] as const) {
    if (!text.startsWith(start)) continue;
    const rest = text.slice(start.length);
    if (rest === '' || rest.startsWith('?')) return `${before === '' ? '/' : before}${rest}`;
    if (rest.startsWith('/')) return `${before}${rest}`;
  }
  return undefined;
}

/** Whether a path means the same to whoever reads it: decoded once or twice, by segments, with parameters or without. */
function isPlainPath(rest: string): boolean {
  const end = rest.indexOf('?');
  const path = end < 0 ? rest : rest.slice(0, end);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return false;
  }
  // A slash that was encoded, and what would be decoded once more.
  if (decoded.split('/').length !== path.split('/').length || /%[0-9a-f]{2}/i.test(decoded)) return false;
  if (UNCLEAR.test(decoded.replaceAll(' ', '')) || decoded.includes('//')) return false;
  return decoded.split('/').every((segment) => !/^\.{1,2}(?:;|$)/.test(segment));
}
