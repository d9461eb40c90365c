// Reads one URL of the web with everything that is due: judges each hop of redirects, obeys robots.txt, waits for the host's turn, and
// uses what is in the cache. It does not look into what it reads.
import type { Dispatcher } from 'undici';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { documentKind } from '../../documents/document-kind.ts';
import type { AddressPolicy } from './address-policy.ts';
import { Budget } from './budget.ts';
import { type Exchanged, exchange, type Head } from './exchange.ts';
import type { HostLine } from './host-line.ts';
import type { HttpCache, Stored } from './http-cache.ts';
import { judgeUrl } from './judge-url.ts';
import type { BodyLimit } from './read-body.ts';
import { retryAfterMs } from './retry-after.ts';
import { ROBOTS_BYTES, Robots, type RobotsFile } from './robots.ts';
import type { WebSettings } from './web-settings.ts';

export interface WebClientParts {
  readonly agent: Dispatcher;
  readonly policy: AddressPolicy;
  readonly turns: HostLine;
  readonly cache: HttpCache;
  readonly settings: WebSettings;
  readonly clock: Clock;
}

export interface ReadOptions {
  readonly tenant: string;
  readonly signal: AbortSignal;
  /** Ask the server although the cache has a fresh answer. */
  readonly noCache: boolean;
  readonly obeyRobots: boolean;
  /**
   * Pause before the request, after the last one to this host; more where its robots.txt asks for more. Undefined, for a single page:
   * none, whatever is asked for.
   */
  readonly pauseMs: number | undefined;
  /** Judges the URL of each hop beyond the address policy. */
  readonly judge?: (url: URL) => void;
}

/** What was read. */
export interface WebResource {
  readonly url: URL;
  readonly redirects: readonly string[];
  readonly status: number;
  /** Without parameters. */
  readonly mediaType: string;
  readonly charset: string | undefined;
  readonly body: Uint8Array;
  readonly fromCache: boolean;
  /** Wall time in milliseconds at which the server sent it. */
  readonly readAt: number;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const BUSY = new Set([429, 500, 502, 503, 504]);
const ACCEPT =
  'text/html,application/xhtml+xml,text/plain;q=0.9,application/pdf;q=0.9,application/json;q=0.8,*/*;q=0.5';
/** RFC 9309, section 2.3.1.2. */
const ROBOTS_REDIRECTS = 5;

export class WebClient {
  readonly #parts: WebClientParts;
  readonly robots: Robots;

