// How many bytes a value counts for in the ledger.
import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';

/** Text in UTF-8, bytes as they are, a message serialized, numbers and the like as eight, a map by its entries. */
export function sizeOf(desc: DescMessage | undefined, value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (desc) return toBinary(desc, value as Message).length;
  return Object.entries(value).reduce((sum, [key, item]) => sum + Buffer.byteLength(key) + sizeOf(undefined, item), 0);
}
