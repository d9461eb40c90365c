// Puts the pieces of a streamed text together for showing. Pure. Text of two attempts is never spliced: a new attempt says so.
import type { TextChunk } from '../../gen/bowline/run/v1/run_pb.ts';

/** Said where a text begins again. */
export const AGAIN = '(starting again)';

export class TextStream {
  #job = '';
  #epoch = 0n;
  /** UTF-8 bytes of the current text that were shown. */
  #bytes = 0;
  #text = '';
  /** A piece was missed; the rest is shown with the end. */
  #gap = false;

  /** What to show for this piece; empty for nothing. */
  add(chunk: TextChunk): string {
    if (chunk.job === this.#job && chunk.epoch < this.#epoch) return '';
    let lead = '';
    if (chunk.job !== this.#job || chunk.epoch !== this.#epoch) {
      lead = this.#break(chunk.job === this.#job);
      this.#job = chunk.job;
      this.#epoch = chunk.epoch;
      this.#begin();
    }
    return lead + this.#append(chunk);
  }

  /** What to show at the end, so that the whole answer stands there, and stands there once. */
  end(answer: string): string {
    // What the model wrote behind its last word is no part of the answer.
    if (answer === '' || (this.#text.startsWith(answer) && this.#text.slice(answer.length).trim() === ''))
      return this.#text.endsWith('\n') || this.#text === '' ? '' : '\n';
    const rest = answer.startsWith(this.#text) ? answer.slice(this.#text.length) : this.#break(true) + answer;
    this.#begin();
    this.#text = answer;
    return answer.endsWith('\n') ? rest : `${rest}\n`;
  }

  /** A new line if one is begun, so that something else can be shown. */
  #break(again: boolean): string {
    if (this.#text === '') return '';
    const line = this.#text.endsWith('\n') ? '' : '\n';
    return again ? `${line}${AGAIN}\n` : `${line}\n`;
  }

  #begin(): void {
    this.#text = '';
    this.#bytes = 0;
    this.#gap = false;
  }

  #append({ text, offset }: TextChunk): string {
    const known = this.#bytes - Number(offset);
    if (known < 0) this.#gap = true;
    if (this.#gap) return '';
    const piece = known === 0 ? text : Buffer.from(text).toString('utf8', known);
    this.#bytes += Buffer.byteLength(piece);
    this.#text += piece;
    return piece;
  }
}
