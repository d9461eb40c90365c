// Tells what a document is read as, by its media type and its first bytes. Pure.

export type DocumentKind = 'html' | 'pdf' | 'docx' | 'text';

const HTML = new Set(['text/html', 'application/xhtml+xml']);
const PDF = new Set(['application/pdf', 'application/x-pdf']);
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const TEXT = new Set([
  ...['application/json', 'application/ld+json', 'application/xml', 'application/x-ndjson', 'application/javascript'],
  ...['application/yaml', 'application/x-yaml', 'application/toml', 'application/rtf', 'application/sql'],
]);
/** Types that servers say of what they do not know. */
const UNKNOWN = new Set(['', 'application/octet-stream', 'binary/octet-stream', 'text/plain', 'unknown/unknown']);

/** Undefined: it is not text. */
export function documentKind(mediaType: string, bytes: Uint8Array): DocumentKind | undefined {
  const type = mediaType.trim().toLowerCase();
  if (HTML.has(type)) return 'html';
  if (PDF.has(type)) return 'pdf';
  if (type === DOCX) return 'docx';
  if (UNKNOWN.has(type)) return byBytes(bytes, type === 'text/plain');
  if (type === 'text/rtf' || type === 'application/rtf') return undefined;
  return type.startsWith('text/') || TEXT.has(type) || /\+(?:xml|json)$/.test(type) ? text(bytes) : undefined;
}

function byBytes(bytes: Uint8Array, saidText: boolean): DocumentKind | undefined {
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1');
  if (start.startsWith('%PDF-')) return 'pdf';
  if (isDocx(bytes)) return 'docx';
  if (!saidText && /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)[\s>]/i.test(start)) return 'html';
  return text(bytes);
}

/** A ZIP that names the part where a DOCX has its text. */
function isDocx(bytes: Uint8Array): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return all[0] === 0x50 && all[1] === 0x4b && all[2] === 3 && all[3] === 4 && all.includes('word/document.xml');
}

/** What has bytes of zero is no text, unless a byte order mark says that it is UTF-16. */
function text(bytes: Uint8Array): DocumentKind | undefined {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  return wide || !bytes.subarray(0, 4096).includes(0) ? 'text' : undefined;
}
