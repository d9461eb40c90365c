// Puts the pieces of a streamed text together for showing. Pure. Text of two attempts is never spliced: a new attempt says so.
import type { TextChunk } from '../../gen/bowline/run/v1/run_pb.ts';
import { type AttemptText, LatestText } from '../contract/text/latest-text.ts';

/** Said where a text begins again. */
export const AGAIN = '(starting again)';

export class TextStream {
  readonly #latest = new LatestText();
  /** The text of which something was shown, and how far in bytes. */
  #shown: AttemptText | undefined;
  #bytes = 0;

  /** What to show for this piece; empty for nothing. What a gap hides comes with the piece that fills it, or with the end. */
  add(chunk: TextChunk): string {
    this.#latest.receive(chunk);
    const { held } = this.#latest;
    if (!held || held.bytes === 0) return '';
    let lead = '';
    if (held !== this.#shown) {
      lead = this.#break(held.job === this.#shown?.job);
      this.#shown = held;
      this.#bytes = 0;
    }
    const text = held.from(this.#bytes);
    this.#bytes = held.bytes;
    return lead + text;
  }

  /** What to show at the end, so that the whole answer stands there, and stands there once. */
  end(answer: string): string {
    const shown = this.#text;
    // What the model wrote behind its last word is no part of the answer.
    if (answer === '' || (shown.startsWith(answer) && shown.slice(answer.length).trim() === ''))
      return shown.endsWith('\n') || shown === '' ? '' : '\n';
    const rest = answer.startsWith(shown) ? answer.slice(shown.length) : this.#break(true) + answer;
    return answer.endsWith('\n') ? rest : `${rest}\n`;
  }

  /** A new line if one is begun, so that something else can be shown. */
  #break(again: boolean): string {
    const shown = this.#text;
    if (shown === '') return '';
    const line = shown.endsWith('\n') ? '' : '\n';
    return again ? `${line}${AGAIN}\n` : `${line}\n`;
  }

  get #text(): string {
    return this.#shown?.from(0) ?? '';
  }
}
