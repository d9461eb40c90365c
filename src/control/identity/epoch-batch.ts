// Session epochs, many devices to a statement, so that a storm of reconnects costs few commits. It only raises epochs.
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../store/schema.ts';
import { inStore } from '../store/sql-failure.ts';

interface Asked {
  readonly tenant: string;
  readonly id: string;
  readonly resolve: (epoch: number | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCH = 500;

export class EpochBatch {
  readonly #db: Kysely<Schema>;
  #asked: Asked[] = [];
  #running = false;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** The device's next epoch; undefined when it is unknown or suspended. Two calls never get the same one. */
  next(device: { tenant: string; id: string }): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ tenant: device.tenant, id: device.id, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  /** One statement at a time; what is asked meanwhile goes into the next. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#asked.length > 0) {
      const batch = this.#cut();
      try {
        const epochs = await inStore(() => this.#raise([...batch.values()]));
        for (const [key, { resolve }] of batch) resolve(epochs.get(key));
      } catch (error) {
        for (const { reject } of batch.values()) reject(error);
      }
    }
    this.#running = false;
  }

  /** At most one entry per device: a second one of the same device needs an epoch of its own, so it waits. */
  #cut(): Map<string, Asked> {
    const batch = new Map<string, Asked>();
    const later: Asked[] = [];
    for (const each of this.#asked) {
      const key = keyOf(each.tenant, each.id);
      if (batch.size < MAX_BATCH && !batch.has(key)) batch.set(key, each);
      else later.push(each);
    }
    this.#asked = later;
    return batch;
  }

  /** Rows are locked in order, because two replicas may raise overlapping sets. */
  async #raise(batch: readonly Asked[]): Promise<Map<string, number>> {
    const tenants = batch.map(({ tenant }) => tenant);
    const ids = batch.map(({ id }) => id);
    const { rows } = await sql<{ tenant: string; id: string; epoch: string | number }>`
      with locked as (
        select device.tenant, device.id from device
        join unnest(${tenants}::text[], ${ids}::text[]) as asked (tenant, id) using (tenant, id)
        where device.state <> 'suspended'
        order by device.tenant, device.id
        for no key update of device
      )
      update device set session_epoch = session_epoch + 1, last_seen = now()
      from locked where device.tenant = locked.tenant and device.id = locked.id
      returning device.tenant, device.id, session_epoch as epoch`.execute(this.#db);
    return new Map(rows.map(({ tenant, id, epoch }) => [keyOf(tenant, id), Number(epoch)]));
  }
}

const keyOf = (tenant: string, id: string): string => `${tenant}\n${id}`;
