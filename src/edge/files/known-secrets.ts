// Looks for secrets of this box, in all their forms, in a content that comes in pieces and leaves as it is.
import type { Masker } from '../secrets/masker.ts';

export class KnownSecrets {
  readonly #masker: Masker | undefined;
  /** The beginning of what may be one: a few hundred bytes at most. */
  #begun: Uint8Array = new Uint8Array();
  /** The name of the first one. */
  found: string | undefined;

  /** @param masker undefined where no secret is known */
  constructor(masker: Masker | undefined) {
    this.#masker = masker;
  }

  add(piece: Uint8Array): void {
    if (!this.#masker || this.found !== undefined) return;
    const bytes = this.#begun.length === 0 ? piece : Buffer.concat([this.#begun, piece]);
    const { found, hold } = this.#masker.scan(bytes);
    this.found = found[0]?.name;
    this.#begun = bytes.slice(hold);
  }
}
