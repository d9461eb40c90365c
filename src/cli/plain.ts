// Messages of the contract as plain JSON for `--json`: numbers as numbers, enums in lower case, times in ISO 8601, durations
// in milliseconds, bytes in hex. Walks descriptors; knows no message by name.
import type { DescEnum, DescField, DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import { isFieldSet } from '@bufbuild/protobuf';
import { type Duration, durationMs, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { WithheldReasonSchema } from '../../gen/bowline/run/v1/run_pb.ts';

export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };
export type PlainObject = { [key: string]: Plain };

/** Every field is there, with its default where it was not set; a message field that was not set is null. */
export function plain<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): PlainObject {
  return objectOf(schema, message);
}

function objectOf(schema: DescMessage, message: Message): PlainObject {
  const out: PlainObject = {};
  for (const field of schema.fields) {
    const value = valueIn(field, message);
    if (field.oneof && value === undefined) continue;
    out[field.localName] = one(field, value);
  }
  return out;
}

/** The value in a generated message; undefined for a case of a oneof that is not the one. */
function valueIn(field: DescField, message: Message): unknown {
  const values = message as unknown as Record<string, unknown>;
  if (!field.oneof) return values[field.localName];
  if (!isFieldSet(message, field)) return undefined;
  return (values[field.oneof.localName] as { value?: unknown } | undefined)?.value;
}

function one(field: DescField, value: unknown): Plain {
  switch (field.fieldKind) {
    case 'message':
      return value === undefined ? null : messageOf(field.message, value as Message);
    case 'enum':
      return enumText(field.enum, value as number);
    case 'list':
      return (value as unknown[]).map((item) => {
        if (field.listKind === 'message') return messageOf(field.message, item as Message);
        return field.listKind === 'enum' ? enumText(field.enum, item as number) : scalar(item);
      });
    case 'map':
      return Object.fromEntries(
        Object.entries(value as Record<string, unknown>).map(([key, item]) => {
          if (field.mapKind === 'message') return [key, messageOf(field.message, item as Message)];
          return [key, field.mapKind === 'enum' ? enumText(field.enum, item as number) : scalar(item)];
        }),
      );
    case 'scalar':
      return scalar(value);
  }
}

function messageOf(schema: DescMessage, message: Message): Plain {
  if (schema.typeName === 'google.protobuf.Timestamp') return timestampDate(message as Timestamp).toISOString();
  if (schema.typeName === 'google.protobuf.Duration') return durationMs(message as Duration);
  return objectOf(schema, message);
}

function scalar(value: unknown): Plain {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return (value as string | number | boolean | undefined) ?? null;
}

/** Enums whose words are codes, as the trailers of calls tell them: they keep their case. */
const CODES: ReadonlySet<string> = new Set([WithheldReasonSchema.typeName]);

/** `RUN_STATE_TIMED_OUT` as `timed_out`; a number that this version does not know as that number. */
export function enumText(desc: DescEnum, value: number): string {
  const local = desc.value[value];
  if (!local) return String(value);
  const name = local.name.startsWith(desc.sharedPrefix?.toUpperCase() ?? '\0')
    ? local.name.slice(desc.sharedPrefix?.length ?? 0)
    : local.name;
  return CODES.has(desc.typeName) ? name : name.toLowerCase();
}
