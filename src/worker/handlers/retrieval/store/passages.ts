// Reads the passages that are shown, with their documents.
import { sql } from 'kysely';
import type { TenantTransaction } from './database.ts';

export interface ShownPassage {
  readonly id: number;
  readonly collection: string;
  readonly document: string;
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly page: number;
  readonly startByte: number;
  readonly endByte: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** By their ids. */
export async function showPassages(
  { trx, tenant }: TenantTransaction,
  ids: readonly number[],
): Promise<ReadonlyMap<number, ShownPassage>> {
  const { rows } = await sql<ShownPassage>`
    select p.id, c.name as collection, d.id as document, d.title, p.headings, p.text, p.start_line as "startLine",
      p.end_line as "endLine", p.page, p.start_byte as "startByte", p.end_byte as "endByte", d.metadata
    from passage p
    join document d on d.key = p.document
    join collection c on c.id = p.collection
    where p.tenant = ${tenant} and d.tenant = ${tenant} and c.tenant = ${tenant} and p.id = any(${ids}::bigint[])`.execute(
    trx,
  );
  return new Map(rows.map((row) => [row.id, row]));
}
