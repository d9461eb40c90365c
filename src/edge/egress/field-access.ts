// Reads and writes fields of generated messages by their descriptors, without the cost of reflection objects.
import { create, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { sizeOf } from './size-of.ts';

type Values = Record<string, unknown>;

/** The value of a field as it would be written; undefined where it would not be. */
export function fieldValue(message: Message, field: DescField): unknown {
  const values = message as unknown as Values;
  if (field.oneof) {
    const chosen = values[field.oneof.localName] as { case?: string; value?: unknown } | undefined;
    return chosen?.case === field.localName ? chosen.value : values[field.localName];
  }
  const value = values[field.localName];
  return isEmpty(value) && field.presence === IMPLICIT ? undefined : emptyCollection(field, value) ? undefined : value;
}

/** google.protobuf.FeatureSet.FieldPresence IMPLICIT: zero values are not written. */
const IMPLICIT = 2;

function isEmpty(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === undefined || value === '' || value === 0 || value === 0n || value === false;
}

function emptyCollection(field: DescField, value: unknown): boolean {
  if (field.fieldKind === 'list') return !Array.isArray(value) || value.length === 0;
  if (field.fieldKind === 'map') return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
  return false;
}

/** Sets a field of a message that was made by `emptyOf`. */
export function setValue(message: Message, field: DescField, value: unknown): void {
  const values = message as unknown as Values;
  if (field.oneof && !isSyntheticOneof(field)) values[field.oneof.localName] = { case: field.localName, value };
  else values[field.localName] = value;
}

/** `optional` fields are kept under their own name. */
const isSyntheticOneof = (field: DescField): boolean => field.proto.proto3Optional;

/** A new message without any field, unknown ones included. */
export const emptyOf = (desc: DescMessage): Message => create(desc);

/** Bytes of a value for the ledger: text and bytes as they are, numbers as eight, messages serialized. */
export function bytesOf(field: DescField, value: unknown): number {
  if (field.fieldKind === 'list' && Array.isArray(value)) {
    return value.reduce<number>((sum, item) => sum + sizeOf(itemDesc(field), item), 0);
  }
  return sizeOf(itemDesc(field), value);
}

const itemDesc = (field: DescField): DescMessage | undefined =>
  (field.fieldKind === 'message' || field.fieldKind === 'list') && field.message ? field.message : undefined;
