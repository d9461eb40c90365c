// Good manners: one request at a time to each host, with the pause that is due, and none while a host asks to be left alone.
import type { Clock } from '../../../base/clock.ts';
import { sleep } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';

/** Hosts that are remembered; those without anything to remember are forgotten first. */
const HOSTS = 10_000;
/** Requests that wait for one host. */
const WAITING = 64;

interface Host {
  /** The end of the request that came last. */
  tail: Promise<void>;
  waiting: number;
  /** When the last request ended, and until when the host wants none; monotonic. */
  lastMs: number;
  closedUntilMs: number;
}

export class HostLine {
  readonly #clock: Clock;
  readonly #longestMs: number;
  readonly #hosts = new Map<string, Host>();

  /** @param longestMs the longest pause that a host is granted */
  constructor(clock: Clock, longestMs: number) {
    this.#clock = clock;
    this.#longestMs = longestMs;
  }

  /**
   * Does `work` when it is this request's turn, at least `pauseMs` after the last one ended. Throws WEB_BUSY when the host wants a longer
   * pause than it is granted or too many wait for it, and the signal's reason.
   */
  async inLine<T>(name: string, pauseMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const host = this.#of(name);
    if (host.waiting >= WAITING)
      throw new AppError('WEB_BUSY', {
        problem: `${WAITING} requests wait for this host already, which is the fixed limit`,
      });
    const before = host.tail;
    let done: () => void = () => {};
    host.tail = new Promise((resolve) => {
      done = resolve;
    });
    host.waiting++;
    try {
      await until(before, signal);
      await this.#pause(host, pauseMs, signal);
      return await work();
    } finally {
      host.lastMs = this.#clock.monotonic();
      host.waiting--;
      // Who gave up waiting must not let the next one pass the one before.
      void before.then(done);
    }
  }

  /** The host asked to be left alone for so long (Retry-After). */
  leave(name: string, ms: number): void {
    const host = this.#of(name);
    host.closedUntilMs = Math.max(host.closedUntilMs, this.#clock.monotonic() + ms);
  }

  async #pause(host: Host, pauseMs: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const closed = host.closedUntilMs - now;
    const wait = Math.max(closed, host.lastMs + pauseMs - now);
    if (Math.max(closed, pauseMs) > this.#longestMs) {
      throw new AppError('WEB_BUSY', { problem: 'it asks for a long pause', retryAfterMs: Math.ceil(wait) });
    }
    if (wait > 0) await sleep(this.#clock, wait, signal);
    signal.throwIfAborted();
  }

  #of(name: string): Host {
    const known = this.#hosts.get(name);
    if (known) {
      // The one that was used last is forgotten last.
      this.#hosts.delete(name);
      this.#hosts.set(name, known);
      return known;
    }
    if (this.#hosts.size >= HOSTS) this.#forget();
    const host: Host = {
      tail: Promise.resolve(),
      waiting: 0,
      lastMs: Number.NEGATIVE_INFINITY,
      closedUntilMs: Number.NEGATIVE_INFINITY,
    };
    this.#hosts.set(name, host);
    return host;
  }

  #forget(): void {
    for (const [name, { waiting }] of this.#hosts) {
      if (waiting > 0) continue;
      this.#hosts.delete(name);
      return;
    }
  }
}

/** Throws the signal's reason when it aborts first. */
async function until(before: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const go = () => {
      signal.removeEventListener('abort', go);
      resolve();
    };
    signal.addEventListener('abort', go, { once: true });
    void before.then(go);
  });
  signal.throwIfAborted();
}
