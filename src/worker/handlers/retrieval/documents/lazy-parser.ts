// Opens the parser of HTML and PDF when the first of them comes: a worker that is given text only never starts its processes, and
// where they cannot be had, only such documents fail.
import { AppError } from '../../../../base/errors.ts';
import type { DocumentInput, DocumentParser, ParsedDocument } from '../../../documents/document.ts';

/** How the parser is opened; undefined where there is none. */
export type OpenParser = (() => Promise<DocumentParser>) | undefined;

export class LazyParser implements DocumentParser {
  readonly #open: OpenParser;
  #opened: Promise<DocumentParser> | undefined;

  constructor(open: OpenParser) {
    this.#open = open;
  }

  /** Throws DOCUMENT_UNREADABLE where there is no parser, and what opening it throws; the next document tries again. */
  async parse(input: DocumentInput, signal: AbortSignal): Promise<ParsedDocument> {
    if (!this.#open)
      throw new AppError('DOCUMENT_UNREADABLE', {
        problem: 'this worker reads text in UTF-8 only',
      });
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return (await this.#opened).parse(input, signal);
  }

  async close(): Promise<void> {
    const parser = await this.#opened?.catch(() => undefined);
    await parser?.close();
  }
}
