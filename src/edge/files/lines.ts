// Bytes as UTF-8 text and text as lines, piece by piece: what is kept is bounded, however long a file or a line is. Pure.
import { AppError } from '../../base/errors.ts';

/** Takes text piece by piece and gives it on line by line. Lines end with LF, CR LF or a single CR. */
export class LineSplitter {
  readonly #on: (part: string, ends: boolean) => void;
  #heldBack = '';

  /** @param on a part of a line with its end, if it is there; called in order, several times for a line that spans pieces */
  constructor(on: (part: string, ends: boolean) => void) {
    this.#on = on;
  }

  add(piece: string): void {
    const text = this.#heldBack + piece;
    // Whether a CR at the end stands alone is told by what follows.
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    this.#heldBack = text.slice(end);
    let from = 0;
    for (let at = 0; at < end; at++) {
      const c = text.charCodeAt(at);
      if (c !== 10 && !(c === 13 && text.charCodeAt(at + 1) !== 10)) continue;
      this.#on(text.slice(from, at + 1), true);
      from = at + 1;
    }
    if (from < end) this.#on(text.slice(from, end), false);
  }

  /** The last line, if no line end closed it. */
  end(): void {
    if (this.#heldBack !== '') this.#on(this.#heldBack, true);
    this.#heldBack = '';
  }
}

/** Decodes UTF-8 across pieces. @throws NOT_TEXT for a NUL or what is not UTF-8 */
export class TextReader {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });

  add(piece: Uint8Array): string {
    if (piece.includes(0)) throw new AppError('NOT_TEXT');
    return this.#decode(piece, true);
  }

  end(): void {
    this.#decode(new Uint8Array(0), false);
  }

  #decode(piece: Uint8Array, stream: boolean): string {
    try {
      return this.#decoder.decode(piece, { stream });
    } catch (cause) {
      throw new AppError('NOT_TEXT', {}, { cause });
    }
  }
}

/** What of a file was wanted. */
export interface TakenLines {
  readonly text: string;
  readonly bytes: number;
  /** Last line that is in `text`; one less than the first wanted when none is. */
  readonly last: number;
  /** Whether a single line was longer than the limit and is cut. */
  readonly cut: boolean;
  /** Lines of the whole file. */
  readonly total: number;
}

/** Keeps lines `from` to `to` with their ends, up to the last whole one within `maxBytes`, and counts all. */
export class LinePicker {
  readonly #from: number;
  readonly #to: number;
  readonly #maxBytes: number;
  readonly #keep: boolean;
  readonly #splitter = new LineSplitter((part, ends) => this.#part(part, ends));
  readonly #reader = new TextReader();
  #kept: string[] = [];
  #bytes = 0;
  #line: string[] = [];
  #lineBytes = 0;
  #number = 1;
  #began = false;
  #last: number;
  #full = false;
  #cut = false;

  /** @param keep false: only counts */
  constructor(from: number, to: number, maxBytes: number, keep = true) {
    this.#keep = keep;
    this.#from = from;
    this.#to = to;
    this.#maxBytes = maxBytes;
    this.#last = from - 1;
  }

  add(piece: Uint8Array): void {
    this.#splitter.add(this.#reader.add(piece));
  }

  end(): TakenLines {
    this.#reader.end();
    this.#splitter.end();
    const total = this.#began ? this.#number : this.#number - 1;
    if (this.#began) this.#close();
    return { text: this.#kept.join(''), bytes: this.#bytes, last: this.#last, cut: this.#cut, total };
  }

  #part(part: string, ends: boolean): void {
    this.#began = true;
    if (this.#number >= this.#from && this.#number <= this.#to && !this.#full) {
      const size = Buffer.byteLength(part);
      if (this.#bytes + this.#lineBytes + size > this.#maxBytes) this.#stop(part);
      else {
        if (this.#keep) this.#line.push(part);
        this.#lineBytes += size;
      }
    }
    if (!ends) return;
    this.#close();
    this.#number++;
    this.#began = false;
  }

  #close(): void {
    if (this.#number >= this.#from && this.#number <= this.#to && !this.#full) {
      for (const part of this.#line) this.#kept.push(part);
      this.#bytes += this.#lineBytes;
      this.#last = this.#number;
    }
    this.#line = [];
    this.#lineBytes = 0;
  }

  /** No room for this line. The first one is cut between characters, any other is left out. */
  #stop(part: string): void {
    this.#full = true;
    if (this.#last >= this.#from) return;
    const room = Buffer.from(part).subarray(0, this.#maxBytes - this.#lineBytes);
    const head = new TextDecoder('utf-8').decode(room).replace(/\ufffd{1,3}$/, '');
    this.#kept = [...this.#line, head];
    this.#bytes = this.#lineBytes + Buffer.byteLength(head);
    this.#last = this.#number;
    this.#cut = true;
  }
}
