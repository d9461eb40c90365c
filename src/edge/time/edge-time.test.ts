// One wrong clock, whichever it is and whenever it is wrong, stops no call for good and revives nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { CLOCK_TOLERANCE_MS, EdgeTime } from './edge-time.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

/** True time, and a machine and a control plane that are off by as much as is said. */
class World implements Clock {
  true = START;
  machineOff = 0;
  controlOff = 0;
  now = () => this.true + this.machineOff;
  monotonic = () => this.true - START;
  after = () => () => {};
  /** A session begins: the control plane signs its time. */
  connect(time: EdgeTime): void {
    const back = time.signed(this.true + this.controlOff, true);
    if (back !== undefined) time.set(back);
  }
}

/** A start of the process: it knows what the journal reached. */
function restart(world: World, before?: EdgeTime): EdgeTime {
  const time = new EdgeTime(world);
  if (before) time.reached(before.now());
  return time;
}

test.each([400 * DAY, 20 * MINUTE, 2 * MINUTE])(
  'a clock that was once %d ms ahead is forgotten at the next session',
  (off) => {
    const world = new World();
    let time = restart(world);
    time.now();
    world.machineOff = off;
    time = restart(world, time);
    world.connect(time);
    expect(time.control()).toBe(world.true);
    time.now();
    world.machineOff = 0;
    world.true += MINUTE;
    time = restart(world, time);
    expect(time.doubt()?.by).toBe(off > CLOCK_TOLERANCE_MS ? 'journal' : undefined);
    world.connect(time);
    expect(time.now()).toBe(world.true);
    expect(time.doubt()).toBeUndefined();
  },
);

test('a jump ahead in the midst of a session is not followed, and told', () => {
  const world = new World();
  const time = restart(world);
  time.now();
  world.connect(time);
  world.machineOff = 400 * DAY;
  world.true += MINUTE;
  expect(time.now()).toBe(world.true);
  expect(time.doubt()).toEqual({ by: 'control', aheadMs: 400 * DAY });
  world.machineOff = 0;
  expect(time.doubt()).toBeUndefined();
});

test('a clock that is set back does not take time back with it, and time goes on', () => {
  const world = new World();
  const time = restart(world);
  time.now();
  world.machineOff = -400 * DAY;
  expect(time.doubt()).toEqual({ by: 'journal', aheadMs: -400 * DAY });
  world.true += MINUTE;
  expect(time.now()).toBe(world.true);
  world.connect(time);
  expect([time.now(), time.doubt()?.by]).toEqual([world.true, 'control']);
});

test('a clock that is wrong at the first start is told, and its time is left when it is set right', () => {
  for (const off of [-56 * 365 * DAY, 20 * MINUTE, 400 * DAY]) {
    const world = new World();
    world.machineOff = off;
    const time = restart(world);
    time.now();
    world.connect(time);
    expect(time.doubt()).toMatchObject({ by: 'control', aheadMs: off });
    world.machineOff = 0;
    world.connect(time);
    expect([time.now(), time.doubt()]).toEqual([world.true, undefined]);
  }
});

test('a control plane whose clock is wrong moves the time of the edge neither ahead nor back', () => {
  for (const off of [-400 * DAY, -20 * MINUTE, 20 * MINUTE, 400 * DAY]) {
    const world = new World();
    world.controlOff = off;
    const time = restart(world);
    time.now();
    world.connect(time);
    world.true += MINUTE;
    expect(time.now()).toBe(world.true);
    expect(time.control()).toBe(world.true + off);
    expect(time.surelyPast()).toBeLessThanOrEqual(world.true);
    world.controlOff = 0;
    world.connect(time);
    expect(time.doubt()).toBeUndefined();
  }
});

test('a call that lay about for long does not take the time back; a session that begins does', () => {
  const world = new World();
  const time = restart(world);
  world.connect(time);
  world.true += 10 * MINUTE;
  expect(time.signed(START, false)).toBeUndefined();
  expect(time.control()).toBe(world.true);
  world.controlOff = -8 * MINUTE;
  world.connect(time);
  expect(time.control()).toBe(world.true - 8 * MINUTE);
});

const step = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3 * DAY }) }),
  fc.record({ kind: fc.constant('machine' as const), ms: fc.integer({ min: -900 * DAY, max: 900 * DAY }) }),
  fc.record({ kind: fc.constant('control' as const), ms: fc.integer({ min: -900 * DAY, max: 900 * DAY }) }),
  fc.record({ kind: fc.constant('connect' as const), ms: fc.constant(0) }),
  fc.record({ kind: fc.constant('restart' as const), ms: fc.constant(0) }),
);

test('whatever both clocks did, when both are right and a session begins, the time is right', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const world = new World();
      let time = restart(world);
      let last = 0;
      for (const { kind, ms } of steps) {
        if (kind === 'pass') world.true += ms;
        else if (kind === 'machine') world.machineOff = ms;
        else if (kind === 'control') world.controlOff = ms;
        else if (kind === 'restart') time = restart(world, time);
        else {
          world.connect(time);
          last = 0;
        }
        const now = time.now();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
      [world.machineOff, world.controlOff] = [0, 0];
      world.connect(time);
      expect(Math.abs(time.now() - world.true)).toBeLessThanOrEqual(1_000);
      expect(time.control()).toBe(world.true);
      expect(time.doubt()).toBeUndefined();
    }),
  );
});

test('a control plane alone, whatever it signs, brings no new day', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -900 * DAY, max: 900 * DAY }), { maxLength: 20 }), (signs) => {
      const world = new World();
      const time = restart(world);
      time.now();
      for (const off of signs) {
        world.controlOff = off;
        world.connect(time);
        time.signed(world.true + off, false);
        expect(time.now()).toBe(START);
      }
    }),
  );
});
