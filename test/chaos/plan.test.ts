// A plan follows from its seed, and fifty of them hold what `make chaos` promises.
import { expect, test } from 'vitest';
import { planOf, SPAN_MS } from './plan.ts';

const SHAPE = { controls: 3, workers: 2, edges: 2, redis: true };
const plans = Array.from({ length: 50 }, (_, n) => planOf(n + 1, SHAPE));

test('the same seed gives the same plan, another one another', () => {
  expect(planOf(7, SHAPE)).toEqual(planOf(7, SHAPE));
  expect(planOf(8, SHAPE)).not.toEqual(planOf(7, SHAPE));
});

test('fifty seeds make at least 200 faults, over all programs, Redis with FLUSHALL, and Postgres', () => {
  const faults = plans.flatMap((plan) => plan.faults);
  expect(faults.length).toBeGreaterThanOrEqual(200);
  const hit = new Set(faults.map(({ kind, target }) => `${kind} ${target.replace(/-\d/g, '')}`));
  for (const program of ['control', 'worker', 'edge']) {
    for (const kind of ['kill', 'stop', 'term', 'ahead', 'back']) expect(hit).toContain(`${kind} ${program}`);
  }
  expect(faults.filter(({ kind }) => kind === 'full').length).toBeGreaterThanOrEqual(8);
  for (const kind of ['kill', 'flush', 'stop']) expect(hit).toContain(`${kind} redis`);
  for (const kind of ['kill', 'stop', 'deny', 'nologin', 'readonly']) expect(hit).toContain(`${kind} postgres`);
  for (const kind of ['cut', 'reset', 'delay', 'mute', 'deaf']) {
    expect([...hit].some((each) => each.startsWith(`${kind} `) && each.includes('>'))).toBe(true);
  }
});

test('fifty seeds hold at least 200 kills, more than 60 of them while an owner is asked', () => {
  const owners = plans.flatMap(({ deeds }) => deeds.flatMap((deed) => (deed.kind === 'ask' && deed.owner) || []));
  const meanwhile = owners.flatMap(({ kills }) => [kills.asked ?? [], kills.answered ?? []].flat());
  for (const program of ['control', 'worker', 'edge'])
    expect(meanwhile.filter((target) => target.startsWith(program)).length).toBeGreaterThan(15);
  const kills = plans.flatMap(({ faults }) => faults.filter(({ kind }) => kind === 'kill'));
  expect(meanwhile.length).toBeGreaterThan(60);
  expect(kills.length + meanwhile.length).toBeGreaterThanOrEqual(200);
  expect(owners.some(({ allow }) => allow) && owners.some(({ allow }) => !allow)).toBe(true);
  const broken = owners.filter(({ brokenMs }) => brokenMs !== undefined);
  expect(broken.some(({ byProgram }) => !byProgram)).toBe(true);
  // Programs of the command line that are killed while they answer.
  expect(broken.filter(({ byProgram }) => byProgram).length).toBeGreaterThan(25);
});

test('two faults of one target do not overlap', () => {
  for (const { faults } of plans) {
    for (const [n, fault] of faults.entries()) {
      const next = faults.slice(n + 1).find(({ target }) => target === fault.target);
      if (next) expect(next.atMs).toBeGreaterThanOrEqual(fault.atMs + fault.lastsMs);
    }
  }
});

test('names of deeds are unique over all seeds', () => {
  const names = plans.flatMap(({ deeds }) => deeds.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  for (const { deeds } of plans) for (const { atMs } of deeds) expect(atMs).toBeLessThan(SPAN_MS);
});

test('without Redis nothing of it is hit', () => {
  const faults = Array.from({ length: 30 }, (_, n) => planOf(n, { ...SHAPE, redis: false })).flatMap(
    (plan) => plan.faults,
  );
  expect(faults.filter(({ target }) => target.includes('redis'))).toEqual([]);
});
