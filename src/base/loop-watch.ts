// Watches the turns of this thread's event loop: how long it works without letting anything else in, in time of the processor,
// so that a machine that is busy with others is never blamed on us. It ends nothing; it measures and tells.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Logger } from './logger.ts';

/** No single turn may take longer, whatever the input. */
export const LOOP_LIMIT_MS = 50;

export interface LoopFigures {
  /** The longest turn since the start. */
  readonly longestMs: number;
  /** Turns over the limit since the start. */
  readonly over: number;
}

export interface LoopWatchOptions {
  readonly limitMs?: number;
  /** Told of each turn over the limit, with what was worked on. */
  readonly onOver?: (ms: number, during: readonly string[]) => void;
  /** Looks are never further apart; less is more exact and costs more. */
  readonly mostApartMs?: number;
}

/** While there is work it looks so often, otherwise more and more seldom. */
const BUSY_MS = 10;
const APART_MS = 160;
/** Time of the processor between two looks that counts as work. */
const WORK_MS = 1;
/** What was worked on in one look, at most so many names. */
const MARKS = 8;

let marks = new Set<string>();

/** Names what this turn works on (a method, a kind of frame), for the log of a turn that was too long. Cheap. */
export function mark(what: string): void {
  if (marks.size < MARKS) marks.add(what);
}

export class LoopWatch {
  readonly #limitMs: number;
  readonly #onOver: (ms: number, during: readonly string[]) => void;
  readonly #mostApartMs: number;
  #delays: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #first: NodeJS.Immediate | NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #apartMs = BUSY_MS;
  #cpu = 0;
  #at = 0;
  #longestMs = 0;
  #over = 0;

  constructor({ limitMs = LOOP_LIMIT_MS, onOver = () => {}, mostApartMs = APART_MS }: LoopWatchOptions = {}) {
    this.#limitMs = limitMs;
    this.#onOver = onOver;
    this.#mostApartMs = mostApartMs;
  }

  /** Measures from now on, or from later on. The turn that calls it does not count. */
  start(afterMs = 0): void {
    if (this.#first || this.#timer) return;
    const begin = () => {
      // Node measures each round of the loop itself; its time by the clock is a bound from above for the turns in it.
      const perRound: { resolution: number; samplePerIteration: boolean } = {
        resolution: 10,
        samplePerIteration: true,
      };
      this.#delays ??= monitorEventLoopDelay(perRound);
      this.#delays.enable();
      this.#begin();
      this.#next();
    };
    this.#first = afterMs > 0 ? setTimeout(begin, afterMs).unref() : setImmediate(begin);
  }

  stop(): void {
    // Either kind.
    clearImmediate(this.#first as NodeJS.Immediate);
    clearTimeout(this.#first as NodeJS.Timeout);
    clearTimeout(this.#timer);
    this.#first = undefined;
    this.#timer = undefined;
    this.#delays?.disable();
  }

  get figures(): LoopFigures {
    return { longestMs: Math.round(this.#longestMs * 10) / 10, over: this.#over };
  }

  #begin(): void {
    this.#cpu = cpuMs();
    this.#at = performance.now();
    // Its longest round bounds from above; clearing it writes to all of its 432 KB, so it is done only when that bound is too high.
    if ((this.#delays?.max ?? 0) / 1e6 > this.#limitMs) this.#delays?.reset();
    marks = new Set();
  }

  #next(): void {
    this.#timer = setTimeout(() => this.#look(), this.#apartMs);
    this.#timer.unref();
  }

  #look(): void {
    const worked = cpuMs() - this.#cpu;
    const passed = performance.now() - this.#at;
    // One turn took at most all of the processor's time between two looks, and at most the longest round of the loop.
    const round = this.#delays && this.#delays.count > 0 ? this.#delays.max / 1e6 : passed;
    const turn = Math.min(worked, passed, Math.max(round, passed - this.#apartMs));
    this.#longestMs = Math.max(this.#longestMs, turn);
    if (turn > this.#limitMs) {
      this.#over += 1;
      this.#onOver(turn, [...marks]);
    }
    this.#apartMs = worked > WORK_MS ? BUSY_MS : Math.min(this.#apartMs * 2, this.#mostApartMs);
    this.#begin();
    this.#next();
  }
}

/** Time of the processor that this thread has used, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** A watch that runs, from now or later on, and logs each turn over the limit; `log` should be sparing. */
export function watchLoop(log: Logger, afterMs = 0): LoopWatch {
  const watch = new LoopWatch({
    onOver: (ms, during) =>
      log.warn('a single turn of the event loop took too long; nothing else went on meanwhile', {
        ms: Math.round(ms),
        limit: LOOP_LIMIT_MS,
        ...(during.length > 0 ? { during: during.join(', ') } : {}),
      }),
  });
  watch.start(afterMs);
  return watch;
}
