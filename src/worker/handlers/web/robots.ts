// Knows what hosts allow in their robots.txt, for a day each (RFC 9309). Reading the file is the caller's, its rules are of robots-rules.ts.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../base/clock.ts';
import { AppError, retold } from '../../../base/errors.ts';
import { type RobotsRules, robotsRules } from './robots-rules.ts';

/** What must be read of a file at least (RFC 9309, section 2.5); what is beyond is not read. */
export const ROBOTS_BYTES = 500 << 10;
const HOSTS = 2000;
const DAY_MS = 24 * 3_600_000;
/** A host that says that it cannot give its file is asked for it again after this. */
const AGAIN_MS = 5 * 60_000;
/** One that could not be reached, after this: as soon as it can be, its pages can be read. */
const LOST_MS = 10_000;

/** The file, or that there is none. `status`: the server said that it cannot give it now; then nothing is allowed. */
export type RobotsFile = { readonly bytes: Uint8Array } | 'none' | { readonly status: number };

/** Throws why the host cannot be asked at all. */
export type ReadRobots = (url: URL, signal: AbortSignal) => Promise<RobotsFile>;

interface Known {
  readonly answer: RobotsRules | 'everything' | { readonly problem: string } | AppError;
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

  /**
   * Gives the pause that the host asks for between two pages, in milliseconds. Throws WEB_ROBOTS, and where the host cannot be asked
   * what stands in the way.
   */
  async require(url: URL, signal: AbortSignal): Promise<number> {
    const answer = await this.#of(url, signal);
    if (answer === 'everything') return 0;
    if (answer instanceof AppError) throw answer;
    const problem = 'problem' in answer ? answer.problem : answer.permits(url) ? undefined : 'it does not allow it';
    if (problem !== undefined) throw new AppError('WEB_ROBOTS', { host: url.host, problem });
    return 'delay' in answer ? answer.delay * 1000 : 0;
  }

  async #of(url: URL, signal: AbortSignal): Promise<Known['answer']> {
    const known = this.#known.get(url.origin);
    if (known && known.until > this.#clock.now()) return known.answer;
    const [answer, ms] = await this.#ask(new URL('/robots.txt', url), signal);
    this.#known.set(url.origin, { answer, until: this.#clock.now() + ms });
    return answer;
  }

  /** The answer, and for how long it holds. */
  async #ask(place: URL, signal: AbortSignal): Promise<[Known['answer'], number]> {
    try {
      const file = await this.#read(place, signal);
      if (file === 'none') return ['everything', DAY_MS];
      if ('status' in file) return [{ problem: `the server answered with status ${file.status} instead` }, AGAIN_MS];
      const rules = robotsRules(file.bytes, file.bytes.length >= ROBOTS_BYTES, this.#agent);
      return [rules === 'too many' ? { problem: 'it has more rules than are obeyed' } : rules, DAY_MS];
    } catch (error) {
      signal.throwIfAborted();
      // An address that may not be asked is the answer for the page too, and who asks for a pause says for how long.
      if (!(error instanceof AppError) || error.reason === 'URL_NOT_ALLOWED' || error.reason === 'WEB_BUSY')
        throw error;
      return [ofRobots(error), LOST_MS];
    }
  }
}

/** The same error, with what was asked for when it happened. */
function ofRobots(error: AppError): AppError {
  const { problem } = error.metadata;
  return problem === undefined ? error : retold(error, { problem: `asked for its robots.txt: ${problem}` });
}
