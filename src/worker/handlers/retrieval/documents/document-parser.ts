// The port to what takes HTML and PDF apart, in a child process with limits. Only text comes back.

export interface MarkupInput {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly charset?: string | undefined;
  /** False keeps all of a page's text, navigation too. */
  readonly readable: boolean;
  readonly maxChars: number;
  /** A process that has read a document of one owner reads none of another. */
  readonly owner?: string | undefined;
}

export interface ParsedMarkup {
  readonly title: string;
  /** Markdown for HTML, plain text for PDF. */
  readonly text: string;
  /** Where the pages of a PDF begin in `text`, in UTF-16 units; empty for others. */
  readonly pages: readonly { readonly offset: number }[];
  /** Whether text is missing. */
  readonly truncated: boolean;
}

export interface DocumentParser {
  /** Throws an AppError about this document, or the signal's reason. */
  parse(input: MarkupInput, signal: AbortSignal): Promise<ParsedMarkup>;
  close(): Promise<void>;
}
