// The grants of one ask: one for the files, and one for what was piped in, which outlives a restart.
import type { GrantedFile, GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Shares } from './ports.ts';

/** What an ask shares. */
export interface ToGrant {
  readonly files: readonly GrantedFile[];
  /** Empty: nothing was piped in. */
  readonly piped: Uint8Array;
  readonly recipients: readonly string[];
  /** Whether secrets in what was piped in are meant, too. */
  readonly secrets: boolean;
}

/** In force at once. Throws what `pipe` and `mint` throw; nothing is kept then. */
export async function grantFor(
  shares: Pick<Shares, 'pipe' | 'mint' | 'drop'>,
  run: string,
  { files, piped, recipients, secrets }: ToGrant,
): Promise<GrantMinted[]> {
  try {
    const input = piped.length > 0 ? [await shares.pipe(run, piped, { secrets })] : [];
    return [files, input].filter(({ length }) => length > 0).map((of) => shares.mint({ run, files: of, recipients }));
  } catch (error) {
    shares.drop(run);
    throw error;
  }
}
