// The Bus over Redis pub/sub. Handlers are called as messages are read, so nothing piles up in this process: one that lags
// makes Redis end the connection, which comes back as a gap.
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { Logger } from '../../base/logger.ts';
import { decodeBusFrame, encodeBusFrame } from './bus-frame.ts';
import type { Bus, BusHandler } from './ports.ts';
import type { RedisCalls } from './redis-calls.ts';
import type { RedisClient } from './redis-connection.ts';
import type { RedisSubscriber } from './redis-subscriber.ts';
import { GapDetector, Sequencer } from './sequences.ts';

export interface RedisBusParts {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
  readonly calls: RedisCalls;
  readonly log: Logger;
  readonly publisher: string;
  /** Beginning of every channel. */
  readonly channels: string;
  /** Bytes of one message; default 1 MB. */
  readonly messageBytes?: number | undefined;
  /** Subscriptions of this bus; default 10,000. */
  readonly subscriptions?: number | undefined;
  /** Bytes on the way to Redis; beyond it `publish` fails at once. Default 64 MB. */
  readonly pendingBytes?: number | undefined;
}

export class RedisBus implements Bus {
  readonly publisher: string;
  readonly #parts: RedisBusParts;
  readonly #sequences = new Sequencer();
  readonly #stops = new Set<() => Promise<void>>();
  #pendingBytes = 0;
  #closed = false;

  constructor(parts: RedisBusParts) {
    this.#parts = parts;
    this.publisher = parts.publisher;
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    this.#open();
    const { client, calls, messageBytes = 1 << 20, pendingBytes = 64 << 20 } = this.#parts;
    check(data.byteLength, messageBytes, 'a bus message', 'send less at once');
    if (this.#pendingBytes + data.byteLength > pendingBytes) {
      throw new AppError('BUS_UNAVAILABLE', { problem: `${pendingBytes} bytes wait for Redis already` });
    }
    // Numbered also when it is never sent: then the next one shows the gap.
    const frame = encodeBusFrame({ publisher: this.publisher, sequence: this.#sequences.next(topic), data });
    this.#pendingBytes += frame.byteLength;
    try {
      await calls.run(() => client.publish(this.#channel(topic), frame));
    } finally {
      this.#pendingBytes -= frame.byteLength;
    }
  }

  async subscribe(topic: string, handler: BusHandler): Promise<() => Promise<void>> {
    this.#open();
    const { subscriber, subscriptions = 10_000 } = this.#parts;
    check(this.#stops.size + 1, subscriptions, 'the number of bus subscriptions', 'end some first');
    const gaps = new GapDetector();
    let active = true;
    const call = (run: () => void) => {
      if (!active) return;
      try {
        run();
      } catch (error) {
        this.#parts.log.error('a bus handler failed', error, { topic });
      }
    };
    let leave: (() => Promise<void>) | undefined;
    const stop = async () => {
      active = false;
      this.#stops.delete(stop);
      await leave?.();
    };
    this.#stops.add(stop);
    leave = await subscriber.subscribe(this.#channel(topic), {
      gap: () => call(() => handler.gap()),
      message: (frame) => {
        const message = decodeBusFrame(frame);
        if (!message) return;
        if (gaps.missed(message.publisher, message.sequence)) call(() => handler.gap());
        call(() => handler.message(message));
      },
    });
    if (!active) await leave();
    return stop;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#stops].map((stop) => stop()));
  }

  #channel(topic: string): string {
    return `${this.#parts.channels}:bus:${topic}`;
  }

  #open(): void {
    if (this.#closed) throw new AppError('CLOSED', { what: 'the bus' });
  }
}

function check(value: number, limit: number, what: string, remedy: string): void {
  if (value > limit) throw fixedLimit(what, limit, remedy);
}
