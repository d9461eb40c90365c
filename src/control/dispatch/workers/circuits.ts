// The circuits of the workers of this replica: fed by the results of their attempts, read by placement. Memory only; a replica that starts
// finds out anew.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import { failureClass } from '../../../contract/failure-class.ts';
import {
  type Circuit,
  type CircuitRules,
  CLOSED,
  circuitFailed,
  circuitPhase,
  type Rest,
} from '../../routing/circuit.ts';
import { NO_PROVIDER } from '../../routing/worker-view.ts';
import type { Attempt } from '../attempts/attempts.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { AttemptEnd } from './settler.ts';

/** What a circuit is about. */
export interface RestingWorker {
  readonly name: string;
  readonly pool: string;
  readonly provider: string;
  readonly packages: readonly { readonly package: string }[];
}

interface Kept {
  readonly circuit: Circuit;
  readonly reason: string;
}

export interface CircuitsParts {
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly rules: CircuitRules;
  /** Told when one opened or may be probed. */
  readonly changed: () => void;
}

const MOST = 10_000;

export class Circuits {
  readonly #parts: CircuitsParts;
  readonly #kept = new LRUCache<string, Kept>({ max: MOST });

  constructor(parts: CircuitsParts) {
    this.#parts = parts;
  }

  /** Undefined for a worker that may have as much as it has room for. */
  restOf(worker: RestingWorker): Rest | undefined {
    const at = this.#parts.clock.now();
    let found: Rest | undefined;
    for (const key of keysOf(worker)) {
      const kept = this.#kept.get(key);
      const phase = kept ? circuitPhase(kept.circuit, at) : 'closed';
      if (!kept || phase === 'closed' || found?.phase === 'open') continue;
      const who = key.startsWith(PROVIDER) ? `the provider ${worker.provider}` : 'it';
      found = { phase, until: kept.circuit.openUntil, reason: kept.reason, who };
    }
    return found;
  }

  /** How many are not closed. */
  get open(): number {
    const at = this.#parts.clock.now();
    return [...this.#kept.values()].filter(({ circuit }) => circuitPhase(circuit, at) !== 'closed').length;
  }

  /** An attempt of a worker ended. */
  ended(
    { job, session }: Pick<Attempt, 'job'> & { readonly session: Pick<WorkerSession, 'view'> | undefined },
    result: AttemptEnd,
  ): void {
    const worker = session?.view();
    if (!worker) return;
    if (result.case === 'done') {
      for (const key of keysOf(worker)) this.#close(key);
      return;
    }
    if (result.case !== 'failure') return;
    const { blames } = failureClass(result.value);
    const key = blames === 'nobody' ? undefined : blames === 'provider' ? providerKey(worker) : workerKey(worker);
    if (key !== undefined) this.#failed(key, job, result.value.reason);
  }

  #failed(key: string, job: string, reason: string): void {
    const { clock, log, rules, changed } = this.#parts;
    const at = clock.now();
    const before = this.#kept.get(key)?.circuit ?? CLOSED;
    const circuit = circuitFailed(before, { job, at }, rules);
    this.#kept.set(key, { circuit, reason });
    if (circuit.openUntil === before.openUntil) return;
    log.warn('attempts fail, so nothing is given out there for a while', {
      circuit: key,
      reason,
      ms: circuit.openUntil - at,
    });
    changed();
    clock.after(circuit.openUntil - at, changed);
  }

  #close(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    this.#kept.delete(key);
    if (kept.circuit.openUntil === 0) return;
    this.#parts.log.info('attempts pass again', { circuit: key });
    this.#parts.changed();
  }
}

const PROVIDER = 'provider ';

const workerKey = ({ name, pool, packages }: RestingWorker): string =>
  `worker ${pool}/${name} ${packages.map((each) => each.package).join(' ')}`;

const providerKey = (worker: RestingWorker): string =>
  worker.provider === '' || worker.provider === NO_PROVIDER ? workerKey(worker) : `${PROVIDER}${worker.provider}`;

const keysOf = (worker: RestingWorker): readonly string[] => [workerKey(worker), providerKey(worker)];
