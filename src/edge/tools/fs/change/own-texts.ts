// What a run itself has written, so that it may edit it: of a text that it gave whole, or edited under a grant, it knows every letter. In
// memory only: after a restart the file must be shared.
import { dropOldest } from '../../../../base/drop-oldest.ts';

const MOST = 1024;

/** Who writes, and for whose eyes. */
interface TextWriter {
  readonly run: string;
  readonly recipient: string;
}

export class OwnTexts {
  readonly #hashes = new Map<string, string>();

  wrote(call: TextWriter, realPath: string, sha256: Uint8Array): void {
    const key = keyOf(call, realPath);
    this.#hashes.delete(key);
    this.#hashes.set(key, hex(sha256));
    dropOldest(this.#hashes, MOST);
  }

  /** Whether a file holds exactly what this run wrote there last, for the same eyes. */
  holds(call: TextWriter, realPath: string, sha256: Uint8Array): boolean {
    return this.#hashes.get(keyOf(call, realPath)) === hex(sha256);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const keyOf = ({ run, recipient }: TextWriter, realPath: string): string => `${run} ${recipient} ${realPath}`;
