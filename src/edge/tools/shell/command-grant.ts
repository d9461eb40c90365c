// The name of a standing permission in config.yaml, as it stands in the ledger.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { ExecuteEntry } from '../../config/edge-config.ts';

/** Changes when the command's words change, so that an old answer is not covered by another entry. */
export function commandGrant(entry: Pick<ExecuteEntry, 'argv'>): string {
  return `config:execute/${createHash('sha256').update(JSON.stringify(entry.argv)).digest('hex').slice(0, 16)}`;
}

/** First word, without its folder. */
export const programName = (argv: readonly string[]): string => basename(argv[0] ?? '');
