// The URLs that a crawl has seen and those that it will read, in the order in which they were found. It reads nothing.
import { normaliseUrl } from './normalise-url.ts';

export interface WaitingUrl {
  readonly url: URL;
  readonly depth: number;
}

export class Frontier {
  readonly #limit: number;
  readonly #queue: WaitingUrl[] = [];
  readonly #seen = new Set<string>();
  #next = 0;
  /** Whether URLs were not taken because too many wait. */
  full = false;

  /** @param limit URLs that may wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Queues a URL that was not seen before; whether it was. */
  add(url: URL, depth: number): boolean {
    const name = normaliseUrl(url);
    if (this.#seen.has(name)) return false;
    if (this.#queue.length - this.#next >= this.#limit) {
      this.full = true;
      return false;
    }
    this.#seen.add(name);
    this.#queue.push({ url: new URL(name), depth });
    return true;
  }

  /** A name under which a page that was just read goes too; whether it was seen before. */
  mark(url: URL): boolean {
    const name = normaliseUrl(url);
    const seen = this.#seen.has(name);
    this.#seen.add(name);
    return seen;
  }

  dequeue(): WaitingUrl | undefined {
    const found = this.#queue[this.#next];
    if (found) this.#next++;
    // What was taken is let go now and then.
    if (this.#next > 1024) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
    return found;
  }
}
