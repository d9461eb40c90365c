// Says which limit a document met. Pure.
import { type DocumentLimit, MAX_PAGES } from './document.ts';

/** @param maxChars characters that were asked for */
export function limitText(limit: DocumentLimit, maxChars: number): string {
  if (limit === 'pages') return `it has more than the ${MAX_PAGES} pages that are read of one document; split it`;
  if (limit === 'size') return 'it has more tags than are read of one document; split it';
  return `it has more text than is read of one document (${maxChars} characters); split it`;
}
