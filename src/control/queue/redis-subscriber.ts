// The one subscriber connection of a replica: channels with any number of readers, subscribed anew after every loss. Numbers
// nothing and knows no frames; whether something was missed in a live connection is the readers' business.
import type { Redis } from 'ioredis';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { RedisCalls } from './redis-calls.ts';

export interface ChannelReader {
  /** `data` belongs to the reader. */
  message(data: Uint8Array): void;
  /** The connection was lost and is back: anything may have been missed. */
  gap(): void;
}

export interface SubscriberParts {
  /** Connected, or to be. */
  readonly client: Redis;
  readonly calls: RedisCalls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds between pings, which notice a connection that died in silence. */
  readonly pingMs: number;
}

interface Channel {
  readonly readers: Set<ChannelReader>;
  /** Settles when the server knows of it, or the connection is to be made anew. */
  ready: Promise<void>;
}

/** Channels named in one SUBSCRIBE. */
const CHUNK = 500;
/** Milliseconds until a subscription that the server refused is tried again, with a new connection. */
const REFUSED_MS = 2_000;

export class RedisSubscriber {
  readonly #parts: SubscriberParts;
  readonly #channels = new Map<string, Channel>();
  #stopPing: () => void = () => {};
  #renewing = false;
  #closed = false;
  #wasReady: boolean;

  constructor(parts: SubscriberParts) {
    this.#parts = parts;
    const { client } = parts;
    this.#wasReady = client.status === 'ready';
    client.on('messageBuffer', (channel: Buffer, data: Buffer) => this.#deliver(channel.toString(), data));
    client.on('ready', () => void this.#again());
    this.#ping();
  }

  /**
   * Resolves when messages published from now on arrive. While there is no connection it resolves as well: the return of the
   * connection is a gap, which stands for all that was missed until then. Returns how to stop.
   */
  async subscribe(name: string, reader: ChannelReader): Promise<() => Promise<void>> {
    if (this.#closed) throw new AppError('CLOSED', { what: 'the connection to Redis' });
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = { readers: new Set(), ready: this.#send(name) };
      this.#channels.set(name, channel);
    }
    channel.readers.add(reader);
    await channel.ready;
    return async () => this.#leave(name, reader);
  }

  /** Channels that have a reader. */
  get size(): number {
    return this.#channels.size;
  }

  close(): void {
    this.#closed = true;
    this.#stopPing();
    this.#channels.clear();
  }

  async #send(...names: string[]): Promise<void> {
    const { client, calls } = this.#parts;
    if (client.status !== 'ready') return;
    try {
      await calls.run(() => client.subscribe(...names));
    } catch (error) {
      this.#renew('a subscription failed', error);
    }
  }

  #leave(name: string, reader: ChannelReader): void {
    const channel = this.#channels.get(name);
    if (!channel?.readers.delete(reader) || channel.readers.size > 0) return;
    this.#channels.delete(name);
    this.#unsubscribe(name);
  }

  #unsubscribe(name: string): void {
    const { client, calls } = this.#parts;
    if (this.#closed || client.status !== 'ready') return;
    // In vain only when the connection is lost, and the subscription with it.
    calls.run(() => client.unsubscribe(name)).catch(() => undefined);
  }

  #deliver(name: string, data: Buffer): void {
    const channel = this.#channels.get(name);
    if (!channel) {
      this.#unsubscribe(name);
      return;
    }
    // A copy: the driver's buffer is a view of a whole read from the socket and would keep all of it in memory.
    const own = new Uint8Array(data);
    for (const reader of [...channel.readers]) reader.message(own);
  }

  /** The connection is back: subscribes to everything, then tells the gap, so that what is read after it misses nothing. */
  async #again(): Promise<void> {
    const names = [...this.#channels.keys()];
    for (let from = 0; from < names.length; from += CHUNK) {
      const chunk = names.slice(from, from + CHUNK).filter((name) => this.#channels.has(name));
      if (chunk.length > 0) await this.#send(...chunk);
    }
    if (this.#closed || this.#parts.client.status !== 'ready') return;
    if (this.#wasReady) {
      this.#parts.log.info('subscribed again after the connection to Redis was lost', { channels: names.length });
    }
    this.#wasReady = true;
    for (const name of names) {
      for (const reader of [...(this.#channels.get(name)?.readers ?? [])]) reader.gap();
    }
  }

  #renew(why: string, error: unknown): void {
    const { client, clock, log } = this.#parts;
    if (this.#closed || this.#renewing) return;
    this.#renewing = true;
    log.warn('the subscriber connection to Redis is made anew', { why, problem: String(error) });
    const refused = error instanceof AppError && error.cause instanceof Error && error.cause.name === 'ReplyError';
    clock.after(refused ? REFUSED_MS : 0, () => {
      this.#renewing = false;
      if (!this.#closed && client.status === 'ready') client.disconnect(true);
    });
  }

  #ping(): void {
    const { client, calls, clock, pingMs } = this.#parts;
    this.#stopPing = clock.after(pingMs, () => {
      const alive = client.status === 'ready' ? calls.run(() => client.ping()) : Promise.resolve();
      alive
        .catch((error: unknown) => this.#renew('it did not answer a ping', error))
        .finally(() => {
          if (!this.#closed) this.#ping();
        });
    });
  }
}
