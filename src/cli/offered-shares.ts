// Which shares are offered after an answer: none that the limits of the box would refuse. Of a file that is too large for one the
// lines are offered that hold most of what is asked, and the limit is told.
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { isAway, type Side } from './client.ts';
import type { CliIo } from './io.ts';
import { matchingLines } from './matching-lines.ts';
import { parseShare } from './shares.ts';

/** A smaller file is within every limit; of a larger one the box is asked. */
const SURE_BYTES = 1 << 20;
/** Of so many; the first are the best matches. */
const MOST_ASKED = 20;
/** What is offered of a file that is too large where nothing is known of its lines. */
const FIRST_LINES = '#L1-L200';

export interface OfferedShares {
  readonly shares: readonly string[];
  /** Why something is not offered as a whole. */
  readonly limits: readonly string[];
}

/** What was asked. */
export interface AskedAlready {
  readonly text: string;
  /** What it shared, as the edge names it. */
  readonly shared: readonly string[];
}

/** @param wanted paths, as someone in the caller's folder types them */
export async function offeredShares(
  edge: Side,
  io: Pick<CliIo, 'cwd' | 'env'>,
  wanted: readonly string[],
  { text, shared }: AskedAlready,
): Promise<OfferedShares> {
  const shares: string[] = [];
  const limits: string[] = [];
  let asked = 0;
  for (const share of wanted) {
    const why = isLarge(share, io.cwd) && ++asked <= MOST_ASKED ? await refusal(edge, io, share) : undefined;
    if (!why) {
      shares.push(share);
      continue;
    }
    limits.push(why.message);
    const found = await matchingLines(resolve(io.cwd, share), text);
    const lines = found ? `#L${found.start}-L${found.end}` : FIRST_LINES;
    if (shared.some((path) => path.endsWith(`${basename(share)}${lines}`)))
      limits.push(
        `${share}: ${lines.slice(1)} are shared already; to share others, name the lines that hold what you ask`,
      );
    else if (!(await refusal(edge, io, share + lines))) {
      if (!found)
        limits.push(`${share}: no line was found that has a word of it; name the lines that hold what you ask`);
      shares.push(share + lines);
    }
  }
  return { shares, limits };
}

/** What the box refuses it with; undefined where it takes it, or cannot be asked now. */
async function refusal(edge: Side, io: Pick<CliIo, 'cwd' | 'env'>, share: string): Promise<AppError | undefined> {
  try {
    await edge.client(LocalService).previewShares({ shares: [parseShare(share, io)] });
    return undefined;
  } catch (error) {
    return error instanceof AppError && !isAway(error) ? error : undefined;
  }
}

function isLarge(share: string, cwd: string): boolean {
  try {
    return statSync(resolve(cwd, share)).size > SURE_BYTES;
  } catch {
    return false;
  }
}
