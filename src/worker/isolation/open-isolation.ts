// Opens isolation for a worker: what this machine offers, found out once, and how programs are run with it. Any capability that has
// to run something it does not trust uses this.
import { randomBytes } from 'node:crypto';
import PQueue from 'p-queue';
import type { Clock } from '../../base/clock.ts';
import { inTurn } from '../../base/in-turn.ts';
import type { Logger } from '../../base/logger.ts';
import type { Bubblewrap } from './bubblewrap-args.ts';
import { type CgroupPlace, makeCgroup } from './cgroup.ts';
import { findBubblewrap } from './find-bubblewrap.ts';
import { findCgroup } from './find-cgroup.ts';
import type { IsolatedEnd, IsolatedLimits, IsolatedSpec } from './isolated-spec.ts';
import type { Meter } from './meter.ts';
import { ProcessTree } from './process-tree.ts';
import { runIsolated } from './run-isolated.ts';

export interface IsolationOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where bubblewrap is; by default it is looked for in the usual places. */
  readonly bubblewrap?: string | undefined;
  /** A cgroup (version 2) that was made over to this worker; by default the one that it runs in. */
  readonly cgroup?: string | undefined;
  /** False: never use cgroups. Default true. */
  readonly cgroups?: boolean;
  /**
   * Programs at a time where the memory of all their processes together cannot be bounded, only looked at. Default 1, which is right for
   * programs of strangers; more for programs of ours that start no others.
   */
  readonly withoutCgroup?: number;
}

/** How this machine isolates. */
export interface IsolationFacts {
  /** Whether programs have a /proc of their own. */
  readonly proc: boolean;
  /** Version of cgroups that bounds memory; undefined where none can be made, with the reason. */
  readonly cgroup: 1 | 2 | undefined;
  readonly whyNoCgroup: string | undefined;
}

export interface Isolation {
  readonly facts: IsolationFacts;
  /**
   * Runs a program to the end of its last process. A limit is an end, not an error. Throws the signal's reason after everything was
   * ended for it, and SANDBOX_UNAVAILABLE when it could not be started.
   */
  run(spec: IsolatedSpec, stop: AbortSignal): Promise<IsolatedEnd>;
}

const PROBE: IsolatedLimits = {
  wallMs: 10_000,
  cpuMs: 10_000,
  memoryBytes: 64 << 20,
  processes: 16,
  outputBytes: 1024,
  diskBytes: 1 << 20,
};

/** Tries everything with a harmless program. Throws SANDBOX_UNAVAILABLE with what to do; there is no way around it. */
export async function openIsolation(options: IsolationOptions): Promise<Isolation> {
  const { clock, log, withoutCgroup = 1, cgroups = true } = options;
  const found = cgroups ? await findCgroup({ given: options.cgroup }) : { why: 'it was switched off' };
  const place = 'why' in found ? undefined : found;
  const meters = new Meters(place);
  const never = new AbortController().signal;
  const works = async (bubblewrap: Bubblewrap) => {
    await runWith(bubblewrap, meters, { argv: ['/bin/true'], limits: PROBE }, never, clock);
  };
  const bubblewrap = await findBubblewrap(works, place !== undefined, options.bubblewrap);
  const facts: IsolationFacts = {
    proc: bubblewrap.proc,
    cgroup: place?.version,
    whyNoCgroup: 'why' in found ? found.why : undefined,
  };
  log.info('programs are isolated', {
    proc: facts.proc,
    cgroup: facts.cgroup ?? 0,
    ...(facts.whyNoCgroup === undefined ? {} : { why: facts.whyNoCgroup }),
  });
  const turns = new PQueue({ concurrency: place ? Number.POSITIVE_INFINITY : withoutCgroup });
  return {
    facts,
    run: (spec, stop) => inTurn(turns, stop, () => runWith(bubblewrap, meters, spec, stop, clock)),
  };
}

class Meters {
  readonly #place: CgroupPlace | undefined;
  /** Several capabilities of one worker may have isolation. */
  readonly #name = randomBytes(4).toString('hex');
  #last = 0;

  constructor(place: CgroupPlace | undefined) {
    this.#place = place;
  }

  /** One more process than the program may have: the one that starts it. */
  async make({ memoryBytes, processes }: IsolatedLimits): Promise<Meter> {
    if (!this.#place) return new ProcessTree(memoryBytes);
    return makeCgroup(this.#place, `${process.pid}-${this.#name}-${++this.#last}`, {
      memoryBytes,
      processes: processes + 1,
    });
  }
}

async function runWith(
  bubblewrap: Bubblewrap,
  meters: Meters,
  spec: IsolatedSpec,
  stop: AbortSignal,
  clock: Clock,
): Promise<IsolatedEnd> {
  const meter = await meters.make(spec.limits);
  try {
    return await runIsolated(bubblewrap, meter, spec, stop, clock);
  } finally {
    await meter.close();
  }
}