  constructor(parts: WebClientParts) {
    this.#parts = parts;
    const { userAgent } = parts.settings;
    this.robots = new Robots((url, signal) => this.#readRobots(url, signal), userAgent.split(/[/\s]/)[0]!, parts.clock);
  }

  /** The URL if it may be asked. Throws URL_NOT_ALLOWED. */
  judge(text: string): URL {
    return judgeUrl(text, this.#parts.policy);
  }

  /**
   * Throws URL_NOT_ALLOWED, WEB_ROBOTS, WEB_STATUS, WEB_BUSY, WEB_NOT_TEXT, WEB_TOO_LARGE, WEB_TOO_SLOW, WEB_ANSWER_INVALID,
   * WEB_UNREACHABLE and the signal's reason.
   */
  async read(start: URL, options: ReadOptions): Promise<WebResource> {
    const time = new Budget(this.#parts.settings.requestMs, this.#parts.clock, 'BOWLINE_WEB_REQUEST_MS');
    const redirects: string[] = [];
    for (let url = start; ; ) {
      options.judge?.(url);
      const found = await this.#hop(url, options, time);
      if (!(found instanceof URL)) return { ...found, url, redirects };
      redirects.push(url.href);
      if (redirects.length > this.#parts.settings.redirects || redirects.includes(found.href)) {
        throw new AppError('WEB_ANSWER_INVALID', { problem: 'it redirects in circles or too often' });
      }
      url = found;
    }
  }

  /** One request of a chain of redirects, or the answer of the cache. */
  async #hop(url: URL, options: ReadOptions, time: Budget): Promise<URL | Omit<WebResource, 'url' | 'redirects'>> {
    const { tenant, signal, noCache, obeyRobots } = options;
    const { cache, turns, settings } = this.#parts;
    const asked = obeyRobots ? await this.robots.require(url, signal) : 0;
    const stored = cache.get(tenant, url);
    if (stored && !noCache && cache.isFresh(stored)) return resource(stored, 200, true);
    const pauseMs = options.pauseMs === undefined ? 0 : Math.max(asked, options.pauseMs);
    const answer = await turns.inLine(url.host, pauseMs, signal, () =>
      time.spend(signal, (bounded) =>
        exchange(url, {
          ...this.#common(conditions(stored), bounded),
          limit: this.#limit(settings.bodyBytes, false),
          judge: refuseNoText,
        }),
      ),
    );
    const { status, body } = answer;
    if (status === 304 && stored) return resource(cache.renew(tenant, url, stored, answer), 200, true);
    if (REDIRECTS.has(status)) return this.#next(url, answer);
    if (status < 200 || status > 299) throw this.#refusal(url, answer);
    cache.put(tenant, url, answer, body);
    const fresh = { contentType: answer.header('content-type') ?? '', body, readAt: this.#parts.clock.now() };
    return resource(fresh, status, false);
  }

  #next(url: URL, { status, header }: Head): URL {
    const location = header('location');
    if (!location) throw new AppError('WEB_STATUS', { status });
    return judgeUrl(asUtf8(location), this.#parts.policy, url);
  }

  #refusal({ host }: URL, { status, header }: Head): AppError {
    if (!BUSY.has(status)) return new AppError('WEB_STATUS', { status });
    const wait = retryAfterMs(header('retry-after'), this.#parts.clock.now());
    if (wait > 0) this.#parts.turns.leave(host, wait);
    return new AppError('WEB_BUSY', {
      problem: `it answered with status ${status}`,
      ...(wait > 0 ? { retryAfterMs: wait } : {}),
    });
  }

  /** RFC 9309, section 2.3.1: no file allows everything, a server that cannot give it allows nothing. Throws as `read`. */
  async #readRobots(start: URL, signal: AbortSignal): Promise<RobotsFile> {
    const time = new Budget(this.#parts.settings.requestMs, this.#parts.clock, 'BOWLINE_WEB_REQUEST_MS');
    let url = judgeUrl(start.href, this.#parts.policy);
    for (let redirects = 0; redirects <= ROBOTS_REDIRECTS; redirects++) {
      const place = url;
      const answer: Exchanged = await this.#parts.turns.inLine(place.host, 0, signal, () =>
        time.spend(signal, (bounded) =>
          exchange(place, { ...this.#common({}, bounded), limit: this.#limit(ROBOTS_BYTES, true) }),
        ),
      );
      const { status, body } = answer;
      if (status >= 200 && status < 300) return { bytes: body };
      if (!REDIRECTS.has(status)) return status >= 400 && status <= 499 && status !== 429 ? 'none' : { status };
      url = this.#next(url, answer);
    }
    return 'none';
  }

  #limit(bytes: number, cut: boolean): BodyLimit {
    const { slowBytes: bytesPerSecond, silenceMs: afterMs } = this.#parts.settings;
    return { bytes, cut, slow: { bytesPerSecond, afterMs, clock: this.#parts.clock } };
  }

  #common(more: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { agent, settings } = this.#parts;
    return { agent, signal, headers: { 'user-agent': settings.userAgent, accept: ACCEPT, ...more } };
  }
}

function refuseNoText({ header }: Head): void {
  const { mediaType } = typeOf(header('content-type') ?? '');
  // Without a look at the bytes, which may still tell that it is none.
  if (documentKind(mediaType, new Uint8Array()) === undefined)
    throw new AppError('WEB_NOT_TEXT', { mediaType: mediaType.slice(0, 128) });
}

/** Header fields come as octets, a letter each; letters that are not ASCII are meant as UTF-8 where they can be that. */
function asUtf8(field: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(field, 'latin1'));
  } catch {
    return field;
  }
}

function conditions(stored: Stored | undefined): Record<string, string> {
  if (!stored) return {};
  return {
    ...(stored.etag === undefined ? {} : { 'if-none-match': stored.etag }),
    ...(stored.lastModified === undefined ? {} : { 'if-modified-since': stored.lastModified }),
  };
}

function resource(
  { contentType, body, readAt }: Pick<Stored, 'contentType' | 'body' | 'readAt'>,
  status: number,
  fromCache: boolean,
) {
  return { ...typeOf(contentType), status, body, fromCache, readAt };
}

function typeOf(contentType: string): { readonly mediaType: string; readonly charset: string | undefined } {
  const [type = '', ...parameters] = contentType.slice(0, 512).split(';');
  const charset = parameters
    .map((one) => /^\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(one)?.[1])
    .find((one) => one !== undefined);
  return { mediaType: type.trim().toLowerCase(), charset };
}
