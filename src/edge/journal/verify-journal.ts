// Checks a journal folder from end to end and reports the first damage. It changes nothing and needs no lock.
import { AppError } from '../../base/errors.ts';
import type { FsPort } from './fs-port.ts';
import { type Damage, type StoredRecord, scanJournal, type TornEnd } from './scan-journal.ts';

/** What `verify` found. */
export interface Verification {
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  readonly firstBad?: Damage;
  /** A last write of which bytes are missing: the next start removes it. */
  readonly cut?: TornEnd;
}

export interface VerifyOptions {
  /** Where the last batch of a live journal ends, per segment name. */
  readonly limits?: ReadonlyMap<string, number>;
  /** Sees every record; JOURNAL_DAMAGED that it throws is reported too. */
  readonly onRecord?: ((record: StoredRecord) => void) | undefined;
}

/** Checks a whole journal folder without opening it; nothing is changed. Damage is reported, not thrown. */
export async function verifyJournal(fs: FsPort, dir: string, options: VerifyOptions = {}): Promise<Verification> {
  let records = 0;
  try {
    const see = (record: StoredRecord) => {
      options.onRecord?.(record);
      records++;
    };
    const scan = await scanJournal(fs, dir, see, options);
    const [segments, torn] = [scan.segments.length, scan.torn];
    if (!torn) return { ok: true, records, segments };
    if (torn.cut) return { ok: true, records, segments, cut: torn };
    return { ok: false, records, segments, firstBad: { ...torn, problem: DAMAGED_END } };
  } catch (error) {
    return { ok: false, records, segments: 0, firstBad: damageOf(error) };
  }
}

const DAMAGED_END =
  'the last write is all there, but its checksum is wrong; the next start takes it out and keeps it aside, and the control plane will say whether it was acknowledged';

/** What a JOURNAL_DAMAGED says; any other error is thrown on. */
export function damageOf(error: unknown): Damage {
  if (!(error instanceof AppError) || error.reason !== 'JOURNAL_DAMAGED') throw error;
  const { file = '', offset = '0', problem = '' } = error.metadata;
  return { file, offset: Number(offset), problem };
}
