// Checks a journal folder from end to end and reports the first damage. It changes nothing and needs no lock.
import { AppError } from '../../base/errors.ts';
import type { FsPort } from './fs-port.ts';
import { type Damage, scanJournal } from './recover.ts';

/** What `verify` found. `torn` bytes behind the last batch are harmless and go at the next start. */
export interface Verification {
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  readonly firstBad?: Damage;
}

/** Checks a whole journal folder without opening it; nothing is changed. Damage is reported, not thrown. */
export async function verifyJournal(
  fs: FsPort,
  dir: string,
  limits?: ReadonlyMap<string, number>,
): Promise<Verification> {
  let records = 0;
  try {
    const scan = await scanJournal(fs, dir, () => records++, limits);
    return { ok: true, records, segments: scan.segments.length };
  } catch (error) {
    if (!(error instanceof AppError) || error.reason !== 'JOURNAL_DAMAGED') throw error;
    const { file = '', offset = '0', problem = '' } = error.metadata;
    return { ok: false, records, segments: 0, firstBad: { file, offset: Number(offset), problem } };
  }
}
