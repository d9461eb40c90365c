import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { StallingClock } from '../../../test/support/stalling-clock.ts';
import { Heartbeat } from './heartbeat.ts';

function start(more: { atOnce?: boolean } = {}) {
  const clock = new ManualClock();
  const seen: string[] = [];
  const begin = clock.monotonic();
  const heartbeat = new Heartbeat({
    clock,
    intervalMs: 100,
    ...more,
    ping: (nonce) => void seen.push(`ping ${nonce}`),
    silent: (ms) => void seen.push(`silent for ${ms} at ${clock.monotonic() - begin}`),
  });
  return { clock, seen, heartbeat };
}

test('a peer that never answers is pinged each interval and given up after two', () => {
  const { clock, seen } = start();
  clock.advance(1_000);
  expect(seen).toEqual(['ping 1', 'silent for 200 at 200']);
});

test('who pings at once is answered early; the pings after it keep their interval', () => {
  const { clock, seen, heartbeat } = start({ atOnce: true });
  expect(seen).toEqual(['ping 1']);
  clock.advance(99);
  heartbeat.heard();
  expect(seen).toEqual(['ping 1']);
  clock.advance(1);
  expect(seen).toEqual(['ping 1', 'ping 2']);
});

test('two intervals count from what was heard last, wherever between two pings that was', () => {
  const { clock, seen, heartbeat } = start();
  clock.advance(130);
  heartbeat.heard();
  clock.advance(1_000);
  expect(seen).toEqual(['ping 1', 'ping 2', 'ping 3', 'silent for 200 at 330']);
});

test('a peer that is heard lives, and nothing happens after stop, also from within a ping', () => {
  const { clock, seen, heartbeat } = start();
  for (let i = 0; i < 50; i++) {
    clock.advance(90);
    heartbeat.heard();
  }
  expect(seen.filter((each) => each.startsWith('silent'))).toEqual([]);
  heartbeat.stop();
  const before = seen.length;
  clock.advance(1_000);
  expect(seen).toHaveLength(before);

  let pings = 0;
  const other = new Heartbeat({
    clock,
    intervalMs: 100,
    ping: () => {
      pings++;
      other.stop();
    },
    silent: () => {
      throw new Error('it was stopped');
    },
  });
  clock.advance(1_000);
  expect(pings).toBe(1);
});

test('time in which this process could not listen is no silence of the peer', () => {
  const clock = new StallingClock();
  const silent: number[] = [];
  new Heartbeat({ clock, intervalMs: 100, ping: () => {}, silent: (ms) => void silent.push(ms) });
  clock.advance(50);
  clock.stall(10_000);
  clock.advance(60);
  expect(silent).toEqual([]);
  clock.advance(1_000);
  expect(silent).toHaveLength(1);
});

test('however a link delays and a process stalls: a peer that answers is kept, and one that is gone is noticed', () => {
  const INTERVAL = 100;
  const step = fc.record({
    /** Between a ping and its answer; a link that loses answers this late lost the peer. */
    delay: fc.integer({ min: 0, max: INTERVAL - 20 }),
    stall: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 30, max: 5_000 }) },
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      const clock = new StallingClock();
      let gone = false;
      let silentAt: number | undefined;
      let at = 0;
      const heartbeat = new Heartbeat({
        clock,
        intervalMs: INTERVAL,
        ping: () => {
          if (!gone) clock.after(steps[at++ % steps.length]!.delay, () => heartbeat.heard());
        },
        silent: () => {
          silentAt = clock.monotonic();
        },
      });
      for (const { stall } of steps) {
        // A stall begins at any time between two beats.
        clock.advance(INTERVAL / 3);
        clock.stall(stall);
        clock.advance(INTERVAL - INTERVAL / 3);
        expect(silentAt).toBeUndefined();
      }
      gone = true;
      const left = clock.monotonic();
      clock.advance(10 * INTERVAL);
      expect(silentAt).toBeDefined();
      // Two intervals after the last answer, which may still have been under way.
      expect(silentAt! - left).toBeLessThanOrEqual(3 * INTERVAL);
    }),
    { numRuns: 300 },
  );
});
