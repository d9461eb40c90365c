// What one call may read: so many bytes, for so long. What does not fit is passed over and said, and the small files come before the large ones.
import type { ToolParts } from '../tool.ts';
import type { UnseenWord } from './looking.ts';

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

  /** Whether time is up in the middle of a file. */
  get late(): boolean {
    return this.#late();
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The small ones as they come, then the large ones by size. */
export async function* smallFirst<E extends { readonly stat: { readonly size: bigint } }>(
  entries: AsyncIterable<E>,
): AsyncGenerator<E> {
  const later: E[] = [];
  for await (const entry of entries) {
    if (entry.stat.size <= SMALL_BYTES || later.length >= MAX_LATER) yield entry;
    else later.push(entry);
  }
  yield* later.sort((a, b) => Number(a.stat.size - b.stat.size));
}
