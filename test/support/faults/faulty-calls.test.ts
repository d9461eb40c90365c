import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { type CallFaults, faultyCalls } from './faulty-calls.ts';

class Counter {
  #value = 0;
  closed = false;
  async add(by: number): Promise<number> {
    this.#value += by;
    return this.#value;
  }
  close(): void {
    this.closed = true;
  }
}

const faulty = (faults: CallFaults) => {
  const counter = new Counter();
  return { counter, ...faultyCalls(counter, faults, { reason: 'STORE_UNAVAILABLE', clock: systemClock }) };
};

test('a call that fails or hangs has no effect, one that times out has', async () => {
  for (const [faults, effect] of [
    [{ fail: 1 }, 0],
    [{ hang: 1, hangMs: 1 }, 0],
    [{ timeout: 1 }, 1],
  ] as const) {
    const { counter, port } = faulty({ seed: 1, ...faults });
    await expect(port.add(1)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE', retryable: true });
    expect(await counter.add(0)).toBe(effect);
  }
});

test('the same seed plays the same faults, each about as often as it is likely', async () => {
  const run = async (seed: number) => {
    const { port, played } = faulty({ seed, fail: 0.2, timeout: 0.2, hang: 0.1, hangMs: 0 });
    const ends: string[] = [];
    for (let n = 0; n < 200; n++)
      ends.push(
        await port.add(1).then(
          () => 'ok',
          (error: Error) => error.message,
        ),
      );
    return { ends, counts: played.get('add') };
  };
  const first = await run(5);
  expect(await run(5)).toEqual(first);
  expect((await run(6)).ends).not.toEqual(first.ends);
  expect(first.counts?.none).toBeGreaterThan(60);
  for (const fault of ['fail', 'timeout', 'hang'] as const) expect(first.counts?.[fault]).toBeGreaterThan(5);
});

test('healed, what hangs fails and everything passes; closing always does', async () => {
  const { port, counter, heal } = faulty({ seed: 1, hang: 1 });
  const hanging = port.add(1);
  heal();
  await expect(hanging).rejects.toThrow();
  expect(await port.add(1)).toBe(1);
  port.close();
  expect(counter.closed).toBe(true);
});
