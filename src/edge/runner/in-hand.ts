// Which calls are at work, written to a file before each begins and taken out when it has ended, so that the next start can
// tell which ones were at work when the process ended: one of them may have ended it. Nothing is synced: the file outlives the
// process, which is what it is for; with the machine everything ended, and nobody is to blame. Nor is anybody after a clean end.
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Intent, IntentSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { crc32c } from '../../base/crc32c.ts';
import { AppError } from '../../base/errors.ts';

/** A place holds its length and one call; a call that is longer is not written down. */
const PLACE_BYTES = 4096;
const HEAD_BYTES = PLACE_BYTES;
const MOST_BOOT_BYTES = 64;
const SUM_BYTES = 4;
const EMPTY = new Uint8Array(4);

export class InHand {
  readonly #file: number;
  readonly #free: number[] = [];
  #places = 0;
  #closed = false;
  /** Calls that were at work when the process before ended, though the machine went on. */
  readonly left: readonly Intent[];
  /** Whether a part of what was written there could not be read, so that calls may be missing in `left`. */
  readonly damaged: boolean;

  /** Throws HOME_FILE_DAMAGED. @param machineBoot changes when the machine starts; empty where that cannot be told */
  constructor(path: string, machineBoot: string) {
    try {
      const before = openSync(path, 'a+', 0o600);
      const { boot, calls, damaged } = readPlaces(before);
      closeSync(before);
      const same = boot === undefined || boot === machineBoot;
      this.left = same ? calls : [];
      // What another start of the machine left was never synced, and nobody is to blame for what was at work then.
      this.damaged = same && damaged;
      this.#file = openSync(path, 'w', 0o600);
    } catch (cause) {
      throw unusable(path, cause);
    }
    const boot = Buffer.from(machineBoot).subarray(0, MOST_BOOT_BYTES);
    const head = summed(Buffer.concat([Buffer.from([boot.length]), boot]));
    writeSync(this.#file, head, 0, head.length, 0);
  }

  /** A call begins; returns what to do when it has ended, however. */
  begin(call: Intent): () => void {
    const bytes = toBinary(IntentSchema, call);
    if (this.#closed || bytes.length > PLACE_BYTES - 4 - SUM_BYTES) return () => {};
    const place = this.#free.pop() ?? this.#places++;
    const at = HEAD_BYTES + place * PLACE_BYTES;
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    // On a full disk a call is not written down; that is no reason to refuse it.
    if (!this.#write(summed(Buffer.concat([head, bytes])), at)) return () => {};
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

  /** The process ends by itself, so none of them ended it: none is left, whatever is still at work. */
  close(): void {
    this.#closed = true;
    try {
      ftruncateSync(this.#file);
    } catch {
      // Then each that is still in it is held for one that was at work, as after a crash.
    }
    closeSync(this.#file);
  }
}

function unusable(file: string, cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  const problem = `cannot be opened (${code})`;
  const remedy = 'It tells only which calls were at work when the edge ended last: move it away and start again';
  return new AppError('HOME_FILE_DAMAGED', { file, problem, remedy }, { cause });
}

/** Bytes with their sum behind them. */
function summed(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(SUM_BYTES);
  sum.writeUInt32LE(crc32c(bytes));
  return Buffer.concat([bytes, sum]);
}

/** Whether the first `length` bytes have their sum behind them. */
const sound = (bytes: Buffer, length: number): boolean =>
  length + SUM_BYTES <= bytes.length && crc32c(bytes.subarray(0, length)) === bytes.readUInt32LE(length);

interface Places {
  /** Undefined where that cannot be read. */
  readonly boot: string | undefined;
  readonly calls: Intent[];
  readonly damaged: boolean;
}

/** What a file holds; a place that cannot be read is left out. */
function readPlaces(file: number): Places {
  const bytes = Buffer.alloc(HEAD_BYTES);
  const calls: Intent[] = [];
  if (readSync(file, bytes, 0, HEAD_BYTES, 0) === 0) return { boot: '', calls, damaged: false };
  const length = bytes[0] ?? 0;
  if (length > MOST_BOOT_BYTES) return { boot: undefined, calls, damaged: true };
  // Files of earlier versions have no sums: nothing stands behind the name of the boot, which has no zeros.
  const hasSums = bytes.readUInt32LE(1 + length) !== 0 || bytes.subarray(1, 1 + length).includes(0);
  if (hasSums && !sound(bytes, 1 + length)) return { boot: undefined, calls, damaged: true };
  const boot = bytes.subarray(1, 1 + length).toString();
  let damaged = false;
  for (let at = HEAD_BYTES; ; at += PLACE_BYTES) {
    const place = bytes.subarray(0, readSync(file, bytes, 0, PLACE_BYTES, at));
    if (place.length < 4) return { boot, calls, damaged: damaged || place.length > 0 };
    const call = place.readUInt32LE(0);
    if (call === 0) continue;
    const intent = hasSums && !sound(place, 4 + call) ? undefined : intentIn(place.subarray(4), call);
    if (intent) calls.push(intent);
    else damaged = true;
  }
}

function intentIn(bytes: Buffer, length: number): Intent | undefined {
  if (length > bytes.length) return undefined;
  try {
    // A copy: fields of bytes are views of what they were read from, and the next place is read into the same buffer.
    return fromBinary(IntentSchema, Uint8Array.from(bytes.subarray(0, length)));
  } catch {
    return undefined;
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
