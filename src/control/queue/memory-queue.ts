// The JobQueue inside one process: the embedded default and the tests' reference. What it holds dies with the process;
// the store puts it back.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { DequeuedJob, JobQueue } from './ports.ts';

/** Bounds of the in-memory queues. */
export interface MemoryQueueOptions {
  /** Ids in one queue, waiting and taken; an add beyond it throws LIMIT_EXCEEDED. Default 100,000. */
  readonly capacity?: number;
  /** Milliseconds until a lock that nobody renews lapses. Default 30,000. */
  readonly lockMs?: number;
}

interface Hold {
  readonly lock: string;
  /** Monotonic milliseconds. */
  expires: number;
}

interface Queue {
  /** Waiting ids, oldest first; the value says whether an earlier taker lost its lock. */
  readonly waiting: Map<string, boolean>;
  readonly dequeued: Map<string, Hold>;
  readonly listeners: Set<() => void>;
  waking: boolean;
  stopTimer: (() => void) | undefined;
}

/** What the queues of one process share; `connect` gives one JobQueue per replica. */
export class MemoryQueueHub {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #capacity: number;
  readonly #lockMs: number;
  readonly #queues = new Map<string, Queue>();

  constructor(clock: Clock, log: Logger, options: MemoryQueueOptions = {}) {
    this.#clock = clock;
    this.#log = log;
    this.#capacity = options.capacity ?? 100_000;
    this.#lockMs = options.lockMs ?? 30_000;
  }

  connect(): JobQueue {
    const stops = new Set<() => void>();
    let closed = false;
    const open = () => {
      if (closed) throw new AppError('CLOSED', { what: 'the job queue' });
    };
    return {
      add: async (name, ids) => {
        open();
        this.#add(name, ids);
      },
      dequeue: async (name, max) => {
        open();
        return this.#dequeue(name, max);
      },
      onReady: (name, wake) => {
        open();
        const listeners = this.#queue(name).listeners;
        listeners.add(wake);
        if (this.#queue(name).waiting.size > 0) this.#wake(name);
        const stop = () => {
          listeners.delete(wake);
          stops.delete(stop);
          this.#tidy(name);
        };
        stops.add(stop);
        return stop;
      },
      counts: async (name) => {
        open();
        const queue = this.#queues.get(name);
        return { waiting: queue?.waiting.size ?? 0, dequeued: queue?.dequeued.size ?? 0 };
      },
      remove: async (name, id) => {
        open();
        const removed = this.#queues.get(name)?.waiting.delete(id) ?? false;
        this.#tidy(name);
        return removed;
      },
      close: async () => {
        closed = true;
        for (const stop of stops) stop();
      },
    };
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (!queue) {
      queue = { waiting: new Map(), dequeued: new Map(), listeners: new Set(), waking: false, stopTimer: undefined };
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Forgets a queue that holds nothing and that nobody listens to. */
  #tidy(name: string): void {
    const queue = this.#queues.get(name);
    if (!queue || queue.waiting.size + queue.dequeued.size + queue.listeners.size > 0) return;
    queue.stopTimer?.();
    this.#queues.delete(name);
  }

  #add(name: string, ids: readonly string[]): void {
    const queue = this.#queue(name);
    const fresh = new Set(ids.filter((id) => !queue.waiting.has(id) && !queue.dequeued.has(id)));
    if (queue.waiting.size + queue.dequeued.size + fresh.size > this.#capacity) {
      this.#tidy(name);
      throw fixedLimit(`the queue ${name}`, this.#capacity, 'start more workers, or wait until some jobs are done');
    }
    for (const id of fresh) queue.waiting.set(id, false);
    if (fresh.size > 0) this.#wake(name);
    this.#tidy(name);
  }

  #dequeue(name: string, max: number): DequeuedJob[] {
    const queue = this.#queues.get(name);
    const jobs: DequeuedJob[] = [];
    for (const [id, startedBefore] of queue?.waiting ?? []) {
      if (jobs.length >= max) break;
      const lock = newId();
      queue!.waiting.delete(id);
      queue!.dequeued.set(id, { lock, expires: this.#clock.monotonic() + this.#lockMs });
      jobs.push({
        id,
        startedBefore,
        done: async () => this.#end(name, id, lock, undefined),
        release: async () => this.#end(name, id, lock, startedBefore),
        extend: async () => this.#extend(name, id, lock),
      });
    }
    if (jobs.length > 0) this.#watch(name);
    return jobs;
  }

  /** Ends a hold; with `back` the id waits again under that flag. */
  #end(name: string, id: string, lock: string, back: boolean | undefined): void {
    const queue = this.#queues.get(name);
    if (queue?.dequeued.get(id)?.lock !== lock) return;
    queue.dequeued.delete(id);
    if (back !== undefined) {
      queue.waiting.set(id, back);
      this.#wake(name);
    }
    this.#tidy(name);
  }

  #extend(name: string, id: string, lock: string): boolean {
    const hold = this.#queues.get(name)?.dequeued.get(id);
    if (hold?.lock !== lock) return false;
    hold.expires = this.#clock.monotonic() + this.#lockMs;
    return true;
  }

  /** One timer per queue with taken ids; holds expire in order of their renewal, at most one lock time late. */
  #watch(name: string): void {
    const queue = this.#queue(name);
    queue.stopTimer ??= this.#clock.after(this.#lockMs, () => {
      queue.stopTimer = undefined;
      const now = this.#clock.monotonic();
      let lapsed = 0;
      for (const [id, hold] of queue.dequeued) {
        if (hold.expires > now) continue;
        queue.dequeued.delete(id);
        queue.waiting.set(id, true);
        lapsed++;
      }
      if (lapsed > 0) {
        this.#log.warn('locks in the job queue lapsed', { queue: name, lapsed });
        this.#wake(name);
      }
      if (queue.dequeued.size > 0) this.#watch(name);
    });
  }

  #wake(name: string): void {
    const queue = this.#queue(name);
    if (queue.waking) return;
    queue.waking = true;
    queueMicrotask(() => {
      queue.waking = false;
      for (const wake of [...queue.listeners]) {
        try {
          wake();
        } catch (error) {
          this.#log.error('a listener of the job queue failed', error, { queue: name });
        }
      }
    });
  }
}
