// The audit trail of the control plane: who did what to whom. It only ever appends; never content, never secrets.
import { type Kysely, type Selectable, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { inStore } from '../../base/sql-failure.ts';
import { encodeJson } from '../store/commit-encode.ts';
import type { Schema } from '../store/schema.ts';

export interface AuditNote {
  readonly tenant: string;
  /** Who acted, e.g. `owner:<key id>`, `device:<id>`, `control`. */
  readonly principal: string;
  /** Area and verb, e.g. `device.suspend`. */
  readonly action: string;
  /** What it was done to, e.g. `device:<id>`. */
  readonly subject: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** An entry as it was stored. */
export interface AuditRecord extends AuditNote {
  /** Milliseconds since 1970, by the database's clock. */
  readonly at: number;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

const MAX_PAGE = 1_000;

/** Appends entries in one statement; pass the transaction of the act itself, so that neither stands without the other. */
export async function writeAudit(db: Kysely<Schema>, entries: readonly AuditNote[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map(({ tenant, principal, action, subject, detail }) => ({
    tenant,
    principal,
    action,
    subject,
    detail: encodeJson(detail ?? {}),
  }));
  await inStore(() => db.insertInto('audit').values(rows).execute());
}

/** How long one and the same entry of a stranger is enough. */
const ONCE_HOURS = 1;

/** Appends what somebody without a credential did, once an hour: whoever repeats it cannot fill the trail. */
export async function writeAuditOnce(db: Kysely<Schema>, entry: AuditNote): Promise<void> {
  const { tenant, action, subject } = entry;
  const known = db
    .selectFrom('audit')
    .select('at')
    .where('tenant', '=', tenant)
    .where('at', '>', sql<Date>`now() - make_interval(hours => ${ONCE_HOURS})`)
    .where('action', '=', action)
    .where('subject', '=', subject)
    .limit(1);
  if (!(await inStore(() => known.executeTakeFirst()))) await writeAudit(db, [entry]);
}

/** A tenant's newest entries of these actions of the last days. */
export async function recentAudit(
  db: Kysely<Schema>,
  tenant: string,
  { actions, days, most }: { readonly actions: readonly string[]; readonly days: number; readonly most: number },
): Promise<AuditRecord[]> {
  const query = db
    .selectFrom('audit')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('at', '>', sql<Date>`now() - make_interval(days => ${days})`)
    .where('action', 'in', actions)
    .orderBy('at', 'desc')
    .limit(most);
  return (await inStore(() => query.execute())).map(recordOf);
}

const recordOf = (row: Selectable<Schema['audit']>): AuditRecord => ({
  ...row,
  at: row.at.getTime(),
  detail: row.detail as AuditRecord['detail'],
});

/**
 * A page of a tenant's entries, newest first. `size` is 100 by default and at most 1,000; `token` is the `next` of the page
 * before. Entries added meanwhile are not in it. Throws INVALID_ARGUMENT for a token that is none of ours.
 */
export async function listAudit(
  db: Kysely<Schema>,
  tenant: string,
  page: { size?: number; token?: string } = {},
): Promise<{ entries: AuditRecord[]; next: string }> {
  const size = Math.min(Math.max(page.size || 100, 1), MAX_PAGE);
  const from = position(page.token);
  let query = db
    .selectFrom('audit')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('at', 'desc')
    .orderBy('subject')
    .orderBy('action')
    .orderBy('principal')
    .limit(size + 1);
  if (from) query = query.where('at', '<=', new Date(from.at)).offset(from.skip);
  const rows = await inStore(() => query.execute());
  const entries = rows.slice(0, size).map(recordOf);
  return { entries, next: rows.length > size ? after(entries, from) : '' };
}

/** Times have milliseconds and may repeat, so a position is a time and how many entries of that time were given. */
interface AuditPosition {
  readonly at: number;
  readonly skip: number;
}

function after(entries: readonly AuditRecord[], from: AuditPosition | undefined): string {
  const at = entries.at(-1)?.at ?? 0;
  const same = entries.filter((entry) => entry.at === at).length;
  return `${at}.${from?.at === at ? from.skip + same : same}`;
}

function position(token: string | undefined): AuditPosition | undefined {
  if (!token) return undefined;
  const match = /^(\d{1,15})\.(\d{1,9})$/.exec(token);
  if (!match) throw new AppError('INVALID_ARGUMENT', { what: 'this page token is not one that was given' });
  return { at: Number(match[1]), skip: Number(match[2]) };
}
