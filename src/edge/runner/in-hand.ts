// Which calls are at work, written to a file before each begins and taken out when it has ended, so that the next start can
// tell which ones were at work when the process ended: one of them may have ended it. Nothing is synced: the file outlives the
// process, which is what it is for; with the machine everything ended, and nobody is to blame.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Intent, IntentSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError } from '../../base/errors.ts';

/** A place holds its length and one call; a call that is longer is not written down. */
const PLACE_BYTES = 4096;
const HEAD_BYTES = PLACE_BYTES;
const EMPTY = new Uint8Array(4);

export class InHand {
  readonly #file: number;
  readonly #free: number[] = [];
  #places = 0;
  #closed = false;
  /** Calls that were at work when the process before ended, though the machine went on. */
  readonly left: readonly Intent[];

  /** Throws HOME_FILE_DAMAGED. @param machineBoot changes when the machine starts; empty where that cannot be told */
  constructor(path: string, machineBoot: string) {
    try {
      const before = openSync(path, 'a+', 0o600);
      const { boot, calls } = readPlaces(before);
      closeSync(before);
      this.left = boot === machineBoot ? calls : [];
      this.#file = openSync(path, 'w', 0o600);
    } catch (cause) {
      throw unusable(path, cause);
    }
    const head = Buffer.from(machineBoot).subarray(0, 64);
    writeSync(this.#file, Buffer.concat([Buffer.from([head.length]), head]), 0, 1 + head.length, 0);
  }

  /** A call begins; returns what to do when it has ended, however. */
  begin(call: Intent): () => void {
    const bytes = toBinary(IntentSchema, call);
    if (this.#closed || bytes.length > PLACE_BYTES - 4) return () => {};
    const place = this.#free.pop() ?? this.#places++;
    const at = HEAD_BYTES + place * PLACE_BYTES;
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    // On a full disk a call is not written down; that is no reason to refuse it.
    if (!this.#write(Buffer.concat([head, bytes]), at)) return () => {};
    let open = true;
    return () => {
      if (!open || this.#closed) return;
      open = false;
      this.#write(EMPTY, at);
      this.#free.push(place);
    };
  }

  #write(bytes: Uint8Array, at: number): boolean {
    try {
      return writeSync(this.#file, bytes, 0, bytes.length, at) === bytes.length;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#file);
  }
}

function unusable(file: string, cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  const problem = `cannot be opened (${code})`;
  const remedy = 'It tells only which calls were at work when the edge ended last: move it away and start again';
  return new AppError('HOME_FILE_DAMAGED', { file, problem, remedy }, { cause });
}

/** What a file holds; places that cannot be read are empty. */
function readPlaces(file: number): { readonly boot: string; readonly calls: Intent[] } {
  const bytes = Buffer.alloc(HEAD_BYTES);
  const calls: Intent[] = [];
  if (readSync(file, bytes, 0, HEAD_BYTES, 0) === 0) return { boot: '', calls };
  const boot = bytes.subarray(1, 1 + (bytes[0] ?? 0)).toString();
  for (let at = HEAD_BYTES; ; at += PLACE_BYTES) {
    const read = readSync(file, bytes, 0, PLACE_BYTES, at);
    if (read < 4) return { boot, calls };
    const length = bytes.readUInt32LE(0);
    if (length === 0 || length > read - 4) continue;
    try {
      calls.push(fromBinary(IntentSchema, bytes.subarray(4, 4 + length)));
    } catch {
      // A place that was being written when the machine, not the process, ended.
    }
  }
}

/** Which start of the machine this is; empty where the system does not say. */
export function machineBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
