// Parts of a ZIP, within bounds: what a small file unpacks to is known before it is unpacked, and no more than that is made. Pure.
import { unzipSync } from 'fflate';

/** Parts of one file. */
const MAX_PARTS = 20_000;
/** Bytes that all its parts unpack to. */
const MAX_UNPACKED = 256 << 20;
/** Bytes of the parts that are wanted. */
const MAX_WANTED = 64 << 20;

/** Throws RangeError for what unpacks to too much; an Error for what is no ZIP. */
export function unzipParts(bytes: Uint8Array, wants: (name: string) => boolean): Map<string, Uint8Array> {
  let parts = 0;
  let unpacked = 0;
  let wanted = 0;
  const all = unzipSync(bytes, {
    filter: ({ name, originalSize }) => {
      unpacked += originalSize;
      if (++parts > MAX_PARTS || unpacked > MAX_UNPACKED) throw new RangeError('it unpacks to too much');
      if (!wants(name)) return false;
      wanted += originalSize;
      if (wanted > MAX_WANTED) throw new RangeError('it unpacks to too much');
      return true;
    },
  });
  return new Map(Object.entries(all));
}

/** Throws like `unzipParts`, for a ZIP that another library unpacks. */
export function mustUnpack(bytes: Uint8Array): void {
  unzipParts(bytes, () => false);
}

export const utf8 = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes ?? new Uint8Array());
