// Reads bytes as text in the charset that they are in. The order of what is believed is that of the HTML standard ("determining the
// character encoding"): byte order mark, transport, the document's own word, then what the bytes look like. Pure.
import { analyse } from 'chardet';
import { Parser } from 'htmlparser2';
import { isBinary } from './is-binary.ts';

export interface Decoded {
  readonly text: string;
  /** Name of the charset as the Encoding standard has it. */
  readonly charset: string;
  /** Whether nobody said it: the bytes look like it. */
  readonly guessed: boolean;
  /** Whether the bytes do not tell it either. */
  readonly unsure: boolean;
  /** Whether it may be Windows' Latin, which is what is left: few letters are beyond ASCII, and none is one that it has not. */
  readonly maybeLatin: boolean;
}

/** Bytes of a document's start in which its own word is looked for. */
const OWN_WORD_BYTES = 4096;
const XML_WORD = /^\s{0,64}<\?xml\b[^>]{0,256}?\bencoding\s{0,8}=\s{0,8}["']([\w.:-]{1,40})/i;
/** Bytes that are looked at to tell a charset. */
const SAMPLE_BYTES = 64 << 10;
/** Of 100: what is less is a guess that any bytes allow. */
const SURE = 30;
const CYRILLIC = new Set(['windows-1251', 'koi8-r', 'iso-8859-5', 'ibm866', 'x-mac-cyrillic']);
/** Of a text all of whose letters tell, where no other charset comes near. */
const LIKELY = 20;
/** What short texts get that break no rule of a charset whose letters have several bytes. */
const POSSIBLE = 10;
const SEVERAL_BYTES = new Set(['gb18030', 'gbk', 'big5', 'shift_jis', 'euc-jp', 'euc-kr', 'iso-2022-jp']);
/** Part of such a text that is beyond ASCII, at least; of Latin ones a few letters are. */
const DENSE = 0.3;

/** @param said charset as the transport says. Bytes that mean nothing in the charset become U+FFFD. */
export function decodeDocument(bytes: Uint8Array, said: string | undefined, markup: boolean): Decoded {
  const told =
    mark(bytes) ?? known(said) ?? (markup ? ownWord(bytes) : undefined) ?? (isUtf8(bytes) ? 'utf-8' : undefined);
  const charset = told ?? looksLike(bytes);
  const text = new TextDecoder(charset ?? 'windows-1252').decode(bytes);
  const unsure = charset === undefined;
  const maybeLatin = unsure && isLatin(bytes, text);
  return { text, charset: charset ?? 'windows-1252', guessed: told === undefined, unsure, maybeLatin };
}

const isLatin = (bytes: Uint8Array, text: string): boolean =>
  !isDense(sampleOf(bytes)) && !isBinary(text) && !/[\x81\x8d\x8f\x90\x9d]/.test(text);

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

/** What its first `meta` or XML declaration says; what stands in comments, scripts and attributes is no word of its own. */
function ownWord(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, OWN_WORD_BYTES)).toString('latin1');
  let found = known(XML_WORD.exec(start)?.[1]);
  const parser = new Parser({
    onopentag: (name, { charset, 'http-equiv': equiv, content = '' }) => {
      if (name !== 'meta' || found) return;
      const inside = equiv?.toLowerCase() === 'content-type' ? content.slice(0, 512) : '';
      found = known(charset) ?? known(/charset\s{0,8}=\s{0,8}["']?([\w.:-]{1,40})/i.exec(inside)?.[1]);
    },
  });
  parser.end(start);
  // The word itself could be read as ASCII, so it cannot be true.
  return found?.startsWith('utf-16') ? 'utf-8' : found;
}

/** Without a fault, a character that was cut off at the end aside. */
function isUtf8(bytes: Uint8Array): boolean {
  return decodes(bytes, 'utf-8');
}

function decodes(bytes: Uint8Array, charset: string): boolean {
  try {
    new TextDecoder(charset, { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Undefined where the bytes do not tell. */
function looksLike(bytes: Uint8Array): string | undefined {
  const sample = sampleOf(bytes);
  const dense = isDense(sample);
  const guesses = analyse(Buffer.from(sample, 'latin1')).flatMap(({ name, confidence }) => {
    const charset = known(name);
    return charset === undefined || charset.startsWith('utf-') ? [] : [{ charset, confidence }];
  });
  // Of a few letters all are possible; these are the everyday ones of Chinese and far less often anything else.
  if (dense && (guesses[0]?.confidence ?? 0) < SURE && EVERYDAY_GB.test(sample)) return 'gb18030';
  const few = (sample.match(/[\x80-\xff]/g)?.length ?? 0) < FEW;
  const latin = guesses.find(({ charset }) => charset === 'windows-1252')?.confidence ?? 0;
  const found = guesses.find(({ charset, confidence }) => {
    if (SEVERAL_BYTES.has(charset))
      return confidence >= (dense ? POSSIBLE : SURE) && decodes(bytes, charset) && !isHalfWidth(bytes, charset);
    if (
      dense &&
      CYRILLIC.has(charset) &&
      confidence >= LIKELY &&
      guesses.every((one) => one.charset === charset || 2 * one.confidence <= confidence)
    )
      return true;
    // Western letters are far more common than those that other charsets have in their places.
    if (!dense && charset !== 'windows-1252' && confidence < 2 * latin) return false;
    return confidence >= SURE && !(few && charset !== 'windows-1252');
  });
  return found?.charset;
}

/** Nobody writes in half-width kana alone; letters of other charsets of one byte look like them. */
const isHalfWidth = (bytes: Uint8Array, charset: string): boolean =>
  charset === 'shift_jis' &&
  /^[\0-\x7f]*(?:[\uff61-\uff9f][\0-\x7f]*)+$/.test(new TextDecoder(charset).decode(bytes.subarray(0, 4096)));

/** Letters of one byte beyond ASCII; fewer tell nothing but that a Latin text is most likely of its most common charset. */
const FEW = 16;

/** Signs and the letters of the first level of GB 2312 only. */
const EVERYDAY_GB = /^(?:[\0-\x7f]|[\xa1-\xa3\xb0-\xd7][\xa1-\xfe])*$/;

/** A letter each octet, without tags: their words say nothing. From the first on that is not ASCII: a long head tells nothing either. */
function sampleOf(bytes: Uint8Array): string {
  const first = bytes.findIndex((byte) => byte >= 0x80);
  const from = Math.max(0, first - 256);
  return Buffer.from(bytes.subarray(from, from + SAMPLE_BYTES))
    .toString('latin1')
    .replace(/<[^<>]{0,2048}>/g, ' ');
}

function isDense(sample: string): boolean {
  const count = (what: RegExp) => sample.match(what)?.length ?? 0;
  return count(/[\x80-\xff]/g) >= DENSE * Math.max(1, count(/[^\s]/g));
}
