// Knows what hosts allow in their robots.txt, for a day each (RFC 9309). Reading the file is the caller's; a hostile file costs a bounded time.
import { LRUCache } from 'lru-cache';
import robotsParser, { type Robot } from 'robots-parser';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';

/** What must be read of a file at least (RFC 9309, section 2.5); what is beyond is not read. */
export const ROBOTS_BYTES = 500 << 10;
const HOSTS = 2000;
const DAY_MS = 24 * 3_600_000;
/** A host whose file cannot be had is asked for it again after this. */
const AGAIN_MS = 5 * 60_000;
/** Time to match a rule with wildcards grows with both its length and that of the path. */
const WILDCARD_RULES = 500;
const WILDCARD_LENGTH = 256;
const PATH_LENGTH = 2048;
const LINE_LENGTH = 4096;

/** A CommonJS module whose types say `default`. */
const parseRobots = robotsParser as unknown as (url: string, text: string) => Robot;

/** The file's text, `everything` where there is none, `nothing` where it cannot be had now. */
export type RobotsFile = { readonly text: string } | 'everything' | 'nothing';

export type ReadRobots = (url: URL, signal: AbortSignal) => Promise<RobotsFile>;

export interface Permission {
  readonly allowed: boolean;
  /** Pause that the host asks for between two pages, in milliseconds. */
  readonly pauseMs: number;
}

interface Known {
  readonly file: Robot | 'everything' | 'nothing';
  readonly until: number;
}

export class Robots {
  readonly #read: ReadRobots;
  readonly #agent: string;
  readonly #clock: Clock;
  readonly #known = new LRUCache<string, Known>({ max: HOSTS });

  /** @param agent the name that rules are looked for under */
  constructor(read: ReadRobots, agent: string, clock: Clock) {
    this.#read = read;
    this.#agent = agent;
    this.#clock = clock;
  }

  async permits(url: URL, signal: AbortSignal): Promise<Permission> {
    const { file } = await this.#of(url, signal);
    if (file === 'everything' || file === 'nothing') return { allowed: file === 'everything', pauseMs: 0 };
    const path = `${url.pathname}${url.search}`;
    const delay = file.getCrawlDelay(this.#agent) ?? 0;
    const allowed = path.length <= PATH_LENGTH && file.isAllowed(url.href, this.#agent) !== false;
    return { allowed, pauseMs: Number.isFinite(delay) && delay > 0 ? delay * 1000 : 0 };
  }

  /** Throws WEB_ROBOTS. Gives the pause that the host asks for. */
  async require(url: URL, signal: AbortSignal): Promise<number> {
    const { allowed, pauseMs } = await this.permits(url, signal);
    if (!allowed) throw new AppError('WEB_ROBOTS', { host: url.host });
    return pauseMs;
  }

  async #of(url: URL, signal: AbortSignal): Promise<Known> {
    const known = this.#known.get(url.origin);
    if (known && known.until > this.#clock.now()) return known;
    const place = new URL('/robots.txt', url);
    const file = await this.#read(place, signal);
    const parsed = typeof file === 'string' ? file : parse(place, file.text);
    const fresh: Known = { file: parsed, until: this.#clock.now() + (file === 'nothing' ? AGAIN_MS : DAY_MS) };
    this.#known.set(url.origin, fresh);
    return fresh;
  }
}

/** A file that would cost too much to obey allows nothing. */
function parse(place: URL, text: string): Robot | 'nothing' {
  const lines = text.split(/\r\n?|\n/);
  let wildcards = 0;
  for (const line of lines) {
    if (line.length > LINE_LENGTH) return 'nothing';
    if (!/^\s{0,16}(?:dis)?allow\b/i.test(line) || !line.includes('*')) continue;
    if (++wildcards > WILDCARD_RULES || line.length > WILDCARD_LENGTH) return 'nothing';
  }
  return parseRobots(place.href, text);
}
