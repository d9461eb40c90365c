// A Bus that misbehaves by a seed, for tests: it wraps any adapter and does only what the port allows a bus to do.
import type { Clock } from '../../../src/base/clock.ts';
import { AppError } from '../../../src/base/errors.ts';
import type { Bus, BusHandler, BusMessage } from '../../../src/control/queue/ports.ts';
import { GapDetector } from '../../../src/control/queue/sequences.ts';
import { seeded } from '../seeded.ts';
import { Hangs } from './hangs.ts';

/** Each is a probability per message or call, 0 by default. */
export interface BusFaults {
  readonly seed: number;
  /** Never arrives. */
  readonly drop?: number;
  /** Arrives after up to `delayMs`, so others overtake it. */
  readonly delay?: number;
  /** Arrives twice. */
  readonly repeat?: number;
  /** Swaps places with the next one of its subscription. */
  readonly reorder?: number;
  /** `publish` throws and nothing was sent. */
  readonly failPublish?: number;
  /** `publish` throws although the message was sent. */
  readonly failAfterPublish?: number;
  /** `publish` waits for `hangMs`, or until `heal`, and then throws; nothing was sent. */
  readonly hangPublish?: number;
  /** `subscribe` throws and nothing arrives. */
  readonly failSubscribe?: number;
  /** `subscribe` throws although messages would have arrived; they go nowhere. */
  readonly failAfterSubscribe?: number;
  /** `subscribe` waits for `hangMs`, or until `heal`, and then throws. */
  readonly hangSubscribe?: number;
  /** Default: until `heal`. */
  readonly hangMs?: number;
  /** Longest delay in milliseconds; default 50. */
  readonly delayMs?: number;
}

export interface FaultyBus extends Bus {
  /** From now on everything passes; what was held back arrives. */
  heal(): void;
  /** From now on nothing arrives at this end, as when its connection is cut; until `heal`, which ends in a gap at every handler. */
  cut(): void;
  /** What was kept from a handler so far. */
  readonly dropped: readonly BusMessage[];
}

/** Wraps one end of a bus: faults of `publish` hit what it sends, all others what its subscriptions receive. */
export function faultyBus(bus: Bus, faults: BusFaults, clock: Clock): FaultyBus {
  const random = seeded(faults.seed);
  const dropped: BusMessage[] = [];
  const readers = new Set<{ flush(): void; gap(): void }>();
  let mode: 'faulty' | 'cut' | 'healed' = 'faulty';
  const hangs = new Hangs(clock, faults.hangMs);
  const hit = (chance: number | undefined) => mode === 'faulty' && random() < (chance ?? 0);
  const broken = (problem: string) => new AppError('BUS_UNAVAILABLE', { problem });
  const hang = async () => {
    await hangs.hang();
    throw broken('injected hang');
  };

  const reader = (handler: BusHandler) => {
    const gaps = new GapDetector();
    let held: BusMessage | undefined;
    const late = new Map<object, { stop: () => void; message: BusMessage }>();
    let open = true;
    const pass = (message: BusMessage) => {
      if (!open) return;
      if (gaps.missed(message.publisher, message.sequence)) handler.gap();
      handler.message(message);
    };
    const release = () => {
      const message = held;
      held = undefined;
      if (message) pass(message);
    };
    const postpone = (message: BusMessage) => {
      const key = {};
      const stop = clock.after(random() * (faults.delayMs ?? 50), () => {
        late.delete(key);
        if (mode === 'cut') dropped.push(message);
        else pass(message);
      });
      late.set(key, { stop, message });
    };
    const self = {
      receive(message: BusMessage) {
        if (mode === 'cut' || hit(faults.drop)) return void dropped.push(message);
        if (hit(faults.delay)) return postpone(message);
        if (held === undefined && hit(faults.reorder)) {
          held = message;
          return;
        }
        pass(message);
        if (hit(faults.repeat)) pass(message);
        release();
      },
      flush() {
        release();
        for (const { stop, message } of late.values()) {
          stop();
          pass(message);
        }
        late.clear();
      },
      gap: () => {
        if (open) handler.gap();
      },
      close() {
        open = false;
        for (const { stop } of late.values()) stop();
        late.clear();
        readers.delete(self);
      },
    };
    readers.add(self);
    return self;
  };

  return {
    publisher: bus.publisher,
    dropped,
    publish: async (topic, data) => {
      if (hit(faults.hangPublish)) await hang();
      if (hit(faults.failPublish)) throw broken('injected before sending');
      await bus.publish(topic, data);
      if (hit(faults.failAfterPublish)) throw broken('injected after sending');
    },
    subscribe: async (topic, handler) => {
      if (hit(faults.hangSubscribe)) await hang();
      if (hit(faults.failSubscribe)) throw broken('injected before subscribing');
      const self = reader(handler);
      const stop = await bus.subscribe(topic, { message: self.receive, gap: self.gap });
      const leave = async () => {
        self.close();
        await stop();
      };
      if (!hit(faults.failAfterSubscribe)) return leave;
      await leave();
      throw broken('injected after subscribing');
    },
    close: () => {
      hangs.end();
      return bus.close();
    },
    cut: () => {
      mode = 'cut';
    },
    heal: () => {
      const wasCut = mode === 'cut';
      mode = 'healed';
      hangs.end();
      for (const each of readers) {
        each.flush();
        if (wasCut) each.gap();
      }
    },
  };
}
