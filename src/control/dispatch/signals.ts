// Signals about runs and devices: at once to whoever listens on this replica, over the bus to the others. Hints only. What
// happens within one replica does not depend on the bus.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type RunSignal, RunSignalSchema } from '../../../gen/bowline/event/v1/bus_pb.ts';
import { fullJitter } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Bus } from '../queue/ports.ts';

export type SignalBody = NonNullable<MessageInitShape<typeof RunSignalSchema>['signal']>;

export interface SignalHandler {
  signal(signal: RunSignal): void;
  /** Something may have been missed: read the truth again. */
  gap(): void;
}

/** What this replica listens to, with one subscription of the bus for all its handlers. */
interface Topic {
  readonly name: string;
  readonly handlers: Set<SignalHandler>;
  /** Resolves when the bus has it; gives how to unsubscribe, or nothing when everybody left before. */
  subscribed: Promise<(() => Promise<void>) | undefined>;
  readonly left: AbortController;
}

/** How long a listener waits for the bus before it begins without it; it hears `gap` when the bus has it. */
const PATIENCE_MS = 250;

export class Signals {
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #topics = new Map<string, Topic>();
  #pending: { topic: string; signal: RunSignal }[] = [];

  constructor(bus: Bus, log: Logger, clock: Clock) {
    this.#bus = bus;
    this.#log = log;
    this.#clock = clock;
  }

  /** Never throws and never waits for the bus: what is lost is recovered by those who read. */
  toRun(tenant: string, run: string, signal: SignalBody): void {
    this.#publish(runTopic(tenant, run), { tenant, run, signal });
  }

  toDevice(tenant: string, device: string, signal: SignalBody): void {
    this.#publish(deviceTopic(tenant, device), { tenant, run: '', signal });
  }

  /**
   * Resolves when signals from now on arrive, from every replica; returns how to stop. While the bus cannot be reached it
   * resolves with this replica's alone: read the truth now and then too.
   */
  ofRun(tenant: string, run: string, handler: SignalHandler): Promise<() => Promise<void>> {
    return this.#subscribe(runTopic(tenant, run), handler);
  }

  ofDevice(tenant: string, device: string, handler: SignalHandler): Promise<() => Promise<void>> {
    return this.#subscribe(deviceTopic(tenant, device), handler);
  }

  #publish(topic: string, init: MessageInitShape<typeof RunSignalSchema>): void {
    const signal = create(RunSignalSchema, init);
    if (this.#topics.has(topic)) this.#deliver(topic, signal);
    this.#bus
      .publish(topic, toBinary(RunSignalSchema, signal))
      .catch((error: unknown) => this.#log.warn('a signal was not sent', { topic, why: String(error) }));
  }

  // Never within the call that publishes: its caller is in the middle of something.
  #deliver(topic: string, signal: RunSignal): void {
    this.#pending.push({ topic, signal });
    if (this.#pending.length > 1) return;
    queueMicrotask(() => {
      const pending = this.#pending;
      this.#pending = [];
      for (const { topic, signal } of pending) this.#tell(topic, (handler) => handler.signal(signal));
    });
  }

  async #subscribe(name: string, handler: SignalHandler): Promise<() => Promise<void>> {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = { name, handlers: new Set(), subscribed: Promise.resolve(undefined), left: new AbortController() };
      this.#topics.set(name, topic);
      topic.subscribed = this.#attach(topic);
    }
    const mine = topic;
    mine.handlers.add(handler);
    await this.#patiently(mine, handler);
    return async () => {
      if (!mine.handlers.delete(handler) || mine.handlers.size > 0) return;
      if (this.#topics.get(name) === mine) this.#topics.delete(name);
      mine.left.abort();
      await (await mine.subscribed)?.();
    };
  }

  /** Subscribes, for as long as it takes or somebody listens. Never throws. */
  async #attach(topic: Topic): Promise<(() => Promise<void>) | undefined> {
    const tell = (call: (handler: SignalHandler) => void) => this.#tell(topic.name, call);
    for (let attempt = 1; !topic.left.signal.aborted; attempt++) {
      try {
        return await this.#bus.subscribe(topic.name, {
          message: ({ publisher, data }) => {
            // Its own came back: whoever listens here has it.
            if (publisher === this.#bus.publisher) return;
            const signal = fromBinary(RunSignalSchema, data);
            tell((handler) => handler.signal(signal));
          },
          gap: () => tell((handler) => handler.gap()),
        });
      } catch (error) {
        if (attempt === 1) this.#log.warn('the bus does not take a subscription', { why: String(error) });
        await sleep(this.#clock, fullJitter(attempt, 100, 5_000), topic.left.signal);
      }
    }
    return undefined;
  }

  async #patiently(topic: Topic, handler: SignalHandler): Promise<void> {
    let late = false;
    const subscribed = topic.subscribed.then((has) => {
      if (late && has && topic.handlers.has(handler)) handler.gap();
    });
    const timer = new AbortController();
    await Promise.race([subscribed, sleep(this.#clock, PATIENCE_MS, timer.signal)]);
    late = true;
    timer.abort();
  }

  #tell(topic: string, call: (handler: SignalHandler) => void): void {
    for (const handler of [...(this.#topics.get(topic)?.handlers ?? [])]) {
      try {
        call(handler);
      } catch (error) {
        this.#log.error('a handler of signals failed', error, { topic });
      }
    }
  }
}

const runTopic = (tenant: string, run: string) => `run.${tenant}.${run}`;
const deviceTopic = (tenant: string, device: string) => `device.${tenant}.${device}`;
