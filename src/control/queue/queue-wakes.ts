// Wakes the takers of queues, here and on other replicas, over pub/sub. All of them, as the one woken may have no free slot.
// A wake is a hint: one may be lost with a connection, and its return wakes everybody.
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { RedisCalls } from './redis-calls.ts';
import type { RedisClient } from './redis-connection.ts';
import type { RedisSubscriber } from './redis-subscriber.ts';

export interface QueueWakesParts {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
  readonly calls: RedisCalls;
  readonly log: Logger;
  /** Beginning of every channel. */
  readonly channels: string;
  /** Runs something behind the commands of this turn of the event loop, in the same write. */
  readonly atEnd: (run: () => void) => void;
}

interface Listened {
  readonly wakes: Set<() => void>;
  waking: boolean;
}

export class QueueWakes {
  readonly #parts: QueueWakesParts;
  /** This instance as a sender, which has woken its own takers already. */
  readonly #id = newId();
  readonly #listened = new Map<string, Listened>();
  readonly #telling = new Set<string>();
  readonly #stops = new Set<() => void>();

  constructor(parts: QueueWakesParts) {
    this.#parts = parts;
  }

  /** Queues with a listener here. */
  listened(): string[] {
    return [...this.#listened.keys()];
  }

  /** Calls `wake` when there may be something to take, and once soon. Returns how to stop. */
  listen(queue: string, wake: () => void): () => void {
    const listened = this.#listened.get(queue) ?? { wakes: new Set(), waking: false };
    this.#listened.set(queue, listened);
    listened.wakes.add(wake);
    let leave: (() => Promise<void>) | undefined;
    let stopped = false;
    const stop = () => {
      stopped = true;
      this.#stops.delete(stop);
      listened.wakes.delete(wake);
      if (listened.wakes.size === 0 && this.#listened.get(queue) === listened) this.#listened.delete(queue);
      void leave?.();
    };
    this.#stops.add(stop);
    const look = () => this.wakeHere(queue);
    const message = (sender: Uint8Array) => {
      if (Buffer.from(sender).toString() !== this.#id) look();
    };
    this.#parts.subscriber.subscribe(this.#channel(queue), { gap: look, message }).then(
      (end) => {
        leave = end;
        if (stopped) void end();
        // For what waits already; a look into an empty queue costs less than asking first.
        else look();
      },
      (error: unknown) => this.#parts.log.debug('a queue cannot be listened to', { queue, why: String(error) }),
    );
    return stop;
  }

  /** Wakes the takers of this replica; many calls in one turn are one. */
  wakeHere(queue: string): void {
    const listened = this.#listened.get(queue);
    if (!listened || listened.waking) return;
    listened.waking = true;
    queueMicrotask(() => {
      listened.waking = false;
      for (const wake of [...listened.wakes]) {
        try {
          wake();
        } catch (error) {
          this.#parts.log.error('a listener of the job queue failed', error, { queue });
        }
      }
    });
  }

  /** Wakes the takers of the other replicas, behind what is sent in this turn. Never throws. */
  wakeOthers(queue: string): void {
    if (this.#telling.has(queue)) return;
    this.#telling.add(queue);
    const { client, calls, atEnd } = this.#parts;
    atEnd(() => {
      this.#telling.delete(queue);
      calls.run(() => client.publish(this.#channel(queue), this.#id)).catch(() => undefined);
    });
  }

  close(): void {
    for (const stop of [...this.#stops]) stop();
  }

  #channel(queue: string): string {
    return `${this.#parts.channels}:wake:${queue}`;
  }
}
