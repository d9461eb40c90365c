// CRC-32C (Castagnoli), the checksum of journal batches and of files of Postgres. node:zlib has only CRC-32 of another polynomial, and the
// maintained packages are native per platform (no single-file bundle) or bring several packages for this one table.

const TABLE = table();

/** The checksum of `bytes`, going on from `seed` (the checksum of what came before; 0 at the start). */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function table(): Int32Array {
  const rows = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let row = n;
    for (let bit = 0; bit < 8; bit++) row = row & 1 ? (row >>> 1) ^ 0x82f63b78 : row >>> 1;
    rows[n] = row;
  }
  return rows;
}
