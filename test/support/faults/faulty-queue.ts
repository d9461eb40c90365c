// A JobQueue that misbehaves by a seed, for tests: it wraps any adapter and does only what PROTOCOLS.md section 2 measured.
import { AppError } from '../../../src/base/errors.ts';
import type { DequeuedJob, JobQueue } from '../../../src/control/queue/ports.ts';
import { seeded } from '../seeded.ts';

/** Each is a probability per call (or per id, wake), 0 by default. */
export interface QueueFaults {
  readonly seed: number;
  /** The call throws QUEUE_UNAVAILABLE and had no effect. */
  readonly fail?: number;
  /** The call takes effect and then throws QUEUE_UNAVAILABLE. A `take` so hit leaves its ids held until their locks lapse. */
  readonly timeout?: number;
  /** The call waits for `hangMs`, or until `heal`, and then fails without effect. */
  readonly hang?: number;
  /** As real calls, which end within the time limit of their adapter; default: until `heal`. */
  readonly hangMs?: number;
  /** An added id is silently lost, as when Redis is wiped. */
  readonly lose?: number;
  /** A taken id is handed out once more by a later `take`, with startedBefore false, though the first taker still holds it. */
  readonly repeat?: number;
  /** A wake is lost. */
  readonly dropWake?: number;
  /** Ids of one `take` come in another order. */
  readonly reorder?: number;
}

export interface FaultyQueue extends JobQueue {
  /** From now on everything passes; hanging calls fail. */
  heal(): void;
  /** Ids that were lost or are to be repeated so far. */
  readonly lost: readonly string[];
  readonly repeated: readonly string[];
}

/** Repeats that wait to be handed out; older ones are forgotten, which only makes the fault rarer. */
const MAX_REPEATS = 1_000;

export function faultyQueue(queue: JobQueue, faults: QueueFaults): FaultyQueue {
  const random = seeded(faults.seed);
  const lost: string[] = [];
  const repeated: string[] = [];
  const repeats = new Map<string, string[]>();
  let healed = false;
  let hanging: (() => void)[] = [];
  const hit = (chance: number | undefined) => !healed && random() < (chance ?? 0);
  const broken = (problem: string) => new AppError('QUEUE_UNAVAILABLE', { problem });

  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    if (hit(faults.hang)) {
      await new Promise<void>((resume) => {
        hanging.push(resume);
        if (faults.hangMs !== undefined) setTimeout(resume, faults.hangMs).unref();
      });
      throw broken('injected hang');
    }
    if (hit(faults.fail)) throw broken('injected before the call');
    const result = await run();
    if (hit(faults.timeout)) throw broken('injected after the call');
    return result;
  };

  const wrap = (job: DequeuedJob): DequeuedJob => ({
    id: job.id,
    startedBefore: job.startedBefore,
    done: () => call(() => job.done()),
    release: () => call(() => job.release()),
    extend: () => call(() => job.extend()),
  });

  /** What a second taker holds: nothing, as the queue knows only one of the two. */
  const ghost = (id: string): DequeuedJob => ({
    id,
    startedBefore: false,
    done: async () => {},
    release: async () => {},
    extend: async () => false,
  });

  const take = async (name: string, max: number): Promise<DequeuedJob[]> => {
    const again = healed ? [] : (repeats.get(name) ?? []).splice(0, max).map(ghost);
    const jobs = (await queue.dequeue(name, max - again.length)).map(wrap);
    for (const { id } of jobs) {
      if (!hit(faults.repeat)) continue;
      repeated.push(id);
      repeats.set(name, [...(repeats.get(name) ?? []), id].slice(-MAX_REPEATS));
    }
    const all = [...again, ...jobs];
    return hit(faults.reorder) ? all.reverse() : all;
  };

  return {
    lost,
    repeated,
    add: (name, ids) =>
      call(async () => {
        const kept: string[] = [];
        for (const id of ids) (hit(faults.lose) ? lost : kept).push(id);
        if (kept.length > 0) await queue.add(name, kept);
      }),
    dequeue: (name, max) => call(() => take(name, max)),
    onReady: (name, wake) =>
      queue.onReady(name, () => {
        if (!hit(faults.dropWake)) wake();
      }),
    counts: (name) => call(() => queue.counts(name)),
    remove: (name, id) => call(() => queue.remove(name, id)),
    heal: () => {
      healed = true;
      const waiting = hanging;
      hanging = [];
      for (const resume of waiting) resume();
    },
    close: async () => {
      healed = true;
      for (const resume of hanging.splice(0)) resume();
      await queue.close();
    },
  };
}
