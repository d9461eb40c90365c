// What can be set of the web capability, and the defaults. Data only.
import type { Secret } from '../../../base/secret.ts';
import { PARSER_DEFAULTS, type ParserSettings } from '../../documents/parser-settings.ts';

export interface WebSettings {
  /** How this worker names itself to servers and in robots.txt; its first word is the name there. */
  readonly userAgent: string;
  /** Ports that may be asked beside 80 and 443. */
  readonly ports: readonly number[];
  /** Servers as `host:port` that may be read although they are not of the public web. */
  readonly privateHosts: readonly string[];
  /** Whether Fetch obeys robots.txt; Crawl always does. */
  readonly robotsForFetch: boolean;
  /** Most redirects of one request. */
  readonly redirects: number;
  /** Time until the head of a response is there, and between two pieces of its body, in milliseconds. */
  readonly silenceMs: number;
  /** Bytes of a body that must come in a second, on the average, once it has taken longer than `silenceMs`. */
  readonly slowBytes: number;
  /** Time of one request with its redirects, in milliseconds. */
  readonly requestMs: number;
  /** Bytes of the head of a response. */
  readonly headBytes: number;
  /** Bytes of a body, both as they come and after decompression. */
  readonly bodyBytes: number;
  /** Bytes of all bodies that are kept to be used again, of all tenants together. */
  readonly cacheBytes: number;
  /** Pause between two pages that a crawl asks of one host, in milliseconds; robots.txt may ask for more. */
  readonly pauseMs: number;
  /** The longest pause that a host is granted (Crawl-delay, Retry-After), in milliseconds; who asks for more is not asked again. */
  readonly longestPauseMs: number;
  /** Time of a crawl, in milliseconds; the deadline of its job counts too. */
  readonly crawlMs: number;
  /** Bytes of all bodies of a crawl. */
  readonly crawlBytes: number;
  /** URLs of a crawl that wait to be read. */
  readonly crawlQueue: number;
  readonly parser: ParserSettings;
  /** The search service; undefined: Search says that there is none. */
  readonly search: SearchSettings | undefined;
}

/** A search service that answers GET with JSON. Its host is trusted: it may lie in a private network. */
export interface SearchSettings {
  /** Where it is asked, e.g. `http://searxng:8080/search`; parameters in it are kept. */
  readonly url: string;
  /** Names of the parameters. */
  readonly parameters: { readonly query: string; readonly count?: string; readonly language?: string };
  /** Parameters that are always sent. */
  readonly fixed: Readonly<Record<string, string>>;
  /** Where in the answer the list of results is, as names with dots. */
  readonly results: string;
  /** Fields of one result. */
  readonly fields: {
    readonly url: string;
    readonly title: string;
    readonly snippet: string;
    readonly published?: string;
  };
  /** A header with a key. */
  readonly key?: { readonly header: string; readonly value: Secret };
  readonly timeoutMs: number;
  readonly answerBytes: number;
}

export const WEB_DEFAULTS: WebSettings = Object.freeze({
  userAgent: 'BowlineWeb/1.0',
  ports: [],
  privateHosts: [],
  robotsForFetch: true,
  redirects: 8,
  silenceMs: 10_000,
  slowBytes: 1024,
  requestMs: 30_000,
  headBytes: 32 << 10,
  bodyBytes: 8 << 20,
  cacheBytes: 64 << 20,
  pauseMs: 1000,
  longestPauseMs: 30_000,
  crawlMs: 600_000,
  crawlBytes: 256 << 20,
  crawlQueue: 10_000,
  parser: PARSER_DEFAULTS,
  search: undefined,
});

const SEARCH_DEFAULTS = { timeoutMs: 15_000, answerBytes: 1 << 20 };

/** A SearXNG, or what answers like it (its settings must list `json` among the formats). @param base e.g. `http://searxng:8080` */
export function searxng(base: string): SearchSettings {
  return {
    url: new URL('search', base.endsWith('/') ? base : `${base}/`).href,
    parameters: { query: 'q', language: 'language' },
    fixed: { format: 'json', safesearch: '1' },
    results: 'results',
    fields: { url: 'url', title: 'title', snippet: 'content', published: 'publishedDate' },
    ...SEARCH_DEFAULTS,
  };
}

/** Brave's search API, which wants a key. */
export function brave(key: Secret, url = 'https://api.search.brave.com/res/v1/web/search'): SearchSettings {
  return {
    url,
    parameters: { query: 'q', count: 'count', language: 'search_lang' },
    fixed: {},
    results: 'web.results',
    fields: { url: 'url', title: 'title', snippet: 'description', published: 'page_age' },
    key: { header: 'X-Subscription-Token', value: key },
    ...SEARCH_DEFAULTS,
  };
}
