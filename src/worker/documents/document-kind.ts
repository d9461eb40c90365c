// Tells what a document is read as, by its media type and its first bytes. Pure.

export type DocumentKind = 'html' | 'pdf' | 'docx' | 'odt' | 'epub' | 'mail' | 'text';

const HTML = new Set(['text/html', 'application/xhtml+xml']);
const PDF = new Set(['application/pdf', 'application/x-pdf']);
export const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
export const ODT = 'application/vnd.oasis.opendocument.text';
export const EPUB = 'application/epub+zip';
export const MAIL = 'message/rfc822';
const TEXT = new Set([
  ...['application/json', 'application/ld+json', 'application/xml', 'application/x-ndjson', 'application/javascript'],
  ...['application/yaml', 'application/x-yaml', 'application/toml', 'application/sql'],
]);
/** Types that servers say of what they do not know. */
const UNKNOWN = new Set(['', 'application/octet-stream', 'binary/octet-stream', 'text/plain', 'unknown/unknown']);

/** Undefined: it is not text. */
export function documentKind(mediaType: string, bytes: Uint8Array): DocumentKind | undefined {
  const type = mediaType.trim().toLowerCase();
  if (HTML.has(type)) return 'html';
  if (PDF.has(type)) return 'pdf';
  if (type === DOCX) return 'docx';
  if (type === ODT) return 'odt';
  if (type === EPUB) return 'epub';
  if (type === MAIL) return 'mail';
  // Its text stands between signs of its own.
  if (isRtf(bytes)) return undefined;
  if (UNKNOWN.has(type)) return byBytes(bytes, type === 'text/plain');
  if (type === 'text/rtf' || type === 'application/rtf') return undefined;
  return type.startsWith('text/') || TEXT.has(type) || /\+(?:xml|json)$/.test(type) ? text(bytes) : undefined;
}

function byBytes(bytes: Uint8Array, saidText: boolean): DocumentKind | undefined {
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1');
  if (start.startsWith('%PDF-')) return 'pdf';
  if (isZip(bytes)) {
    // Both have their type as their first part, as it stands.
    if (start.startsWith(`mimetype${ODT}`, 30)) return 'odt';
    if (start.startsWith(`mimetype${EPUB}`, 30)) return 'epub';
    return isDocx(bytes) ? 'docx' : undefined;
  }
  if (!saidText && /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)[\s>]/i.test(start)) return 'html';
  return text(bytes);
}

const isRtf = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 8))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .startsWith('{\\rtf');

export const isZip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

/** A ZIP that names the part where a DOCX has its text. */
function isDocx(bytes: Uint8Array): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return all.includes('word/document.xml');
}

/** What has bytes of zero is no text, unless a byte order mark says that it is UTF-16. */
function text(bytes: Uint8Array): DocumentKind | undefined {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  return wide || !bytes.subarray(0, 4096).includes(0) ? 'text' : undefined;
}
