// Gives a copy of a database what initdb makes differently each time, so that two homes never share it: the identifier of the system and
// the nonce from which Postgres makes up salts for users that it does not have. It changes bytes in memory only.
import { randomBytes } from 'node:crypto';
import { crc32c } from '../crc32c.ts';

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
  let crc = 0;
  for (let at = 0; at + 4 <= control.length; at += 4) {
    if (at > NONCE_BYTES + PADDING && control.readUInt32LE(at) === crc) return at;
    crc = crc32c(control.subarray(at, at + 4), crc);
  }
  return undefined;
}
