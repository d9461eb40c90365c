// Shares that ended while their run goes on, so that a file of one is not told as never shared. In memory; it allows nothing.

import type { GrantedFile } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';

/** Ends that a run may live to see; each is a reason of `Withheld`. */
export type EarlyEnd = 'RESTARTED' | 'EXPIRED' | 'CAP';

const EARLY: ReadonlySet<string> = new Set<EarlyEnd>(['RESTARTED', 'EXPIRED', 'CAP']);
export const isEarly = (why: string): why is EarlyEnd => EARLY.has(why);

/** Shares that are remembered; the oldest go first. */
const MAX_SHARES = 64;

export class EndedShares {
  readonly #shares = new Map<string, { readonly run: string; readonly paths: ReadonlySet<string>; why: EarlyEnd }>();

  add(
    { id, run, files }: { readonly id: string; readonly run: string; readonly files: readonly GrantedFile[] },
    why: EarlyEnd,
  ): void {
    this.#shares.set(id, { run, paths: new Set(files.map(({ realPath }) => realPath)), why });
    dropOldest(this.#shares, MAX_SHARES);
  }

  /** How the last share of this file for this run ended; undefined where there was none. */
  of(run: string, realPath: string): EarlyEnd | undefined {
    return [...this.#shares.values()].findLast((share) => share.run === run && share.paths.has(realPath))?.why;
  }

  endRun(run: string): void {
    for (const [id, share] of this.#shares) if (share.run === run) this.#shares.delete(id);
  }
}
