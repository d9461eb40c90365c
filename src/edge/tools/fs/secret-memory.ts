// Whether files have secrets in them, remembered by what they were when that was looked for: a folder is searched often, and its files
// seldom change. It is believed only where the same bytes are read again.
import { dropOldest } from '../../../base/drop-oldest.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';

interface Known {
  /** Of its bytes, as one letter each. */
  readonly sha256: string;
  readonly secret: boolean;
}

/** Files that are remembered; the oldest go first. */
const MOST = 2_048;

export class SecretMemory {
  readonly #known = new Map<string, Known>();

  /** Whether it had a secret, for who then reads the same bytes; undefined where that is not known. */
  recall(file: OpenFile): Known | undefined {
    return this.#known.get(stateOf(file));
  }

  forget(file: OpenFile): void {
    this.#known.delete(stateOf(file));
  }

  keep(file: OpenFile, sha256: Uint8Array, secret: boolean): void {
    this.#known.set(stateOf(file), { sha256: lettersOf(sha256), secret });
    dropOldest(this.#known, MOST);
  }
}

export const isOfBytes = (known: Known, sha256: Uint8Array): boolean => known.sha256 === lettersOf(sha256);

const lettersOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const stateOf = ({ stat: { dev, ino, size, mtimeNs, ctimeNs } }: OpenFile): string =>
  `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
