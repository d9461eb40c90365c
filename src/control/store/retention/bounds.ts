// What bounds each table of the control plane; docs/operations.md has it as a table. A table without a row here fails a test.
import type { Schema } from '../schema.ts';

/** Tables of Kysely and of expansions, beside ours. */
type Others = 'kysely_migration' | 'kysely_migration_lock' | 'expansion';

const RUN = '`BOWLINE_KEEP_RUNS`, with its run';
const OWNERS = 'what owners make; they remove it';

export const BOUNDS: Readonly<Record<keyof Schema | Others, string>> = {
  run: '`BOWLINE_KEEP_RUNS`; longer while something of it is open, or the next turn of its conversation needs it',
  job: RUN,
  set_aside: RUN,
  dead_job: `${RUN}; 30 days after somebody dealt with it`,
  events: `${RUN}; those of a conversation with it, about three small ones for each turn`,
  streams: `${RUN} or its conversation`,
  conversation: '`BOWLINE_KEEP_CONVERSATIONS` after its last run; longer while runs of it are kept',
  snapshot: 'one row for each long conversation, and with it',
  removed_run: '`BOWLINE_KEEP_REMOVED`',
  inbox: '`BOWLINE_KEEP_COMMANDS`',
  outbox: 'what is to be done: a row goes in the commit that ends its attempt',
  timers: 'what is waited for: a row goes in the commit that it leads to, and with its run',
  ledger_usage: '`BOWLINE_KEEP_USAGE` for single uses, `BOWLINE_KEEP_USAGE_SUMS` for the sums of a day',
  budget: `${OWNERS}; 100 a tenant`,
  budget_period: '`BOWLINE_KEEP_USAGE_SUMS`; longer while something is reserved in it',
  reservation: 'what is outstanding, and 7 days of what lapsed',
  known_prices: '7 days after a worker last told them',
  audit: '`BOWLINE_KEEP_AUDIT`',
  join_token: '30 days after its time is over',
  owner_note: 'its own time',
  lease: 'an hour after its replica is gone',
  tenant: OWNERS,
  device: OWNERS,
  removed_device: 'one for each device that an owner removed',
  api_key: 'one for each key that an owner made, revoked ones too',
  worker_token: 'one for each key that an owner made, revoked ones too',
  blob: '`BOWLINE_KEEP_RUNS`, with the last run that has it; `BOWLINE_KEEP_REMOVED` where it is an archived run',
  blob_owner: 'as `blob`',
  blob_data: 'as `blob`',
  plugin: OWNERS,
  control_state: 'one row',
  kysely_migration: 'one row for each migration',
  kysely_migration_lock: 'one row',
  expansion: 'one row for each expansion',
};

/** The rows of the table in docs/operations.md. */
export const boundRows = (): string[] =>
  Object.entries(BOUNDS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([table, bound]) => `| \`${table}\` | ${bound} |`);
