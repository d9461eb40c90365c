// What cutting a document needs and gives, as it passes between the main thread and the one that cuts. Types only.

/** A document as text. */
export interface ReadableText {
  readonly text: string;
  readonly format: 'markdown' | 'text';
  /** Title as it was given; empty takes that of the text. */
  readonly title: string;
  /** Whether lines of `text` are lines of the document as it came. */
  readonly lines: boolean;
  /** Where each page begins in `text`, in UTF-16 units; empty where there are none. Passages do not cross pages. */
  readonly pages: readonly number[];
}

export interface CutOptions {
  /** Tokens that a passage should not exceed. */
  readonly target: number;
  /** Tokens that two pieces of a cut paragraph share. */
  readonly overlap: number;
  /** Most passages of a document. */
  readonly most: number;
  /** What the words of its collection begin with. */
  readonly prefix: string;
}

export interface CutPassage {
  readonly text: string;
  readonly headings: readonly string[];
  /** From 1, in the document as it came; 0 where lines do not apply. */
  readonly startLine: number;
  readonly endLine: number;
  /** From 1; 0 where pages do not apply. */
  readonly page: number;
  /** UTF-8 bytes of the document's text. */
  readonly startByte: number;
  readonly endByte: number;
  /** What its vector is made of: the passage under its title and headings. */
  readonly embedded: string;
  /** SHA-256 of `embedded`, in hex. */
  readonly hash: string;
  /** Its words, as the text of a tsvector. */
  readonly words: string;
}

export interface CutDocument {
  readonly title: string;
  /** Bytes of the text. */
  readonly bytes: number;
  readonly passages: readonly CutPassage[];
}

export type CutAnswer =
  | { readonly kind: 'done'; readonly document: CutDocument }
  | { readonly kind: 'tooMany' }
  | { readonly kind: 'failed'; readonly problem: string };
