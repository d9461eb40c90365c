// Gives a copy of a database what initdb makes differently each time, so that two homes never share it: the identifier of the system and
// the nonce from which Postgres makes up salts for users that it does not have. It changes bytes in memory only.
import { randomBytes } from 'node:crypto';

const CONTROL = 'global/pg_control';
const SEGMENT = /^pg_wal\/[0-9A-F]{24}$/;

/** Where a segment of the log repeats the identifier, in the header of its first page. */
const AT_IN_SEGMENT = 24;

/** The checksum is the last field of `pg_control`, the nonce the one before it, which ends three bytes of padding earlier. */
const NONCE_BYTES = 32;
const PADDING = 3;

interface NamedBytes {
  readonly path: string;
  readonly bytes: Buffer;
}

/** Changes the bytes of these files of a database. Throws when they are not laid out as Postgres 18 does. */
export function giveOwnIdentity(files: readonly NamedBytes[], now: number): void {
  const control = files.find(({ path }) => path === CONTROL)?.bytes;
  const checksumAt = control && findChecksum(control);
  if (!checksumAt) throw new Error(`${CONTROL} has no checksum`);
  const old = control.readBigUInt64LE(0);
  const segments = files.filter(({ path, bytes }) => SEGMENT.test(path) && bytes.length > AT_IN_SEGMENT + 8);
  const identifier = newIdentifier(now);
  for (const { path, bytes } of segments) {
    if (bytes.readBigUInt64LE(AT_IN_SEGMENT) !== old) throw new Error(`${path} is of another database`);
    bytes.writeBigUInt64LE(identifier, AT_IN_SEGMENT);
  }
  control.writeBigUInt64LE(identifier, 0);
  randomBytes(NONCE_BYTES).copy(control, checksumAt - PADDING - NONCE_BYTES);
  control.writeUInt32LE(crc32c(control.subarray(0, checksumAt)), checksumAt);
}

/** As initdb makes it: the second, then what tells those of one second apart. */
function newIdentifier(now: number): bigint {
  return (BigInt(Math.floor(now / 1000)) << 32n) | BigInt(randomBytes(4).readUInt32LE());
}

/** The place of the checksum over all that stands before it; undefined when there is none. */
function findChecksum(control: Buffer): number | undefined {
  let crc = START;
  for (let at = 0; at + 4 <= control.length; at++) {
    if (at % 4 === 0 && at > NONCE_BYTES + PADDING && control.readUInt32LE(at) === end(crc)) return at;
    crc = next(crc, control[at] ?? 0);
  }
  return undefined;
}

// Castagnoli's, which Node does not have.
const POLYNOMIAL = 0x82f63b78;
const START = 0xffffffff;
const end = (crc: number): number => (crc ^ START) >>> 0;

function next(crc: number, byte: number): number {
  let bits = crc ^ byte;
  for (let i = 0; i < 8; i++) bits = bits & 1 ? (bits >>> 1) ^ POLYNOMIAL : bits >>> 1;
  return bits;
}

function crc32c(bytes: Buffer): number {
  let crc = START;
  for (const byte of bytes) crc = next(crc, byte);
  return end(crc);
}
