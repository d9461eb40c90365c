// Looks regularly for locks that lapsed, in the queues that are listened to here, and for queues of replicas that are gone.
// In manual mode BullMQ does neither by itself.
import type { RedisQueueBackend } from 'bullmq';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { RedisCalls } from './redis-calls.ts';
import type { StaleQueues } from './stale-queues.ts';

export interface LapsedLocksParts {
  readonly calls: RedisCalls;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyMs: number;
  readonly listened: () => readonly string[];
  readonly backendOf: (queue: string) => RedisQueueBackend;
  readonly stale: StaleQueues;
  /** Ids of this queue wait again. */
  readonly onBack: (queue: string) => void;
}

export class LapsedLocks {
  readonly #parts: LapsedLocksParts;
  #stop: () => void = () => {};
  #closed = false;

  constructor(parts: LapsedLocksParts) {
    this.#parts = parts;
    this.#later();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #later(): void {
    const { clock, everyMs } = this.#parts;
    this.#stop = clock.after(everyMs, () => {
      void this.#look().finally(() => {
        if (!this.#closed) this.#later();
      });
    });
  }

  async #look(): Promise<void> {
    const queues = this.#parts.listened();
    await Promise.all(queues.map((queue) => this.#putBack(queue)));
    await this.#removeStale(queues);
  }

  /** What dead takers held waits again. BullMQ lets one replica do it per interval; the first look marks, the next puts back. */
  async #putBack(queue: string): Promise<void> {
    const { calls, log, backendOf, onBack } = this.#parts;
    try {
      const lapsed = await calls.run(() => backendOf(queue).moveStalledJobsToWait());
      if (lapsed.length === 0) return;
      log.warn('locks in the job queue lapsed', { queue, lapsed: lapsed.length });
      onBack(queue);
    } catch (error) {
      log.debug('a queue could not be looked through', { queue, why: String(error) });
    }
  }

  async #removeStale(listened: readonly string[]): Promise<void> {
    const { calls, clock, log, stale } = this.#parts;
    try {
      const now = clock.now();
      await calls.run(() => stale.seen(listened, now));
      const removed = await calls.run(() => stale.remove(now));
      if (removed.length > 0) log.info('queues of replicas that are gone were removed', { count: removed.length });
    } catch (error) {
      log.debug('queues of replicas that are gone could not be removed', { why: String(error) });
    }
  }
}
