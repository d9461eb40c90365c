// The audit trail of the control plane: who did what to whom. It only ever appends; never content, never secrets.
import type { Kysely } from 'kysely';
import type { Schema } from '../store/schema.ts';

export interface AuditEntry {
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
export interface AuditRecord extends AuditEntry {
  /** Milliseconds since 1970, by the database's clock. */
  readonly at: number;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

const MAX_LIST = 1_000;

/** Appends entries in one statement; pass the transaction of the act itself, so that neither stands without the other. */
export async function writeAudit(db: Kysely<Schema>, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await db
    .insertInto('audit')
    .values(
      entries.map(({ tenant, principal, action, subject, detail }) => ({
        tenant,
        principal,
        action,
        subject,
        detail: JSON.stringify(detail ?? {}),
      })),
    )
    .execute();
}

/** The newest entries of a tenant, newest first; at most 1,000, default 100. */
export async function listAudit(db: Kysely<Schema>, tenant: string, limit = 100): Promise<AuditRecord[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('at', 'desc')
    .limit(Math.min(Math.max(limit, 1), MAX_LIST))
    .execute();
  return rows.map((row) => ({ ...row, at: row.at.getTime(), detail: row.detail as AuditRecord['detail'] }));
}
