import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { AppError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { DueTimer, Timers } from '../../store/timers.ts';
import { TimerLoop } from './timer-loop.ts';

/** Durable timers over a list: taken ones are hidden for a while, fired ones removed by their command. */
function start() {
  const clock = new ManualClock();
  const rows: (DueTimer & { at: number })[] = [];
  const fired: string[] = [];
  const state = { reads: 0, down: false, refuse: new Set<string>(), gate: undefined as Promise<void> | undefined };
  const timers: Timers = {
    async due(limit, claimMs = 10_000) {
      state.reads++;
      await state.gate;
      if (state.down) throw new AppError('STORE_UNAVAILABLE', { problem: 'test' });
      const due = rows.filter(({ at }) => at <= clock.monotonic()).slice(0, limit);
      for (const row of due) row.at = clock.monotonic() + claimMs;
      return due;
    },
    async nextDue() {
      const next = rows.map(({ at }) => at).sort((a, b) => a - b)[0];
      return next === undefined ? undefined : Math.max(next - clock.monotonic(), 0);
    },
    async releaseAll() {},
  };
  const runs = {
    async command(_tenant: string, _run: string, request: { id: string }) {
      if (state.refuse.delete(request.id)) throw new AppError('STORE_UNAVAILABLE', { problem: 'test' });
      fired.push(request.id);
      rows.splice(
        rows.findIndex(({ id }) => id === request.id),
        1,
      );
      return 'applied' as const;
    },
  } as unknown as Orchestrator;
  const loop = new TimerLoop({ timers, runs, clock, log: silentLogger, scanMs: 5_000 });
  const add = (id: string, inMs: number, tell = true) => {
    rows.push({ tenant: 't', id, stream: 'r', kind: 'retry', dueInMs: inMs, at: clock.monotonic() + inMs });
    if (tell) loop.soon(inMs);
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const advance = async (ms: number, step = 50) => {
    for (let at = 0; at < ms; at += step) {
      clock.advance(step);
      await settle();
    }
  };
  return { clock, loop, rows, fired, state, add, advance, settle };
}

test('a timer fires when it is due, whatever was told before or after it', async () => {
  const { loop, fired, add, advance } = start();
  loop.start();
  await advance(50);
  add('late', 3_000);
  add('soon', 1_000);
  await advance(950);
  expect(fired).toEqual([]);
  await advance(100);
  expect(fired).toEqual(['soon']);
  await advance(2_000);
  expect(fired).toEqual(['soon', 'late']);
  await loop.stop();
});

test('a timer that nobody told of is found by the scan', async () => {
  const { loop, fired, add, advance } = start();
  loop.start();
  await advance(50);
  add('untold', 100, false);
  await advance(6_000);
  expect(fired).toEqual(['untold']);
  await loop.stop();
});

test('one whose command fails fires again, and does not hold up the others', async () => {
  const { loop, fired, state, add, advance } = start();
  loop.start();
  state.refuse.add('bad');
  add('bad', 100);
  add('good', 100);
  await advance(200);
  expect(fired).toEqual(['good']);
  await advance(11_000);
  expect(fired).toEqual(['good', 'bad']);
  await loop.stop();
});

test('more than one batch is taken at once, and idle time costs no reads', async () => {
  const { loop, fired, state, add, advance } = start();
  loop.start();
  for (let i = 0; i < 450; i++) add(`t${i}`, 100);
  await advance(200);
  expect(fired).toHaveLength(450);
  const before = state.reads;
  await advance(5_000);
  expect(state.reads - before).toBeLessThanOrEqual(2);
  await loop.stop();
});

test('while the store is away it asks now and then, and goes on when it is back', async () => {
  const { loop, fired, state, add, advance } = start();
  state.down = true;
  loop.start();
  add('waits', 100);
  await advance(4_000);
  expect(state.reads).toBeLessThan(5);
  state.down = false;
  await advance(6_000);
  expect(fired).toEqual(['waits']);
  await loop.stop();
});

test('a stop waits for the commands under way and fires nothing after it', async () => {
  const { loop, fired, state, add, advance, clock, settle } = start();
  let open = () => {};
  state.gate = new Promise((resolve) => {
    open = resolve;
  });
  loop.start();
  add('last', 0);
  clock.advance(10);
  const stopped = loop.stop();
  open();
  await stopped;
  expect(fired).toEqual(['last']);
  add('after', 0);
  await advance(10_000, 1_000);
  await settle();
  expect(fired).toEqual(['last']);
});
