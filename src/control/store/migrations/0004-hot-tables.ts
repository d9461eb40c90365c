// What the plans of the hot statements showed on a large database (docs/decisions/0019): an index that pages through the
// backlog, and a vacuum that keeps up with tables whose rows come and go.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Small tables that are rewritten all the time: vacuum them after some hundred dead rows, without pauses. */
const CHURNING =
  'autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0';

/** Large tables of which a part is rewritten: by default a fifth of the table would have to be dead first. */
const GROWING = 'autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05';

const statements = [
  // With the priority turned round all columns run upwards, so that a page begins where the one before ended.
  `drop index outbox_free`,
  `create index outbox_free on outbox (capability, (-priority), created_at, dispatch_id)
    where state = 'ready' and target = 'worker' and holder is null`,
  `alter table outbox set (${CHURNING})`,
  `alter table timers set (${CHURNING})`,
  `alter table lease set (fillfactor = 50, ${CHURNING})`,
  `alter table inbox set (${GROWING})`,
  `alter table streams set (${GROWING})`,
  `alter table run set (${GROWING})`,
  `alter table job set (${GROWING})`,
];

export const hotTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
