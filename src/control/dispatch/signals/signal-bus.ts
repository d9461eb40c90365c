// Carries signals between replicas over the bus: one topic for all, one per replica, and what is sent in one turn of the event
// loop goes as one message. It knows no run by meaning; whatever may have been missed is told as a gap.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type RunSignal, SignalBatchSchema } from '../../../../gen/bowline/bus/v1/bus_pb.ts';
import { type Clock, sleep } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Bus, BusHandler } from '../../queue/ports.ts';
import { subscribeSurely } from '../../queue/subscribe-surely.ts';

export interface SignalBusHandler {
  signal(from: string, signal: RunSignal): void;
  /** Something may have been missed. */
  gap(): void;
}

const EVERYONE = 'signals';
const topicOf = (replica: string): string => `${EVERYONE}.${replica}`;

/** Bytes of one message, about; a bus takes at least a MiB. */
const MESSAGE_BYTES = 128 << 10;
/** Bytes handed to the bus that it has not taken yet; what comes on top is dropped, and its reader told. */
const UNDER_WAY_BYTES = 16 << 20;

interface Envelope {
  signals: RunSignal[];
  bytes: number;
}

export class SignalBus {
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #outgoing = new Map<string, Envelope>();
  /** Topics whose readers miss something that was dropped here. */
  readonly #shed = new Set<string>();
  readonly #stop = new AbortController();
  #unsubscribe: (() => Promise<void>)[] = [];
  #underWay = 0;

  constructor(bus: Bus, log: Logger, clock: Clock) {
    this.#bus = bus;
    this.#log = log;
    this.#clock = clock;
  }

  get replica(): string {
    return this.#bus.publisher;
  }

  /** Sends to one replica, or to all others. Never throws, never waits. `bytes`: about as many as it has. */
  send(to: string | undefined, signal: RunSignal, bytes: number): void {
    const topic = to === undefined ? EVERYONE : topicOf(to);
    if (this.#outgoing.size === 0) setImmediate(() => this.#flush());
    let envelope = this.#outgoing.get(topic);
    if (!envelope) {
      envelope = { signals: [], bytes: 0 };
      this.#outgoing.set(topic, envelope);
    }
    envelope.signals.push(signal);
    envelope.bytes += bytes;
    if (envelope.bytes < MESSAGE_BYTES) return;
    this.#outgoing.delete(topic);
    this.#publish(topic, envelope);
  }

  /** Begins to receive, and goes on trying for as long as the bus is away. Resolves when it does, or after `patienceMs`. */
  async start(handler: SignalBusHandler, patienceMs: number): Promise<void> {
    const patience = new AbortController();
    const attached = [EVERYONE, topicOf(this.replica)].map((topic) => this.#attach(topic, handler));
    await Promise.race([Promise.all(attached), sleep(this.#clock, patienceMs, patience.signal)]);
    patience.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#unsubscribe.splice(0).map((unsubscribe) => unsubscribe()));
  }

  async #attach(topic: string, handler: SignalBusHandler): Promise<void> {
    const busHandler: BusHandler = {
      message: ({ publisher, data }) => {
        // What it sent to everyone comes back to it too.
        if (publisher === this.replica) return;
        const { replica, signals, shed } = fromBinary(SignalBatchSchema, data);
        if (shed) handler.gap();
        for (const signal of signals) handler.signal(replica, signal);
      },
      gap: () => handler.gap(),
    };
    const waiting = { clock: this.#clock, log: this.#log, signal: this.#stop.signal };
    const subscribed = await subscribeSurely(this.#bus, topic, busHandler, waiting);
    if (!subscribed) return;
    this.#unsubscribe.push(() => subscribed.unsubscribe());
    if (subscribed.late) handler.gap();
  }

  #flush(): void {
    for (const [topic, envelope] of this.#outgoing) this.#publish(topic, envelope);
    this.#outgoing.clear();
  }

  #publish(topic: string, { signals }: Envelope): void {
    const shed = this.#shed.has(topic);
    const data = toBinary(SignalBatchSchema, create(SignalBatchSchema, { replica: this.replica, signals, shed }));
    if (this.#underWay > 0 && this.#underWay + data.length > UNDER_WAY_BYTES) {
      if (!shed) this.#log.warn('signals were dropped: the bus is slow', { topic, limit: UNDER_WAY_BYTES });
      this.#shed.add(topic);
      return;
    }
    this.#underWay += data.length;
    this.#shed.delete(topic);
    this.#bus
      .publish(topic, data)
      .catch((error: unknown) => {
        this.#shed.add(topic);
        this.#log.debug('signals were not sent', { topic, why: String(error) });
      })
      .finally(() => {
        this.#underWay -= data.length;
      });
  }
}
