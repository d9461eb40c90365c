// Keys of calls whose results the control plane has: 29 bytes each instead of an answer, so that an effect still happens at
// most once and a busy day does not fill the journal. It knows no records and no time of its own.
import { createHash } from 'node:crypto';

/** The three answers. */
export type SettledState = 'done' | 'never' | 'unknown';

export interface SettledKey {
  readonly state: SettledState;
  /** The first 8 bytes of the SHA-256 of method and parameters, in hex; empty where they were not known. */
  readonly params: string;
  /** Milliseconds since 1970, rounded up to a second. */
  readonly expiresAt: number;
}

const STATES: readonly SettledState[] = ['done', 'never', 'unknown'];
const KEY_BYTES = 16;
const PARAMS_BYTES = 8;
const VALUE_BYTES = PARAMS_BYTES + 1 + 4;
/** Bytes of one key when it is written down. */
export const SETTLED_KEY_BYTES = KEY_BYTES + VALUE_BYTES;

export class SettledKeys {
  /** Short strings of single bytes are the smallest that a Map takes. */
  readonly #known = new Map<string, string>();

  get size(): number {
    return this.#known.size;
  }

  add(key: string, { state, params, expiresAt }: SettledKey): void {
    const value = Buffer.alloc(VALUE_BYTES);
    Buffer.from(params, 'hex').copy(value, 0, 0, PARAMS_BYTES);
    value.writeUInt8(STATES.indexOf(state) | (params === '' ? NO_PARAMS : 0), PARAMS_BYTES);
    value.writeUInt32LE(Math.min(Math.ceil(expiresAt / 1000), 0xffffffff), PARAMS_BYTES + 1);
    this.#known.set(nameOf(key), value.toString('latin1'));
  }

  get(key: string): SettledKey | undefined {
    const text = this.#known.get(nameOf(key));
    return text === undefined ? undefined : read(Buffer.from(text, 'latin1'));
  }

  delete(key: string): void {
    this.#known.delete(nameOf(key));
  }

  /** Forgets what expired longer than `keepMs` before `past`; returns the latest expiry among that, 0 for none. */
  forget(past: number, keepMs: number): number {
    let latest = 0;
    for (const [name, value] of this.#known) {
      const { expiresAt } = read(Buffer.from(value, 'latin1'));
      if (expiresAt + keepMs >= past) continue;
      this.#known.delete(name);
      latest = Math.max(latest, expiresAt);
    }
    return latest;
  }

  /** All of them, in pieces of at most `bytes`, oldest first. */
  *pack(bytes: number): Generator<Uint8Array> {
    const each = Math.floor(bytes / SETTLED_KEY_BYTES);
    let piece: Buffer[] = [];
    for (const [name, value] of this.#known) {
      piece.push(Buffer.from(name + value, 'latin1'));
      if (piece.length < each) continue;
      yield Buffer.concat(piece);
      piece = [];
    }
    if (piece.length > 0) yield Buffer.concat(piece);
  }

  /** Takes in what `pack` gave, but nothing that is known already. */
  unpack(bytes: Uint8Array): void {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + SETTLED_KEY_BYTES <= all.length; at += SETTLED_KEY_BYTES) {
      const name = all.toString('latin1', at, at + KEY_BYTES);
      if (!this.#known.has(name)) this.#known.set(name, all.toString('latin1', at + KEY_BYTES, at + SETTLED_KEY_BYTES));
    }
  }
}

const NO_PARAMS = 0x80;

function read(value: Buffer): SettledKey {
  const flags = value.readUInt8(PARAMS_BYTES);
  return {
    state: STATES[flags & 0x7f] ?? 'unknown',
    params: flags & NO_PARAMS ? '' : value.toString('hex', 0, PARAMS_BYTES),
    expiresAt: value.readUInt32LE(PARAMS_BYTES + 1) * 1000,
  };
}

const nameOf = (key: string): string => createHash('sha256').update(key).digest().toString('latin1', 0, KEY_BYTES);
