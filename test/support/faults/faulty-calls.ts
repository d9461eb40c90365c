// A fault port for any port whose calls are asynchronous, such as those of the store: each call may fail, hang, or succeed and
// then report a timeout, by a seed. For tests and drills; it never changes what the port beneath does.
import type { Clock } from '../../../src/base/clock.ts';
import { AppError } from '../../../src/base/errors.ts';
import { seeded } from '../seeded.ts';
import { Hangs } from './hangs.ts';

/** Each is a probability per call, 0 by default. */
export interface CallFaults {
  readonly seed: number;
  /** The call throws and had no effect. */
  readonly fail?: number;
  /** The call had its effect and throws. */
  readonly timeout?: number;
  /** The call waits for `hangMs`, or until `heal`, and then throws without effect. */
  readonly hang?: number;
  /** As real calls, which end within the time limit of their adapter; default: until `heal`. */
  readonly hangMs?: number;
}

export type CallFault = 'none' | 'fail' | 'timeout' | 'hang';

export interface FaultyCalls<T> {
  /** The port with faults. */
  readonly port: T;
  /** How often each fault was played, by the name of the call. */
  readonly played: ReadonlyMap<string, Readonly<Record<CallFault, number>>>;
  /** From now on everything passes; hanging calls fail. */
  heal(): void;
}

/**
 * Wraps all functions of a port. They must all return promises, but for `close`, which is left alone.
 * @param reason of the error that a fault throws, e.g. STORE_UNAVAILABLE; it is given a `problem`
 */
export function faultyCalls<T extends object>(
  inner: T,
  faults: CallFaults,
  {
    reason,
    clock,
  }: { readonly reason: 'STORE_UNAVAILABLE' | 'QUEUE_UNAVAILABLE' | 'BUS_UNAVAILABLE'; readonly clock: Clock },
): FaultyCalls<T> {
  const random = seeded(faults.seed);
  const played = new Map<string, Record<CallFault, number>>();
  const hangs = new Hangs(clock, faults.hangMs);
  let healed = false;
  const broken = (problem: string) => new AppError(reason, { problem });

  const roll = (): CallFault => {
    let left = random();
    for (const fault of ['fail', 'timeout', 'hang'] as const) {
      left -= faults[fault] ?? 0;
      if (left < 0) return fault;
    }
    return 'none';
  };

  const call = async (name: string, run: () => Promise<unknown>): Promise<unknown> => {
    const fault = healed ? 'none' : roll();
    const counts = played.get(name) ?? { none: 0, fail: 0, timeout: 0, hang: 0 };
    played.set(name, counts);
    counts[fault]++;
    if (fault === 'hang') await hangs.hang();
    if (fault === 'hang' || fault === 'fail') throw broken(`injected ${fault}`);
    const result = await run();
    if (fault === 'timeout') throw broken('injected timeout after the call');
    return result;
  };

  const port = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name === 'close') return value.bind(target);
      return (...words: unknown[]) => call(String(name), () => Reflect.apply(value, target, words));
    },
  });
  return {
    port,
    played,
    heal: () => {
      healed = true;
      hangs.end();
    },
  };
}
