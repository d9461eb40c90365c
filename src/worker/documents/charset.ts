// Reads bytes as text in the charset that they are in. The order of what is believed is that of the HTML standard ("determining the
// character encoding"): byte order mark, transport, the document's own word, then what the bytes look like. Pure.

export interface Decoded {
  readonly text: string;
  /** Name of the charset as the Encoding standard has it. */
  readonly charset: string;
}

/** Bytes of a document's start in which its own word is looked for. */
const OWN_WORD_BYTES = 4096;
const OWN_WORD = /<meta\b[^>]{0,512}?\bcharset\s{0,8}=\s{0,8}["']?\s{0,8}([\w.:-]{1,40})/i;
const XML_WORD = /^\s{0,64}<\?xml\b[^>]{0,256}?\bencoding\s{0,8}=\s{0,8}["']([\w.:-]{1,40})/i;

/** @param said charset as the transport says. Bytes that mean nothing in the charset become U+FFFD. */
export function decode(bytes: Uint8Array, said: string | undefined, markup: boolean): Decoded {
  const charset = mark(bytes) ?? known(said) ?? (markup ? ownWord(bytes) : undefined) ?? looksLike(bytes);
  return { text: new TextDecoder(charset).decode(bytes), charset };
}

function mark(bytes: Uint8Array): string | undefined {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  return a === 0xfe && b === 0xff ? 'utf-16be' : undefined;
}

/** The standard's name for a label; undefined for a label that nobody knows. */
function known(label: string | undefined): string | undefined {
  if (!label) return undefined;
  try {
    return new TextDecoder(label.trim().replace(/^["']|["']$/g, '')).encoding;
  } catch {
    return undefined;
  }
}

function ownWord(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, OWN_WORD_BYTES)).toString('latin1');
  const charset = known((OWN_WORD.exec(start) ?? XML_WORD.exec(start))?.[1]);
  // The word itself could be read as ASCII, so it cannot be true.
  return charset?.startsWith('utf-16') ? 'utf-8' : charset;
}

/** UTF-8 if it is that without a fault (a character that was cut off at the end aside), else Windows' Latin. */
function looksLike(bytes: Uint8Array): string {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return 'utf-8';
  } catch {
    return 'windows-1252';
  }
}
