// Says that this replica lives, compares what it has in hand with what the store says it holds, takes over, always as the
// next epoch, what a dead replica held, and gives what lies free for long to the queues again.
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Leases } from '../../store/leases.ts';
import type { Outbox, StoredOutboxRow } from '../../store/outbox.ts';
import type { VersionsKnown } from '../../store/versions-known.ts';
import type { DispatchConfig } from '../dispatch-config.ts';
import type { Relay } from '../workers/relay.ts';
import type { WorkerJobs } from '../workers/worker-jobs.ts';

interface LeaseLoopParts {
  readonly leases: Leases;
  readonly versions: VersionsKnown;
  readonly outbox: Outbox;
  readonly workers: WorkerJobs;
  readonly relay: Relay;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: DispatchConfig;
  /** Called once per round, for others that look again now and then; never throws. */
  readonly scan: () => Promise<void>;
}

/** Jobs taken over, and jobs given to the queues again, in one round. */
const ORPHANS = 1_000;
const SURVEYED = 256;

/** Losses under commit at once. */
const AT_ONCE = 32;

export class LeaseLoop {
  readonly #parts: LeaseLoopParts;
  #cancel: () => void = () => {};
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  #recoverAt = 0;
  /** Held by this replica as the store says, but not in hand, in the round before. */
  #strange = new Set<string>();

  constructor(parts: LeaseLoopParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { clock, config, log } = this.#parts;
    this.#recoverAt = clock.monotonic() + config.recoverAfterMs;
    // A database that has just gone away does not end the start; the next round renews.
    const begin = this.#renew().then(() => this.#parts.versions.look());
    await begin.catch((error: unknown) => {
      log.warn('the lease could not be taken at the start', { why: String(error) });
    });
    this.#next(Math.min(config.recoverAfterMs, config.scanMs));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#round;
    await this.#parts.leases.drop(this.#parts.config.replica);
  }

  #next(ms: number): void {
    this.#cancel = this.#parts.clock.after(ms, () => {
      this.#round = this.#turn().finally(() => {
        if (!this.#stopped) this.#next(this.#parts.config.scanMs);
      });
    });
  }

  /** Each step on its own: what fails now is tried in the next round. */
  async #turn(): Promise<void> {
    const { clock, config, relay, scan, versions, workers } = this.#parts;
    const steps = [() => this.#renew(), () => versions.look(), () => this.#compare()];
    if (clock.monotonic() >= this.#recoverAt) steps.push(() => this.#reclaim());
    steps.push(
      () => relay.verify(),
      () => relay.survey(config.scanMs, SURVEYED),
      () => workers.scan(),
      scan,
    );
    for (const step of steps) {
      if (this.#stopped) return;
      await step().catch((error: unknown) =>
        this.#parts.log.warn('a step of the reconciler failed', { why: String(error) }),
      );
    }
  }

  #renew(): Promise<void> {
    const { leases, config } = this.#parts;
    return leases.renew(config.replica, config.leaseMs);
  }

  /** The durable side of cancels whose hint was lost, and of claims and commits whose answer was. */
  async #compare(): Promise<void> {
    const { config, outbox, relay, workers } = this.#parts;
    const inHand = workers.inFlight();
    const held = new Set(await outbox.heldBy(config.replica));
    const stale = inHand.filter((id) => !held.has(id));
    relay.forget(stale);
    workers.stopAttempts(stale);
    const strange = new Set([...held].filter((id) => !workers.knows(id)));
    // In two rounds: what just ended, or was just claimed, may look strange once.
    const lost = [...strange].filter((id) => this.#strange.has(id));
    this.#strange = strange;
    if (lost.length > 0) await workers.reclaim(await outbox.check(lost), 'its replica lost sight of it');
  }

  async #reclaim(): Promise<void> {
    const { config, leases } = this.#parts;
    await this.#lose(await leases.orphans(config.workerGraceMs, ORPHANS), 'the replica that held it is gone');
  }

  async #lose(rows: readonly StoredOutboxRow[], why: string): Promise<void> {
    const { log, outbox, workers } = this.#parts;
    for (let at = 0; at < rows.length && !this.#stopped; at += AT_ONCE) {
      const some = rows.slice(at, at + AT_ONCE);
      // The reading is older with each piece: what a worker has come back with meanwhile has another holder.
      const now = await outbox.check(some.map(({ dispatchId }) => dispatchId));
      const holders = new Map(now.map(({ dispatchId, holder }) => [dispatchId, holder]));
      const still = some.filter(({ dispatchId, holder }) => holders.get(dispatchId) === holder);
      await Promise.all(
        still.map((row) => {
          log.info('taking over a job', { tenant: row.tenant, job: row.job, epoch: row.epoch, why });
          return workers.recordLoss(row, why);
        }),
      );
    }
  }
}
