// What a document is, as bytes and as text, and what turns the one into the other. Data and one port; it reads nothing.

export interface DocumentInput {
  readonly bytes: Uint8Array;
  /** Media type without parameters, as its source says; empty when it says none. The bytes decide then. */
  readonly mediaType: string;
  /** Charset as its source says; a byte order mark is believed before it, what the document says itself after it. */
  readonly charset?: string | undefined;
  /**
   * Refuses text whose charset nobody said and that does not look like one of them; Windows' Latin is taken with a warning, where few
   * letters depend on it. Otherwise it is always taken then, without a word.
   */
  readonly sureCharset?: boolean;
  /** Where it was read from: relative links are resolved against it. */
  readonly url?: string | undefined;
  /** Leaves out navigation, advertisements and the like of HTML; false keeps all of its text. */
  readonly readable: boolean;
  /** Most characters of `text`. */
  readonly maxChars: number;
  /**
   * Whose it is, e.g. the tenant. A process that has read a document of one owner reads none of another, so that what took it over
   * could not tell anything on. Empty counts as an owner too.
   */
  readonly owner?: string | undefined;
}

export interface ParsedDocument {
  readonly title: string;
  /** Markdown for HTML; otherwise the text as it stands. */
  readonly text: string;
  /** Pages of a PDF, as far as they stand in `text`; empty for others. */
  readonly pages: readonly DocumentPage[];
  /** Links to http and https, absolute, each URL once, at most `MAX_LINKS`. */
  readonly links: readonly DocumentLink[];
  /** Where the page says that it really lies (`rel=canonical`), absolute; empty when it does not say. */
  readonly canonical: string;
  /** Language as the document says, e.g. `zh-CN`. */
  readonly language: string;
  readonly byline: string;
  readonly siteName: string;
  readonly description: string;
  /** When it was published, as the document says, in its own form. */
  readonly published: string;
  /** Charset that it was read in; empty for what says its own. */
  readonly charset: string;
  /** The same where it is a guess by its bytes; empty where it was said, and where nobody asked to be sure. */
  readonly guessed: string;
  /** Part of the text that can be seen in the document which stands in `text`, as far as that can be told; 0 to 1. */
  readonly completeness: number;
  /** What is missing of the text and why, in words; empty when nothing is known to be. */
  readonly warning: string;
  /** The limit that text is missing because of: `characters` of `maxChars`, `pages`, `size`; empty when none was met. */
  readonly limit: DocumentLimit;
  /** Whether text is missing because of `maxChars` or because the document was too large to be read to its end. */
  readonly truncated: boolean;
}

export type DocumentLimit = '' | 'characters' | 'pages' | 'size';

export interface DocumentPage {
  /** From 1. */
  readonly number: number;
  /** Where its text begins in `text`, in UTF-16 units. */
  readonly offset: number;
}

export interface DocumentLink {
  readonly url: string;
  readonly text: string;
}

export const MAX_LINKS = 500;
/** Characters of each: title, byline, site name, description, text of a link; of a URL 4,096. */
export const MAX_WORDS = 1024;
export const MAX_URL = 4096;
/** Most characters of text that can be asked for. */
export const MAX_CHARS = 4 << 20;
/** Most bytes of a document. */
export const MAX_BYTES = 32 << 20;
/** Pages of a PDF that are read; a document with more says so. */
export const MAX_PAGES = 2000;

export interface DocumentParser {
  /**
   * Throws DOCUMENT_NOT_TEXT for what is no text, DOCUMENT_INVALID for what is damaged or locked, DOCUMENT_TOO_COSTLY for what
   * met a limit of size, time or memory, and the signal's reason. An error is one of this document; the next one is not touched by it.
   */
  parse(input: DocumentInput, signal: AbortSignal): Promise<ParsedDocument>;
  /** Ends its processes; documents being read fail with CLOSED. */
  close(): Promise<void>;
}
