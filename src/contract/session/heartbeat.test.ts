import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { Heartbeat } from './heartbeat.ts';

function start() {
  const clock = new ManualClock();
  const seen: string[] = [];
  const heartbeat = new Heartbeat({
    clock,
    intervalMs: 100,
    ping: (nonce) => void seen.push(`ping ${nonce}`),
    dead: () => void seen.push(`dead at ${clock.monotonic() - begin}`),
  });
  const begin = clock.monotonic();
  return { clock, seen, heartbeat };
}

test('a peer that never answers is pinged each interval and dead after two', () => {
  const { clock, seen } = start();
  clock.advance(1_000);
  expect(seen).toEqual(['ping 1', 'dead at 200']);
});

test('two intervals count from what was heard last, wherever between two pings that was', () => {
  const { clock, seen, heartbeat } = start();
  clock.advance(130);
  heartbeat.heard();
  clock.advance(1_000);
  expect(seen).toEqual(['ping 1', 'ping 2', 'ping 3', 'dead at 330']);
});

test('a peer that is heard lives, and nothing happens after stop, also from within a ping', () => {
  const { clock, seen, heartbeat } = start();
  for (let i = 0; i < 50; i++) {
    clock.advance(90);
    heartbeat.heard();
  }
  expect(seen.filter((each) => each.startsWith('dead'))).toEqual([]);
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
    dead: () => {
      throw new Error('it was stopped');
    },
  });
  clock.advance(1_000);
  expect(pings).toBe(1);
});

test('time in which this process could not listen is no silence of the peer', () => {
  const clock = new ManualClock();
  let lag = 0;
  const dead: number[] = [];
  // A clock whose timers come late once, as after a long stop of the process.
  const late = {
    now: () => clock.now() + lag,
    monotonic: () => clock.monotonic() + lag,
    after: (ms: number, run: () => void) => clock.after(ms, run),
  };
  new Heartbeat({ clock: late, intervalMs: 100, ping: () => {}, dead: () => void dead.push(late.monotonic()) });
  clock.advance(50);
  lag = 10_000;
  clock.advance(60);
  expect(dead).toEqual([]);
  clock.advance(1_000);
  expect(dead).toHaveLength(1);
});
