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

  /** Why a file of this size is not read any more; undefined when it is. */
  refuses(size: bigint | number): UnseenWord | undefined {
    if (this.#late()) return 'TIME';
    return Number(size) > this.#bytes ? 'BYTES' : undefined;
  }

  /** A piece was read. @throws SEARCH_BUDGET when time is up */
  spend(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#late()) throw new AppError('SEARCH_BUDGET');
  }
}

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
