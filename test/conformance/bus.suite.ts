// What every Bus adapter must hold: at least once or never, unordered, and no loss that stays unnoticed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { Bus, BusHandler, BusMessage } from '../../src/control/queue/ports.ts';
import { type BusFaults, faultyBus } from '../support/faults/faulty-bus.ts';
import { eventually } from './eventually.ts';

/** One adapter under test: two connections to the same bus, as two replicas have. */
export interface BusHarness {
  readonly first: Bus;
  readonly second: Bus;
  /** Cuts the second's connection, runs `meanwhile`, and brings the connection back; left out where there is none to cut. */
  interrupt?(meanwhile: () => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Everything a subscription saw, in order. */
class Reader implements BusHandler {
  readonly log: ('gap' | BusMessage)[] = [];
  message(message: BusMessage): void {
    this.log.push(message);
  }
  gap(): void {
    this.log.push('gap');
  }
  get messages(): BusMessage[] {
    return this.log.filter((entry) => entry !== 'gap');
  }
  get texts(): string[] {
    return this.messages.map(({ data }) => new TextDecoder().decode(data));
  }
  get gaps(): number {
    return this.log.length - this.messages.length;
  }
}

/** What never arrived of a publisher and was not told by a gap() right before the message that showed it. */
function unnoticed(log: readonly ('gap' | BusMessage)[], arrived: ReadonlySet<number>, publisher: string): number[] {
  const holes: number[] = [];
  let highest = 0;
  for (const [at, entry] of log.entries()) {
    if (entry === 'gap' || entry.publisher !== publisher || entry.sequence <= highest) continue;
    if (log[at - 1] !== 'gap') {
      for (let n = highest + 1; n < entry.sequence; n++) if (!arrived.has(n)) holes.push(n);
    }
    highest = entry.sequence;
  }
  return holes;
}

export function busSuite(name: string, makeAdapter: () => Promise<BusHarness>): void {
  describe(`${name} as a Bus`, () => {
    let harness: BusHarness;
    let first: Bus;
    let second: Bus;
    beforeEach(async () => {
      harness = await makeAdapter();
      ({ first, second } = harness);
    });
    afterEach(() => harness.dispose());

    test('a subscriber gets what is published after subscribe resolved, from others and from itself', async () => {
      const reader = new Reader();
      await second.subscribe('wake', reader);
      await first.publish('wake', bytes('from first'));
      await second.publish('wake', bytes('from second'));
      await eventually('both arrive', () => reader.texts.length >= 2);
      expect(new Set(reader.texts)).toEqual(new Set(['from first', 'from second']));
      expect(new Set(reader.messages.map(({ publisher }) => publisher))).toEqual(
        new Set([first.publisher, second.publisher]),
      );
      expect(reader.gaps).toBe(0);
    });

    test('all bytes arrive unchanged', async () => {
      const reader = new Reader();
      await second.subscribe('token', reader);
      const data = Uint8Array.from({ length: 256 }, (_, n) => n);
      await first.publish('token', data);
      await first.publish('token', new Uint8Array());
      await eventually('both arrive', () => reader.messages.length >= 2);
      expect(reader.messages.map((message) => [...message.data])).toEqual([[...data], []]);
    });

    test('sequences of a publisher are gapless per topic, so other topics cause no gap', async () => {
      const reader = new Reader();
      await second.subscribe('a', reader);
      for (let n = 0; n < 20; n++)
        await Promise.all([first.publish('a', bytes(`${n}`)), first.publish('b', bytes(`${n}`))]);
      await eventually('all arrive', () => reader.messages.length >= 20);
      expect(new Set(reader.messages.map(({ sequence }) => sequence))).toEqual(
        new Set(Array.from({ length: 20 }, (_, n) => n + 1)),
      );
      expect(reader.gaps).toBe(0);
    });

    test('each connection is a publisher of its own', () => {
      expect(first.publisher).not.toBe(second.publisher);
    });

    test('every subscription of a topic gets each message; one that ended gets none', async () => {
      const [one, two, ended] = [new Reader(), new Reader(), new Reader()];
      await first.subscribe('t', one);
      await second.subscribe('t', two);
      const stop = await second.subscribe('t', ended);
      await stop();
      await first.publish('t', bytes('x'));
      await eventually('both arrive', () => one.texts.length === 1 && two.texts.length === 1);
      expect(ended.log).toEqual([]);
    });

    test('a late subscriber is told that it missed something', async () => {
      await first.publish('t', bytes('before'));
      const reader = new Reader();
      await second.subscribe('t', reader);
      await first.publish('t', bytes('after'));
      await eventually('the message arrives', () => reader.texts.includes('after'));
      expect(reader.log[0]).toBe('gap');
    });

    test('a handler that throws does not end its subscription', async () => {
      const reader = new Reader();
      let thrown = 0;
      await second.subscribe('t', {
        gap: () => {},
        message: (message) => {
          reader.message(message);
          if (thrown++ === 0) throw new Error('handler failed');
        },
      });
      await first.publish('t', bytes('1'));
      await first.publish('t', bytes('2'));
      await eventually('both arrive', () => reader.texts.length >= 2);
    });

    test('calls after close say so; closing twice is fine, and others go on', async () => {
      const reader = new Reader();
      await first.subscribe('t', reader);
      await second.close();
      await second.close();
      await expect(second.publish('t', bytes('x'))).rejects.toMatchObject({ reason: 'CLOSED' });
      await expect(second.subscribe('t', reader)).rejects.toMatchObject({ reason: 'CLOSED' });
      await first.publish('t', bytes('y'));
      await eventually('the message arrives', () => reader.texts.includes('y'));
    });

    test('a cut connection ends in a gap, so the reader reads its set again', async (context) => {
      if (!harness.interrupt) return context.skip('this adapter has no connection to cut');
      const reader = new Reader();
      await second.subscribe('t', reader);
      await first.publish('t', bytes('1'));
      await eventually('the first arrives', () => reader.texts.includes('1'));
      await harness.interrupt(() => first.publish('t', bytes('lost')));
      await eventually('the gap is told', () => reader.gaps > 0);
      await first.publish('t', bytes('3'));
      await eventually('messages flow again', () => reader.texts.includes('3'));
    });

    const plans: [string, Omit<BusFaults, 'seed'>][] = [
      ['drops', { drop: 0.2 }],
      ['repeats and reorders', { repeat: 0.3, reorder: 0.3 }],
      ['drops, delays, repeats and reorders', { drop: 0.15, delay: 0.2, repeat: 0.2, reorder: 0.2, delayMs: 5 }],
    ];
    const seeds = [1, 2, 3].map(() => Math.floor(Math.random() * 2 ** 31));
    for (const [what, plan] of plans) {
      for (const seed of seeds) {
        test(`no loss stays unnoticed under ${what} (seed ${seed})`, async () => {
          const faulty = faultyBus(second, { ...plan, seed }, systemClock);
          const reader = new Reader();
          await faulty.subscribe('t', reader);
          const count = 200;
          for (let n = 1; n <= count; n++)
            await Promise.all([first.publish('t', bytes(`${n}`)), second.publish('t', bytes(`own ${n}`))]);
          faulty.heal();
          await first.publish('t', bytes('last'));
          await second.publish('t', bytes('own last'));
          await eventually(
            'the last ones arrive',
            () => reader.texts.includes('last') && reader.texts.includes('own last'),
          );
          for (const { publisher } of [first, second]) {
            const arrived = new Set(reader.messages.filter((m) => m.publisher === publisher).map((m) => m.sequence));
            const lost = new Set(faulty.dropped.filter((m) => m.publisher === publisher).map((m) => m.sequence));
            for (let n = 1; n <= count; n++)
              expect(arrived.has(n) || lost.has(n), `message ${n} of ${publisher}`).toBe(true);
            expect(unnoticed(reader.log, arrived, publisher)).toEqual([]);
          }
          if (faulty.dropped.length > 0) expect(reader.gaps).toBeGreaterThan(0);
        });
      }
    }

    test('the cut and healed wrapper ends in a gap', async () => {
      const faulty = faultyBus(second, { seed: 1 }, systemClock);
      const reader = new Reader();
      await faulty.subscribe('t', reader);
      faulty.cut();
      await first.publish('t', bytes('lost'));
      await eventually('the message is kept back', () => faulty.dropped.length === 1);
      faulty.heal();
      expect(reader.gaps).toBe(1);
    });
  });
}
