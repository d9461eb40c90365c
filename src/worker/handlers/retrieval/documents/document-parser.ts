// The port to what takes HTML and PDF apart, in a child process with limits. Only text comes back.

export interface ParsedHtml {
  /** As Markdown. */
  readonly markdown: string;
  readonly title: string;
}

export interface ParsedPdf {
  /** The text of each page, in order. */
  readonly pages: readonly string[];
  readonly title: string;
}

export interface DocumentParser {
  /** Throws DOCUMENT_UNREADABLE or the signal's reason. */
  html(text: string, signal: AbortSignal): Promise<ParsedHtml>;
  /** Throws DOCUMENT_UNREADABLE (damaged, encrypted) or the signal's reason. */
  pdf(data: Uint8Array, signal: AbortSignal): Promise<ParsedPdf>;
  close(): Promise<void>;
}
