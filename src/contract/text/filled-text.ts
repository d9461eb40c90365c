// Texts as their owner sees them: facts in the places of their marks, looked up on the box. Text that comes in pieces has offsets of what is
// shown, and no more than the beginning of a mark is held back.
import { create } from '@bufbuild/protobuf';
import { type TextChunk, TextChunkSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fillMarks, type KnownFacts, marksIn, partsOf, ShownFacts, WholeMarks } from './fact-marks.ts';

/** The facts of some marks, as far as they are known. */
export type LookUpFacts = (marks: readonly string[]) => Promise<KnownFacts>;

/** Marks that are looked up at once. */
const AT_ONCE = 32;

/** A text. @param shown what stands before it */
export async function filledText(text: string, lookUp: LookUpFacts, shown = new ShownFacts()): Promise<string> {
  const marks = marksIn(text);
  if (marks.length <= AT_ONCE) return fillMarks(text, marks.length === 0 ? new Map() : await lookUp(marks), shown);
  // In parts, each up to the end of a mark, so that no more facts are held than are shown.
  const filled: string[] = [];
  for (const part of partsOf(text, AT_ONCE)) {
    const wanted = shown.full ? [] : marksIn(part).filter((mark) => !shown.has(mark));
    filled.push(fillMarks(part, wanted.length === 0 ? new Map() : await lookUp(wanted), shown));
  }
  return filled.join('');
}

/** The text of the latest attempt, which comes piece by piece from its beginning. */
export class FilledChunks {
  readonly #lookUp: LookUpFacts;
  #marks = new WholeMarks();
  #shown = new ShownFacts();
  #job = '';
  #epoch = 0n;
  /** Bytes of it that were shown. */
  #bytes = 0;

  constructor(lookUp: LookUpFacts) {
    this.#lookUp = lookUp;
  }

  /** Undefined when all of it is held back. */
  add({ job, epoch, offset, text }: TextChunk): Promise<TextChunk | undefined> {
    if (job !== this.#job || epoch !== this.#epoch || offset === 0n) {
      this.#marks = new WholeMarks();
      this.#shown = new ShownFacts();
      [this.#job, this.#epoch, this.#bytes] = [job, epoch, 0];
    }
    return this.#show(this.#marks.add(text));
  }

  /** What was held back, when nothing follows. */
  end(): Promise<TextChunk | undefined> {
    return this.#show(this.#marks.end());
  }

  async #show(piece: string): Promise<TextChunk | undefined> {
    if (piece === '') return undefined;
    const text = await filledText(piece, this.#lookUp, this.#shown);
    const offset = BigInt(this.#bytes);
    this.#bytes += Buffer.byteLength(text);
    return create(TextChunkSchema, { job: this.#job, epoch: this.#epoch, offset, text });
  }
}
