// What one call may read: so many bytes, for so long. What does not fit is passed over and said, and the small files come before the large ones.
import { AppError } from '../../../base/errors.ts';
import type { WalkEntry } from '../../files/walk.ts';
import type { ToolParts } from '../tool.ts';
import type { UnseenWord } from './looking.ts';
import { isDocument } from './query/file-class.ts';

/** Files up to this size are looked at as they come; larger ones afterwards, the smallest first. */
const SMALL_BYTES = 4 << 20;
/** Large files that are kept for later; further ones are looked at as they come. */
const MAX_LATER = 1000;

export class ReadBudget {
  #bytes: number;
  readonly #late: () => boolean;

  constructor({ limits, clock }: Pick<ToolParts, 'limits' | 'clock'>) {
    const end = clock.monotonic() + limits.search_ms;
    this.#bytes = limits.search_bytes;
    this.#late = () => clock.monotonic() > end;
  }

  /**
   * Why a file of this size is not read any more; undefined when it is. What it costs is charged here, by its size alone: how much of it is
   * read, and how often, depends on what is in it.
   */
  refuses(size: bigint | number): UnseenWord | undefined {
    if (this.#late()) return 'TIME';
    if (Number(size) > this.#bytes) return 'BYTES';
    this.#bytes -= Number(size);
    return undefined;
  }

  /** Asked with each piece. @throws SEARCH_BUDGET when time is up */
  readonly inTime = (): void => {
    if (this.#late()) throw new AppError('SEARCH_BUDGET');
  };
}

/** A size rounded up to a power of two, where what it costs is told and the exact size is not. */
export const roughSize = (size: bigint): number => (size < 2n ? Number(size) : 2 ** (size - 1n).toString(2).length);

/** Small texts as they come, then documents, which take longer, then what is large; these by size. */
export async function* smallFirst(entries: AsyncIterable<WalkEntry>): AsyncGenerator<WalkEntry> {
  const later: WalkEntry[] = [];
  const isLater = ({ judged, stat }: WalkEntry) => stat.size > SMALL_BYTES || isDocument(judged.name);
  for await (const entry of entries) {
    if (later.length < MAX_LATER && isLater(entry)) later.push(entry);
    else yield entry;
  }
  yield* later.sort(
    (a, b) =>
      Number(isDocument(b.judged.name)) - Number(isDocument(a.judged.name)) || Number(a.stat.size - b.stat.size),
  );
}
