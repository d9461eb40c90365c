// The Bus inside one process: the embedded default and the tests' reference. It keeps nothing and promises no order.
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { Bus, BusHandler, BusMessage } from './ports.ts';
import { GapDetector, Sequencer } from './sequences.ts';

/** Bounds of the in-memory bus. */
export interface MemoryBusLimits {
  /** Messages that wait for one subscription; more are shed and noticed as a gap. Default 10,000. */
  readonly pending?: number;
  /** Bytes of one message. Default 1 MiB. */
  readonly messageBytes?: number;
  /** Subscriptions over all topics. Default 10,000. */
  readonly subscriptions?: number;
}

interface Subscription {
  readonly topic: string;
  readonly handler: BusHandler;
  readonly gaps: GapDetector;
  pending: BusMessage[];
  scheduled: boolean;
  shed: number;
}

/** What the buses of one process share; `connect` gives one Bus per replica. */
export class MemoryBusHub {
  readonly #log: Logger;
  readonly #limits: Required<MemoryBusLimits>;
  readonly #topics = new Map<string, Set<Subscription>>();
  #subscriptions = 0;

  constructor(log: Logger, limits: MemoryBusLimits = {}) {
    this.#log = log;
    this.#limits = { pending: 10_000, messageBytes: 1 << 20, subscriptions: 10_000, ...limits };
  }

  /** A bus with its own publisher name. */
  connect(publisher: string = newId()): Bus {
    const sequences = new Sequencer();
    const mine = new Set<Subscription>();
    let closed = false;
    const open = () => {
      if (closed) throw new AppError('CLOSED', { what: 'the bus' });
    };
    return {
      publisher,
      publish: async (topic, data) => {
        open();
        this.#check(data.byteLength, this.#limits.messageBytes, 'a bus message', 'send less at once');
        this.#deliver(topic, { publisher, sequence: sequences.next(topic), data });
      },
      subscribe: async (topic, handler) => {
        open();
        this.#check(
          this.#subscriptions + 1,
          this.#limits.subscriptions,
          'the number of bus subscriptions',
          'end some first',
        );
        const subscription = { topic, handler, gaps: new GapDetector(), pending: [], scheduled: false, shed: 0 };
        mine.add(subscription);
        this.#attach(subscription);
        return async () => {
          if (mine.delete(subscription)) this.#detach(subscription);
        };
      },
      close: async () => {
        closed = true;
        for (const subscription of mine) this.#detach(subscription);
        mine.clear();
      },
    };
  }

  #attach(subscription: Subscription): void {
    const same = this.#topics.get(subscription.topic) ?? new Set();
    this.#topics.set(subscription.topic, same.add(subscription));
    this.#subscriptions++;
  }

  #detach(subscription: Subscription): void {
    const same = this.#topics.get(subscription.topic);
    same?.delete(subscription);
    if (same?.size === 0) this.#topics.delete(subscription.topic);
    subscription.pending = [];
    this.#subscriptions--;
  }

  #deliver(topic: string, message: BusMessage): void {
    for (const subscription of this.#topics.get(topic) ?? []) {
      if (subscription.pending.length >= this.#limits.pending) {
        subscription.shed++;
        continue;
      }
      subscription.pending.push(message);
      if (subscription.scheduled) continue;
      subscription.scheduled = true;
      queueMicrotask(() => this.#drain(subscription));
    }
  }

  #drain(subscription: Subscription): void {
    const { pending, shed, handler, gaps, topic } = subscription;
    subscription.pending = [];
    subscription.scheduled = false;
    subscription.shed = 0;
    const active = () => this.#topics.get(topic)?.has(subscription) ?? false;
    for (const message of pending) {
      if (!active()) return;
      if (gaps.missed(message.publisher, message.sequence)) this.#call(topic, () => handler.gap());
      this.#call(topic, () => handler.message(message));
    }
    if (shed === 0 || !active()) return;
    this.#log.warn('the bus shed messages; their reader reads its set again', { topic, shed });
    this.#call(topic, () => handler.gap());
  }

  #call(topic: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#log.error('a bus handler failed', error, { topic });
    }
  }

  #check(value: number, limit: number, what: string, remedy: string): void {
    if (value > limit) throw fixedLimit(what, limit, remedy);
  }
}
