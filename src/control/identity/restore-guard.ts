// What is known of a database that is older than its edges: which tenants stand still because of it, and above which number
// epochs begin since it was recovered. The truth is in the database, for all replicas; this reads it again and again.
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { inStore } from '../../base/sql-failure.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { HistoryGap } from '../store/history-counter.ts';
import type { Schema } from '../store/schema.ts';
import type { DeviceRef } from './devices.ts';

/** What showed that the database was restored: a device's session, or what a replica had written. */
export type RestoreEvidence = SessionEvidence | HistoryGap;

export interface SessionEvidence {
  /** Name of the device. */
  readonly device: string;
  /** The epoch of its last session, proven by it. */
  readonly known: number;
  /** The last one that the database gave. */
  readonly given: number;
}

export interface RestoreGuardParts {
  readonly db: Kysely<Schema>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds between looks: how late another replica learns of it. */
  readonly everyMs: number;
}

export class RestoreGuard {
  readonly #parts: RestoreGuardParts;
  readonly #stopped = new Map<string, RestoreEvidence>();
  readonly #onStopped = new Set<(tenant: string, why: AppError) => void>();
  readonly #onRecovered = new Set<(epochBase: number) => void>();
  #epochBase = 0;
  #stopTimer: () => void = () => {};
  #ended = false;
  #looking: Promise<void> | undefined;

  constructor(parts: RestoreGuardParts) {
    this.#parts = parts;
  }

  /** Reads once, then again and again. Throws when the store does not answer the first time. */
  async start(): Promise<void> {
    await this.#look();
    this.#next();
  }

  async stop(): Promise<void> {
    this.#ended = true;
    this.#stopTimer();
    await this.#looking?.catch(() => {});
  }

  /** Every epoch given from now on is above it. */
  get epochBase(): number {
    return this.#epochBase;
  }

  /** Why this tenant stands still; undefined when it does not. */
  why(tenant: string): AppError | undefined {
    const evidence = this.#stopped.get(tenant);
    return evidence && restored(evidence);
  }

  get anyStopped(): boolean {
    return this.#stopped.size > 0;
  }

  /** Throws DATABASE_RESTORED when this tenant stands still. */
  mustGoOn(tenant: string): void {
    const why = this.why(tenant);
    if (why) throw why;
  }

  /** Called when a tenant comes to a stop. */
  onStopped(told: (tenant: string, why: AppError) => void): void {
    this.#onStopped.add(told);
  }

  /** Called now and then for some time after a recovery: attempts of epochs up to that number are over. */
  onRecovered(told: (epochBase: number) => void): void {
    this.#onRecovered.add(told);
  }

  /** Stops the work of a tenant on all replicas, until `recover`. Throws when the store does not answer. */
  report({ tenant, id }: DeviceRef, evidence: SessionEvidence): Promise<void> {
    return this.#stop(evidence, `device:${id}`, tenant);
  }

  /** The same for all tenants. */
  reportAll(evidence: HistoryGap): Promise<void> {
    return this.#stop(evidence, `replica:${evidence.replica}`);
  }

  async #stop(evidence: RestoreEvidence, subject: string, only?: string): Promise<void> {
    await inStore(() =>
      this.#parts.db.transaction().execute(async (trx) => {
        const stop = trx
          .updateTable('tenant')
          .set({ stopped_at: sql<Date>`now()`, stopped_by: JSON.stringify(evidence) })
          .where('stopped_at', 'is', null)
          .returning('id');
        const stopped = await (only === undefined ? stop : stop.where('id', '=', only)).execute();
        if (stopped.length === 0) return;
        const detail = { known: evidence.known, given: evidence.given };
        await writeAudit(
          trx,
          stopped.map(({ id: tenant }) => ({ tenant, principal: 'control', action: 'dispatch.stop', subject, detail })),
        );
      }),
    );
    await this.#look();
  }

  #next(): void {
    this.#stopTimer = this.#parts.clock.after(this.#parts.everyMs, () => {
      this.#looking = this.#look()
        .catch((error: unknown) =>
          this.#parts.log.warn('whether the database was restored could not be read', { why: String(error) }),
        )
        .finally(() => {
          if (!this.#ended) this.#next();
        });
    });
  }

  async #look(): Promise<void> {
    const { rows } = await inStore(() =>
      sql<{ base: number; recent: boolean; tenant: string | null; by: RestoreEvidence | null }>`
        select s.epoch_base as base, coalesce(s.recovered_at > now() - interval '10 minutes', false) as recent,
          t.id as tenant, t.stopped_by as by
        from control_state s left join tenant t on t.stopped_at is not null`.execute(this.#parts.db),
    );
    const { log } = this.#parts;
    const [first] = rows;
    const raised = first !== undefined && first.base > this.#epochBase;
    this.#epochBase = Math.max(first?.base ?? 0, this.#epochBase);
    const now = new Map(rows.flatMap(({ tenant, by }) => (tenant !== null && by ? [[tenant, by] as const] : [])));
    for (const tenant of this.#stopped.keys()) {
      if (now.has(tenant)) continue;
      this.#stopped.delete(tenant);
      log.warn('work goes on: the database was recovered', { tenant, epochBase: this.#epochBase });
    }
    for (const [tenant, evidence] of now) {
      if (this.#stopped.has(tenant)) continue;
      this.#stopped.set(tenant, evidence);
      const why = restored(evidence);
      log.error(toldOf(why), undefined, { tenant });
      for (const told of this.#onStopped) told(tenant, why);
    }
    if (raised || first?.recent) for (const told of this.#onRecovered) told(this.#epochBase);
  }
}

/** With the reason first, as errors are told: the word that the documents name. */
export const toldOf = (why: AppError | undefined): string => (why ? `${why.reason}: ${why.message}` : '');

const restored = (evidence: RestoreEvidence): AppError =>
  'replica' in evidence
    ? new AppError('DATABASE_WENT_BACK', { ...evidence })
    : new AppError('DATABASE_RESTORED', { ...evidence });
