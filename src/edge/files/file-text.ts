// The text of a file: as it stands, or as a document says it. A file is looked at first, as a whole, and then read.
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AppError } from '../../base/errors.ts';
import type { OpenFile } from '../allowlist/open-file.ts';
import type { Masker } from '../secrets/masker.ts';
import { type ReadBounds, readPieces } from './content.ts';
import type { DocumentReader, DocumentText } from './document-reader.ts';
import { KnownSecrets } from './known-secrets.ts';
import { TextReader } from './lines.ts';
import { type MaskedPlace, maskedPlaces, ValueMask, type ValuesSeen } from './value-mask.ts';

/** Endings of what is text to a machine and a document to people. */
const SAID: Readonly<Record<string, string>> = {
  '.eml': 'message/rfc822',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.xhtml': 'application/xhtml+xml',
};

/** What of a file is known once it was read as a whole. */
export interface LookedAt {
  /** SHA-256 of the file. */
  readonly sha256: Uint8Array;
  /** Undefined: it is UTF-8 and stands as it is. Else what the reader is told that it is; empty: that it finds out. */
  readonly document: string | undefined;
}

/** Tells while a file is read whether its bytes are its text. */
class TextLook {
  readonly #reader = new TextReader();
  #begun = false;
  document: string | undefined;

  constructor(path: string) {
    this.document = SAID[extname(path).toLowerCase()];
  }

  add(piece: Uint8Array): void {
    if (!this.#begun && this.document === undefined && piece.length > 0) this.document = begun(piece);
    this.#begun = true;
    this.#see(() => this.#reader.add(piece));
  }

  end(): void {
    this.#see(() => this.#reader.end());
  }

  #see(look: () => void): void {
    if (this.document !== undefined) return;
    try {
      look();
    } catch {
      this.document = '';
    }
  }
}

/** Some PDFs are plain letters, and RTF is. */
function begun(piece: Uint8Array): string | undefined {
  const start = Buffer.from(piece.buffer, piece.byteOffset, Math.min(piece.length, 1024)).toString('latin1');
  if (start.startsWith('%PDF-') || start.startsWith('{\\rtf')) return '';
  return /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)[\s>]/i.test(start) ? 'text/html' : undefined;
}

/** Whether this says that a file has no text. It depends on the content, so it never leaves beside one that is not shared. */
export const hasNoText = ({ reason }: AppError): boolean => reason === 'NOT_TEXT' || reason === 'DOCUMENT_NOT_TEXT';

export class FileTexts {
  readonly #reader: DocumentReader;
  readonly #masker: () => Masker | undefined;

  /** @param masker of the secrets that are known now; undefined where there are none */
  constructor(reader: DocumentReader, masker: () => Masker | undefined) {
    this.#reader = reader;
    this.#masker = masker;
  }

  /** Masks a whole text of which something may leave, before anything else is done with it. */
  mask(values: ValuesSeen, receive: (piece: Uint8Array) => void): ValueMask {
    return new ValueMask(receive, { known: this.#masker(), values });
  }

  /** For a content that leaves as it is. */
  knownSecrets(): KnownSecrets {
    return new KnownSecrets(this.#masker());
  }

  /** Where a whole text would be masked. */
  maskedPlaces(values: ValuesSeen, text: Uint8Array): MaskedPlace[] {
    return maskedPlaces(text, { known: this.#masker(), values });
  }

  /** Reads a whole file. Throws what `readPieces` throws. */
  async look(
    file: OpenFile,
    bounds: ReadBounds,
    ...receivers: readonly ((piece: Uint8Array) => void)[]
  ): Promise<LookedAt> {
    const look = new TextLook(file.realPath);
    const sha256 = await readPieces(file, bounds, (piece) => look.add(piece), ...receivers);
    look.end();
    return { sha256, document: look.document };
  }

  /**
   * Gives the text of a file that was looked at to `receive`, piece by piece as UTF-8, and returns what is known of it besides. Throws
   * FILE_CHANGED when it is no longer the same, and what reading it throws.
   */
  async text(
    file: OpenFile,
    looked: LookedAt,
    bounds: ReadBounds,
    values: ValuesSeen,
    receive: (piece: Uint8Array) => void,
  ): Promise<AboutText> {
    const pieces = this.mask(values, receive);
    const about = await this.#plain(file, looked, bounds, (piece) => pieces.add(piece));
    pieces.end();
    return about;
  }

  async #plain(
    file: OpenFile,
    { sha256, document }: LookedAt,
    bounds: ReadBounds,
    receive: (piece: Uint8Array) => void,
  ): Promise<AboutText> {
    if (document === undefined) {
      mustBeSame(sha256, await readPieces(file, bounds, receive));
      return PLAIN;
    }
    const most = bounds.documentBytes ?? bounds.maxBytes;
    if (file.stat.size > most) throw new AppError('FILE_TOO_LARGE', { limit: most, setting: 'limits.file_bytes' });
    const pieces: Buffer[] = [];
    mustBeSame(sha256, await readPieces(file, bounds, (piece) => pieces.push(Buffer.from(piece))));
    const { text, ...about } = await this.#reader.read(Buffer.concat(pieces), document, bounds.signal);
    for (let at = 0; at < text.length; at += PIECE_BYTES) {
      receive(text.subarray(at, at + PIECE_BYTES));
      // Others have their turn: what is done with a piece may take a while.
      await setImmediate();
      bounds.signal.throwIfAborted();
    }
    return about;
  }
}

export type AboutText = Omit<DocumentText, 'text'>;

export const PLAIN: AboutText = { pageLines: [], warning: '', guessed: '' };

const PIECE_BYTES = 32 << 10;

function mustBeSame(before: Uint8Array, now: Uint8Array): void {
  if (Buffer.compare(before, now) !== 0) throw new AppError('FILE_CHANGED');
}
