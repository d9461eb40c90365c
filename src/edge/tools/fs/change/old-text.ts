// The text of a file before a change, as far as a diff needs it: all of it, or its end with how many lines stand before.
import { countLines, isDiffable, lineStart, type TextDiff, textDiff } from './text-diff.ts';

/** Of a larger file only the end is held. */
const WHOLE_BYTES = 4 << 20;
const TAIL_BYTES = 64 << 10;

/** Receives the pieces of a file in order. */
export class OldText {
  readonly #pieces: Buffer[] = [];
  #held = 0;
  #linesBefore = 0;
  #whole = true;

  readonly receive = (piece: Uint8Array): void => {
    this.#pieces.push(Buffer.from(piece));
    this.#held += piece.length;
    if (this.#held > WHOLE_BYTES) this.#whole = false;
    while (!this.#whole && this.#held - this.#pieces[0]!.length >= TAIL_BYTES) {
      const first = this.#pieces.shift()!;
      this.#held -= first.length;
      for (const byte of first) if (byte === 10) this.#linesBefore++;
    }
  };

  /** What a new text in its place changes. Of what is no text, or too much of it, only the new text is shown. */
  async replacedBy(text: Uint8Array): Promise<TextDiff> {
    const old = Buffer.concat(this.#pieces);
    if (this.#whole && isDiffable(old)) return textDiff(old, text);
    const { diff, linesCut } = await textDiff(new Uint8Array(), text);
    return { diff, linesCut: linesCut + this.#linesBefore + countLines(old) };
  }

  /** What a text at its end changes. */
  async followedBy(text: Uint8Array): Promise<TextDiff> {
    const held = Buffer.concat(this.#pieces);
    if (!isDiffable(held) && this.#whole) return textDiff(new Uint8Array(), text);
    const start = this.#whole ? 0 : Math.max(0, lineStart(held, Math.max(0, held.length - TAIL_BYTES / 2)));
    const old = held.subarray(start);
    const before = this.#linesBefore + countLines(held.subarray(0, start));
    if (!isDiffable(old)) return textDiff(new Uint8Array(), text, before);
    return textDiff(old, Buffer.concat([old, text]), before);
  }
}
