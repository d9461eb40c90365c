// The prices of workers, remembered in the database for as long as none is connected: after a restart, what comes next is bounded by what the
// same workers told before, not by the worst there is. A worker that comes and is dearer is not given the job.
import { hash } from 'node:crypto';
import { create, fromJson, toJson } from '@bufbuild/protobuf';
import { type Kysely, sql } from 'kysely';
import { ModelInfoSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { WorkerHelloSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';
import type { PricedWorker } from './price-table.ts';

/** A connected worker. */
export interface TellingWorker extends PricedWorker {
  view(): { readonly tenants: readonly string[] };
}

export interface KnownPricesParts {
  readonly db: Kysely<Schema>;
  readonly clock: Clock;
  /** The workers of this replica. */
  readonly local: () => readonly TellingWorker[];
}

/** How long prices are remembered after the last word of them, and how often that word is written. */
const KEEP_DAYS = 7;
const AGAIN_MS = 3_600_000;
/** Of as many different tables of prices. */
const MOST = 500;

type Row = Pick<Schema['known_prices'], 'digest' | 'tenants' | 'packages'> & { readonly models: string };

export class KnownPrices {
  readonly #parts: KnownPricesParts;
  /** When each was last written here. */
  readonly #written = new Map<string, number>();
  #known: readonly { readonly tenants: readonly string[]; readonly worker: PricedWorker }[] = [];

  constructor(parts: KnownPricesParts) {
    this.#parts = parts;
  }

  /** What workers that may work for a tenant told, here or elsewhere, connected or not. */
  of(tenant: string): PricedWorker[] {
    const mine = this.#known.filter(({ tenants }) => tenants.includes(tenant) || tenants.includes('*'));
    return mine.map(({ worker }) => worker);
  }

  /** Writes what was not written lately, and reads all. Throws STORE_UNAVAILABLE. */
  async refresh(): Promise<void> {
    const { db, clock, local } = this.#parts;
    const now = clock.monotonic();
    const news = new Map(
      local()
        .map(rowOf)
        .map((row) => [row.digest, row]),
    );
    for (const [digest, at] of this.#written) if (now - at < AGAIN_MS) news.delete(digest);
    for (const row of news.values()) {
      const written = db.insertInto('known_prices').values(row);
      await inStore(() =>
        written.onConflict((known) => known.column('digest').doUpdateSet({ at: sql`now()` })).execute(),
      );
      this.#written.set(row.digest, now);
    }
    const lately = sql<boolean>`at > now() - make_interval(days => ${KEEP_DAYS})`;
    const all = db.selectFrom('known_prices').select(['tenants', 'packages', 'models']).where(lately);
    const rows = await inStore(() => all.orderBy('at', 'desc').limit(MOST).execute());
    this.#known = rows.map(({ tenants, packages, models }) => ({ tenants, worker: workerOf(packages, models) }));
    for (const [digest, at] of this.#written) if (now - at >= AGAIN_MS) this.#written.delete(digest);
  }
}

/** What the price table needs of a worker, and nothing of who it is. */
function rowOf(worker: TellingWorker): Row {
  const { manifest, models } = worker.hello;
  const tenants = [...worker.view().tenants].sort();
  const packages = (manifest?.capabilities ?? []).map((each) => each.package).sort();
  const text = JSON.stringify(models.map((model) => toJson(ModelInfoSchema, model)));
  const digest = hash('sha256', JSON.stringify([tenants, packages, text]));
  return { digest, tenants, packages, models: text };
}

function workerOf(packages: readonly string[], models: readonly object[]): PricedWorker {
  const capabilities = packages.map((each) => ({ package: each }));
  const told = models.map((model) => fromJson(ModelInfoSchema, model as never, { ignoreUnknownFields: true }));
  return { hello: create(WorkerHelloSchema, { manifest: { capabilities }, models: told }) };
}
