// Renews this replica's lease over what it has in hand, drops what is no longer current, and takes over, always as the next
// epoch, what no live lease names.
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { RunService } from '../orchestrator/run-service.ts';
import type { Leases } from '../store/leases.ts';
import type { Outbox } from '../store/outbox.ts';
import type { DispatchConfig } from './dispatch-config.ts';
import type { Relay } from './relay.ts';
import type { WorkerJobs } from './worker-jobs.ts';

interface LeaseLoopParts {
  readonly runs: RunService;
  readonly leases: Leases;
  readonly outbox: Outbox;
  readonly workers: WorkerJobs;
  readonly relay: Relay;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: DispatchConfig;
  /** Called once per round, for others that look again now and then; never throws. */
  readonly scan: () => Promise<void>;
}

/** Ids per batched read. */
const BATCH = 1_000;

export class LeaseLoop {
  readonly #parts: LeaseLoopParts;
  #cancel: () => void = () => {};
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  #recoverAt = 0;

  constructor(parts: LeaseLoopParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { clock, config } = this.#parts;
    this.#recoverAt = clock.monotonic() + config.recoverAfterMs;
    await this.#renew();
    this.#next(config.recoverAfterMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#round;
    await this.#parts.leases.drop(this.#parts.config.replica);
  }

  #next(ms: number): void {
    this.#cancel = this.#parts.clock.after(ms, () => {
      this.#round = this.#turn()
        .catch((error: unknown) => this.#parts.log.warn('a round of the reconciler failed', { why: String(error) }))
        .finally(() => {
          if (!this.#stopped) this.#next(this.#parts.config.scanMs);
        });
    });
  }

  async #turn(): Promise<void> {
    const { clock, config, scan } = this.#parts;
    await this.#dropStale();
    await this.#renew();
    if (clock.monotonic() >= this.#recoverAt) await this.#takeOver(config.scanMs);
    await this.#parts.workers.renew();
    await scan();
    this.#parts.workers.kick();
  }

  #held(): string[] {
    return [...new Set([...this.#parts.workers.inFlight(), ...this.#parts.relay.held()])];
  }

  #renew(): Promise<void> {
    const { leases, config } = this.#parts;
    return leases.renew(config.replica, this.#held(), config.leaseMs);
  }

  /** The durable side of cancels whose hint was lost. */
  async #dropStale(): Promise<void> {
    const { outbox, relay, workers } = this.#parts;
    const held = this.#held();
    for (let at = 0; at < held.length; at += BATCH) {
      const ids = held.slice(at, at + BATCH);
      const current = new Set((await outbox.check(ids)).map((row) => row.dispatchId));
      const stale = ids.filter((id) => !current.has(id));
      relay.forget(stale);
      workers.over(stale);
    }
  }

  /** Only as many as the relay can keep: the rest waits in the store without losing anything. */
  async #takeOver(olderThanMs: number): Promise<void> {
    const { leases, log, relay, runs } = this.#parts;
    if (relay.room <= 0) return;
    const dead = await leases.dead(olderThanMs, Math.min(relay.room, BATCH));
    // Read after the rows: what was taken in hand meanwhile is not dead.
    const held = new Set(this.#held());
    for (const row of dead) {
      if (held.has(row.dispatchId)) continue;
      log.info('taking over a job that nobody holds', { job: row.job, epoch: row.epoch });
      try {
        await runs.command(
          row.tenant,
          row.run,
          { type: 'attemptLost', job: row.job, epoch: row.epoch, why: 'no replica holds it' },
          { source: 'dispatch', commandId: `lost:${row.dispatchId}` },
        );
      } catch (error) {
        log.warn('a job could not be taken over yet', { job: row.job, why: String(error) });
      }
    }
  }
}
