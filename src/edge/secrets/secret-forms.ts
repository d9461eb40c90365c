// How a secret may look in a text: as it is, reversed, and in the encodings that common programs make. Pure. A long value is looked for in
// parts that overlap, so that a part of it is found, too, and no form is long.

/** Bytes of a part: the encodings meet again after each third and fifth byte. */
const PART_BYTES = 48;
/** Letters that two parts share: what an encoding mixes at the border of one stands whole in the other. */
const SHARED = 5;

/** A line of a key in letters: others may stand in any text. */
const KEY_LINE = /^[A-Za-z0-9+/=_-]{24,128}$/;

/** All forms of a value, each once. */
export function secretForms(value: string): Buffer[] {
  const forms = new Map<string, Buffer>();
  const add = (form: Buffer) => void forms.set(form.toString('latin1'), form);
  for (const part of partsOf(value)) for (const form of partForms(part)) add(form);
  // A line of a key, as a diff or a search shows it, has no other line beside it.
  for (const line of value.split(/\r?\n/)) if (KEY_LINE.test(line)) add(Buffer.from(line));
  return [...forms.values()];
}

function partsOf(value: string): string[] {
  const letters = [...value];
  const parts: string[] = [];
  for (let from = 0; ; ) {
    const to = reach(letters, from);
    // The last one is as long as the others.
    if (to >= letters.length) return [...parts, letters.slice(startOf(letters)).join('')];
    parts.push(letters.slice(from, to).join(''));
    from = to - SHARED;
  }
}

function reach(letters: readonly string[], from: number): number {
  let to = from;
  for (let bytes = 0; to < letters.length && bytes < PART_BYTES; to++) bytes += Buffer.byteLength(letters[to]!);
  return to;
}

function startOf(letters: readonly string[]): number {
  let from = letters.length;
  for (let bytes = 0; from > 0 && bytes < PART_BYTES; from--) bytes += Buffer.byteLength(letters[from - 1]!);
  return from;
}

function* partForms(part: string): Generator<Buffer> {
  const bytes = Buffer.from(part);
  yield bytes;
  yield Buffer.from([...part].reverse().join(''));
  for (let before = 0; before < 3; before++) yield* inBits(bytes, before, 6, (all) => all.toString('base64'));
  for (let before = 0; before < 5; before++) yield* inBits(bytes, before, 5, base32);
  for (const text of texts(part, bytes)) yield Buffer.from(text);
  // Of ASCII both are the letters with zeros between them, and zeros are passed over.
  const wide = Buffer.from(part, 'utf16le');
  yield wide;
  yield Buffer.from(wide).swap16();
}

function* texts(part: string, bytes: Buffer): Generator<string> {
  const all = (form: (byte: number) => string) => Array.from(bytes, form).join('');
  yield bytes.toString('hex');
  yield all((byte) => `x${hex(byte, 2)}`);
  yield all((byte) => `0x${hex(byte, 2)}`);
  for (const before of ['', '0', '0o'])
    for (const digits of [3, 1]) yield all((byte) => before + byte.toString(8).padStart(digits, '0'));
  yield all((byte) => `${byte}`);
  yield all((byte) => `${byte}`.padStart(3, '0'));
  yield Buffer.from(bytes).reverse().toString('hex');
  yield [...bytes.toString('hex')].reverse().join('');
  for (const sign of '-_.;|') yield all((byte) => `${hex(byte, 2)}${sign}`).slice(0, -1);
  yield all((byte) => `&#${byte};`);
  yield all((byte) => `&#x${hex(byte, 2)};`);
  const units = Array.from({ length: part.length }, (_, i) => part.charCodeAt(i));
  yield units.map((unit) => `u${hex(unit, 4)}`).join('');
  yield units.map((unit, i) => (unit < 128 ? part[i] : `u${hex(unit, 4)}`)).join('');
  // Their quotes and backslashes are passed over, the letter of `\n` is not.
  yield JSON.stringify(part);
  const percent = encodeURIComponent(part);
  yield percent;
  yield percent.replaceAll('%20', '+');
  yield percent.replaceAll('%2F', '/');
  yield percent.replaceAll(/[!'()*]/g, (sign) => `%${hex(sign.charCodeAt(0), 2)}`);
  yield part.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign]!);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

/** What an encoding of so many bits a letter makes of the bytes behind `before` others: the letters that hold nothing else. */
function* inBits(bytes: Buffer, before: number, bits: number, encode: (all: Buffer) => string): Generator<Buffer> {
  const all = (after: string) => encode(Buffer.concat([Buffer.alloc(before), bytes, Buffer.from(after)]));
  const from = Math.ceil((8 * before) / bits);
  const to = (8 * (before + bytes.length)) / bits;
  yield Buffer.from(all('').slice(from, Math.floor(to)));
  // At the end of a text, or of a line, its last letter holds nothing else either.
  for (const after of ['', '\n']) yield Buffer.from(all(after).slice(from, Math.ceil(to)));
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(bytes: Buffer): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32[(held >>> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text;
}
