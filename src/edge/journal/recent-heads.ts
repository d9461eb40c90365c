// Heads of the chain after the newest records, in one block of memory. They are asked for when the outcomes of these records are sent and
// acknowledged; older ones are read from the files.
import { HEAD_BYTES } from '../../contract/integrity/hash-chain.ts';

/** Results wait for their acknowledgement for less than so many records. */
const RECENT = 2048;

export class RecentHeads {
  readonly #bytes = Buffer.alloc(RECENT * HEAD_BYTES);
  #newest = 0;
  /** The first that was set. */
  #oldest = 0;

  /** Sequences come in order, each once. */
  set(sequence: number, head: Uint8Array): void {
    this.#bytes.set(head, at(sequence));
    this.#newest = sequence;
    this.#oldest ||= sequence;
  }

  /** A copy; undefined where it is not remembered. */
  get(sequence: number): Uint8Array | undefined {
    const from = Math.max(this.#oldest, this.#newest - RECENT + 1, 1);
    if (sequence < from || sequence > this.#newest) return undefined;
    return Uint8Array.from(this.#bytes.subarray(at(sequence), at(sequence) + HEAD_BYTES));
  }
}

const at = (sequence: number): number => (sequence % RECENT) * HEAD_BYTES;
