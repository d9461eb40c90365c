// Whether a message from outside may be decoded in one turn: by how many fields, messages, numbers and bytes of text it holds, counted
// before anything is made of them. A field of two bytes costs as much as a long one, so bytes alone bound nothing. Linear; it judges nothing
// else: what is no message at all is left to the decoder.
import { type DescField, type DescMessage, fromBinary, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import { fixedLimit } from '../base/fixed-limit.ts';

/** What one turn can decode and check. */
export const WIRE_BOUNDS = { fields: 200_000, messages: 40_000, numbers: 2_000_000, 'bytes of text': 8 << 20 };

/** As deep as the decoder goes. */
const DEPTH = 100;

/** What stands in fields with a length, by their number, where that is more than bytes. */
type Shape = ReadonlyMap<number, Inside>;
type Inside = 'text' | 'number' | 'long' | (() => Shape);

type Counts = Record<keyof typeof WIRE_BOUNDS, number>;

/** Decodes bytes from outside. Throws LIMIT_EXCEEDED for more than one turn can decode, and what the decoder throws. */
export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  mustFitTurn(schema, bytes);
  return fromBinary(schema, bytes);
}

/** Throws LIMIT_EXCEEDED for more than one turn can decode. */
export function mustFitTurn(schema: DescMessage, bytes: Uint8Array): void {
  // Each costs at least two bytes.
  if (bytes.length <= 2 * WIRE_BOUNDS.messages) return;
  const counts: Counts = { fields: 0, messages: 0, numbers: 0, 'bytes of text': 0 };
  const met = scan(shapeOf(schema), bytes, 0, bytes.length, counts, 0);
  if (met === undefined) return;
  throw fixedLimit(`the number of ${met} in a ${schema.name}`, WIRE_BOUNDS[met], 'send fewer at once');
}

/** The bound that is met. */
function scan(
  shape: Shape,
  bytes: Uint8Array,
  start: number,
  end: number,
  counts: Counts,
  depth: number,
): keyof Counts | undefined {
  if (depth > DEPTH) return undefined;
  let at = start;
  while (at < end) {
    if (++counts.fields > WIRE_BOUNDS.fields) return 'fields';
    const tag = varint(bytes, at, end);
    at = tag.next;
    const kind = tag.value & 7;
    if (kind === 0) at = varint(bytes, at, end).next;
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint(bytes, at, end);
      at = length.next;
      const stop = at + length.value;
      // No message; the decoder says so.
      if (stop > end) return undefined;
      const what = shape.get(tag.value >>> 3);
      if (what === 'number' || what === 'long') {
        counts.numbers += what === 'long' ? 4 * length.value : length.value / 4;
        if (counts.numbers > WIRE_BOUNDS.numbers) return 'numbers';
      } else if (what === 'text') {
        counts['bytes of text'] += length.value;
        if (counts['bytes of text'] > WIRE_BOUNDS['bytes of text']) return 'bytes of text';
      } else if (what !== undefined) {
        if (++counts.messages > WIRE_BOUNDS.messages) return 'messages';
        const met = scan(what(), bytes, at, stop, counts, depth + 1);
        if (met !== undefined) return met;
      }
      at = stop;
    }
    // Groups: their beginning and end are fields like others here.
  }
  return undefined;
}

function varint(bytes: Uint8Array, start: number, end: number): { value: number; next: number } {
  let value = 0;
  for (let at = start; at < end && at < start + 10; at++) {
    const byte = bytes[at]!;
    if (at - start < 4) value += (byte & 127) << (7 * (at - start));
    else if (at - start === 4) value += (byte & 15) * 2 ** 28;
    if (byte < 128) return { value, next: at + 1 };
  }
  return { value, next: end };
}

const shapes = new WeakMap<DescMessage, Shape>();

function shapeOf(schema: DescMessage): Shape {
  let shape = shapes.get(schema);
  if (!shape) {
    shape = new Map(
      schema.fields.flatMap((field) => {
        const inside = insideOf(field);
        return inside === undefined ? [] : [[field.number, inside] as const];
      }),
    );
    shapes.set(schema, shape);
  }
  return shape;
}

function insideOf(field: DescField): Inside | undefined {
  switch (field.fieldKind) {
    case 'message':
      return () => shapeOf(field.message);
    case 'map': {
      const value = field.mapKind === 'message' ? field.message : undefined;
      const entry: Shape = new Map<number, Inside>([
        [1, 'text'],
        [2, value ? () => shapeOf(value) : 'text'],
      ]);
      return () => entry;
    }
    case 'list':
      if (field.listKind === 'message') return () => shapeOf(field.message);
      return field.listKind === 'enum' ? 'number' : numbersOf(field.scalar);
    case 'scalar':
      return field.scalar === ScalarType.STRING ? 'text' : undefined;
    default:
      return undefined;
  }
}

/** Numbers of 64 bits become objects. */
function numbersOf(type: ScalarType): Inside | undefined {
  switch (type) {
    case ScalarType.STRING:
      return 'text';
    case ScalarType.BYTES:
      return undefined;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
      return 'long';
    default:
      return 'number';
  }
}
