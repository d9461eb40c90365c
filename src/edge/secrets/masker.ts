// Puts `***NAME***` in the place of every form of a secret: in a text, in bytes, or in a stream of pieces over whose borders it may lie.
// Pure.
import type { FormMatcher, FormScan, FoundForm } from './form-matcher.ts';

/** What stands in the place of a value. */
const maskOf = (name: string): string => `***${name}***`;

export class Masker {
  readonly #matcher: FormMatcher;

  constructor(matcher: FormMatcher) {
    this.#matcher = matcher;
  }

  /** The same text when there is nothing to mask. */
  text(text: string): string {
    const bytes = Buffer.from(text);
    const masked = this.bytes(bytes);
    return masked === bytes ? text : Buffer.from(masked).toString();
  }

  /** The same bytes when there is nothing to mask. */
  bytes(bytes: Uint8Array): Uint8Array {
    const { found } = this.#matcher.scan(bytes);
    return found.length === 0 ? bytes : put(bytes, found, bytes.length, 0).bytes;
  }

  /** Where secrets stand, and from where on one may have begun. */
  scan(bytes: Uint8Array): FormScan {
    return this.#matcher.scan(bytes);
  }

  /** What is sure of bytes whose end was cut off: up to where a secret stands, or may have begun, at the cut. */
  sureOf(bytes: Uint8Array): Uint8Array {
    const { found, hold } = this.#matcher.scan(bytes);
    let [start, reaches] = [0, 0];
    for (const one of found) {
      if (one.start >= hold) break;
      if (one.start >= reaches) start = one.start;
      reaches = Math.max(reaches, one.end);
    }
    return bytes.subarray(0, reaches > hold ? start : hold);
  }

  /** For one stream of bytes. */
  stream(): MaskStream {
    return new MaskStream(this.#matcher);
  }
}

/** Holds back only what may be the beginning of a secret: never more than a few hundred bytes. */
export class MaskStream {
  readonly #matcher: FormMatcher;
  #held: Uint8Array = new Uint8Array();
  /** What of the held bytes belongs to a mask that was put already. */
  #covered = 0;

  constructor(matcher: FormMatcher) {
    this.#matcher = matcher;
  }

  /** What may go on of all that came. The piece is the caller's again afterwards only if nothing of it is held. */
  push(piece: Uint8Array): Uint8Array {
    return this.#pass(this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]), false);
  }

  /** The rest. */
  end(): Uint8Array {
    return this.#pass(this.#held, true);
  }

  #pass(bytes: Uint8Array, isLast: boolean): Uint8Array {
    const { found, hold } = this.#matcher.scan(bytes);
    const to = isLast ? bytes.length : hold;
    const masked = put(bytes, found, to, this.#covered);
    this.#held = Buffer.from(bytes.subarray(to));
    this.#covered = Math.max(masked.reaches - to, 0);
    return masked.bytes;
  }
}

/** The bytes up to `to` with masks for what was found, in order. The first `covered` bytes belong to a mask that was put before. */
function put(bytes: Uint8Array, found: readonly FoundForm[], to: number, covered: number) {
  if (found.length === 0 && covered === 0) return { bytes: bytes.subarray(0, to), reaches: 0 };
  const parts: Uint8Array[] = [];
  let at = Math.min(covered, to);
  let reaches = covered;
  for (const { start, end, name } of found) {
    if (start >= reaches) {
      if (start >= to) break;
      parts.push(bytes.subarray(at, start), Buffer.from(maskOf(name)));
    }
    reaches = Math.max(reaches, end);
    at = Math.max(at, Math.min(reaches, to));
  }
  parts.push(bytes.subarray(at, to));
  return { bytes: Buffer.concat(parts), reaches };
}
