// Finds forms of secrets in bytes, in one pass: the letters of the last eight bytes that count are looked up at each byte, and only where
// a form begins with them the rest is compared. Letter case, space, quotes and the like make no difference. Pure.

import { begunAt, decoded } from './decoded.ts';

/** What a form must have after folding; shorter ones stand in ordinary texts. */
export const LEAST_SYMBOLS = 8;

/** Bytes in a row that are passed over; what stands further apart is no form. */
const MOST_PASSED = 16;

const PASSED = 0;
const FOUR = 4;

/** What each byte counts as; 0 is passed over. The two alphabets of base64 are one. */
const FOLD = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (' \t\r\n\0\\"\'%:,'.includes(String.fromCharCode(byte))) return PASSED;
  if (byte >= 65 && byte <= 90) return byte + 32;
  if (byte === 45) return 43;
  return byte === 95 ? 47 : byte;
});

/** The bytes that count, as they count. */
export const folded = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte) => FOLD[byte]!).filter((one) => one !== PASSED);

/** Bytes of a text that are a form of a secret. */
export interface FoundForm {
  readonly start: number;
  end: number;
  readonly name: string;
}

export interface FormScan {
  /** In the order of their starts; they may overlap. */
  readonly found: readonly FoundForm[];
  /** Where a form may begin whose end is still to come; the length of the bytes when there is none. */
  readonly hold: number;
}

interface Form {
  readonly name: string;
  readonly symbols: Uint8Array;
  /** The first four. */
  readonly high: number;
}

export class FormMatcher {
  /** By the second four symbols. */
  readonly #forms = new Map<number, Form[]>();
  /** Which pairs of four may be a beginning: most are none, and that is told without a lookup. */
  readonly #maybe = new Uint8Array(1 << 16);
  /** What forms begin with: one to four symbols, each as a number of its own. */
  readonly #begins = new Set<number>();
  readonly #known = new Set<string>();

  /** Adds a form; one that is too short for that is left out. */
  add(name: string, form: Uint8Array): void {
    const symbols = folded(form);
    const text = Buffer.from(symbols).toString('latin1');
    if (symbols.length < LEAST_SYMBOLS || this.#known.has(text)) return;
    this.#known.add(text);
    const [high, low] = [fourAt(symbols, 0), fourAt(symbols, 4)];
    this.#maybe[slot(high, low)] = 1;
    const alike = this.#forms.get(low);
    if (alike) alike.push({ name, symbols, high });
    else this.#forms.set(low, [{ name, symbols, high }]);
    let begin = 1;
    for (const symbol of symbols.subarray(0, FOUR)) {
      begin = begin * 256 + symbol;
      this.#begins.add(begin);
    }
  }

  /** As it stands, and with the letters that escapes in it mean. */
  scan(bytes: Uint8Array): FormScan {
    const plain = this.#scan(bytes);
    // An escape without its end is none yet: what stands before it may still be the beginning of a form.
    const begun = begunAt(bytes);
    const hold = Math.min(plain.hold, begun);
    const whole = bytes.subarray(0, begun);
    const meant = decoded(whole);
    if (!meant)
      return { found: plain.found, hold: begun < bytes.length ? Math.min(hold, this.#scan(whole).hold) : hold };
    const { starts } = meant;
    const other = this.#scan(meant.bytes);
    const found = other.found.map(({ start, end, name }) => ({ start: starts[start]!, end: starts[end]!, name }));
    return {
      found: [...plain.found, ...found].sort((a, b) => a.start - b.start || b.end - a.end),
      hold: Math.min(hold, starts[other.hold]!),
    };
  }

  #scan(bytes: Uint8Array): FormScan {
    const found: FoundForm[] = [];
    let hold = bytes.length;
    const maybe = this.#maybe;
    let [high, low, count, passed] = [0, 0, 0, 0];
    for (let i = 0; i < bytes.length; i++) {
      const symbol = FOLD[bytes[i]!]!;
      if (symbol === PASSED) {
        if (++passed > MOST_PASSED) count = 0;
        continue;
      }
      passed = 0;
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | symbol;
      if (++count < LEAST_SYMBOLS || maybe[slot(high, low)] === 0) continue;
      for (const form of this.#forms.get(low) ?? []) {
        if (form.high !== high) continue;
        const start = startOf(bytes, i, LEAST_SYMBOLS);
        const end = endOf(bytes, i + 1, form.symbols);
        if (end === undefined) hold = Math.min(hold, start);
        else if (end > 0) found.push({ start, end, name: form.name });
      }
    }
    found.sort((a, b) => a.start - b.start || b.end - a.end);
    return { found, hold: Math.min(hold, this.#beginning(bytes, count)) };
  }

  /** Where the last few symbols may be the beginning of a form. */
  #beginning(bytes: Uint8Array, count: number): number {
    const last: number[] = [];
    let hold = bytes.length;
    for (let i = bytes.length - 1; i >= 0 && last.length < Math.min(count, LEAST_SYMBOLS - 1); i--) {
      const symbol = FOLD[bytes[i]!]!;
      if (symbol === PASSED) continue;
      last.unshift(symbol);
      if (this.#begins.has(last.slice(0, FOUR).reduce((begin, one) => begin * 256 + one, 1))) hold = i;
    }
    return hold;
  }
}

const slot = (high: number, low: number): number => (Math.imul(high, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b)) >>> 16;

const fourAt = (symbols: Uint8Array, at: number): number =>
  (symbols[at]! << 24) | (symbols[at + 1]! << 16) | (symbols[at + 2]! << 8) | symbols[at + 3]!;

/** Where the last `count` symbols up to `last` begin. */
function startOf(bytes: Uint8Array, last: number, count: number): number {
  let at = last;
  for (let left = count - 1; left > 0; ) if (FOLD[bytes[--at]!] !== PASSED) left--;
  return at;
}

/** Where a form ends whose first eight symbols end before `at`; 0 when it is another text, undefined when the bytes end first. */
function endOf(bytes: Uint8Array, from: number, symbols: Uint8Array): number | undefined {
  let at = from;
  let passed = 0;
  for (let n = LEAST_SYMBOLS; n < symbols.length; at++) {
    if (at >= bytes.length) return undefined;
    const symbol = FOLD[bytes[at]!]!;
    if (symbol === PASSED) {
      if (++passed > MOST_PASSED) return 0;
    } else if (symbol !== symbols[n]) return 0;
    else {
      passed = 0;
      n++;
    }
  }
  return at;
}
