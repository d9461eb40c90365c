// Which documents of a collection a search may find, as a condition on the alias `d`.

import { type RawBuilder, sql } from 'kysely';
import { normalForm } from '../../../../base/normal-form.ts';

export interface Filter {
  /** Only documents whose id begins so; empty means all. */
  readonly prefix: string;
  /** Only documents that have all of these. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Whether it lets everything pass. */
export const passesAll = ({ prefix, metadata }: Filter): boolean => prefix === '' && Object.keys(metadata).length === 0;

/** The condition; `true` for an open filter. */
export function condition({ prefix, metadata }: Filter): RawBuilder<boolean> {
  const parts = [sql<boolean>`true`];
  if (prefix !== '') parts.push(sql<boolean>`starts_with(normalize(d.id), ${normalForm(prefix, 'NFC')})`);
  if (Object.keys(metadata).length > 0) parts.push(sql<boolean>`d.metadata @> ${JSON.stringify(metadata)}::jsonb`);
  return sql<boolean>`(${sql.join(parts, sql` and `)})`;
}
