// Whether a message from outside may be decoded in one turn: by how many fields, messages, numbers and bytes of text it holds, counted
// before anything is made of them. A field of two bytes costs as much as a long one, so bytes alone bound nothing. The decoder reads a field
// by its schema, whatever wire type stands before it, and past the end of what holds it; so what stands otherwise than the schema says is
// refused here. Linear.
import { type DescField, type DescMessage, fromBinary, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import { AppError } from '../base/errors.ts';
import { fixedLimit } from '../base/fixed-limit.ts';

export type WireBounds = Readonly<Record<'fields' | 'messages' | 'numbers' | 'bytes of text', number>>;

/** What one turn can decode and check. */
export const WIRE_BOUNDS: WireBounds = {
  fields: 200_000,
  messages: 40_000,
  numbers: 2_000_000,
  'bytes of text': 8 << 20,
};

/** As deep as the decoder goes. */
const DEPTH = 100;

/** Wire types. */
const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

/** The known fields of a message by their number. */
type Shape = ReadonlyMap<number, Field>;

interface Field {
  readonly wire: number;
  /** Numbers of a list may also come packed. */
  readonly packable: boolean;
  /** What stands in it, where that is more than bytes or one number. */
  readonly inside: Inside | undefined;
}
type Inside = 'text' | 'number' | 'long' | (() => Shape);

type Counts = Record<keyof WireBounds, number>;

/**
 * Decodes bytes from outside. Throws LIMIT_EXCEEDED for more than one turn can decode, FRAME_MALFORMED for what does not stand as its schema
 * says, and what the decoder throws.
 */
export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  mustFitLoop(schema, bytes);
  return fromBinary(schema, bytes);
}

/** Throws LIMIT_EXCEEDED for more than one turn can decode, FRAME_MALFORMED for what does not stand as its schema says. */
export function mustFitLoop(schema: DescMessage, bytes: Uint8Array, bounds: WireBounds = WIRE_BOUNDS): void {
  // Each costs at least two bytes.
  if (bytes.length <= 2 * Math.min(bounds.messages, bounds.fields)) return;
  const met = new Meter(bytes, bounds).scan(shapeOf(schema), 0, bytes.length, 0);
  if (met === undefined) return;
  if (met === 'malformed') throw new AppError('FRAME_MALFORMED', { problem: `no ${schema.name} stands so` });
  throw fixedLimit(`the number of ${met} in a ${schema.name}`, bounds[met], 'send fewer at once');
}

class Meter {
  readonly #bytes: Uint8Array;
  readonly #bounds: WireBounds;
  readonly #counts: Counts = { fields: 0, messages: 0, numbers: 0, 'bytes of text': 0 };
  /** Where the number ends that was read last; beyond what holds it when it is cut. */
  #next = 0;

  constructor(bytes: Uint8Array, bounds: WireBounds) {
    this.#bytes = bytes;
    this.#bounds = bounds;
  }

  /** The bound that is met. */
  scan(shape: Shape, start: number, end: number, depth: number): keyof Counts | 'malformed' | undefined {
    // Deeper than this the decoder stops by itself.
    if (depth > DEPTH) return undefined;
    let at = start;
    while (at < end) {
      if (this.#over('fields', 1)) return 'fields';
      const tag = this.#varint(at, end);
      at = this.#next;
      const wire = tag & 7;
      const field = shape.get(tag >>> 3);
      if (field && wire !== field.wire && !(field.packable && wire === LENGTH)) return 'malformed';
      if (wire === VARINT) {
        this.#varint(at, end);
        at = this.#next;
      } else if (wire === FIXED64) at += 8;
      else if (wire === FIXED32) at += 4;
      else if (wire === LENGTH) {
        const length = this.#varint(at, end);
        at = this.#next;
        const stop = at + length;
        if (stop > end) return 'malformed';
        const met = this.#inside(field?.inside, at, stop, depth);
        if (met !== undefined) return met;
        at = stop;
      }
      // Groups, which no contract has.
      else return 'malformed';
      if (at > end) return 'malformed';
    }
    return undefined;
  }

  #inside(what: Inside | undefined, at: number, stop: number, depth: number): keyof Counts | 'malformed' | undefined {
    const length = stop - at;
    if (what === undefined) return undefined;
    if (what === 'text') return this.#over('bytes of text', length) ? 'bytes of text' : undefined;
    if (what === 'number' || what === 'long')
      return this.#over('numbers', what === 'long' ? 4 * length : length / 4) ? 'numbers' : undefined;
    return this.#over('messages', 1) ? 'messages' : this.scan(what(), at, stop, depth + 1);
  }

  #over(what: keyof Counts, more: number): boolean {
    this.#counts[what] += more;
    return this.#counts[what] > this.#bounds[what];
  }

  /** Of longer numbers the lower 32 bits, as of tags and lengths. */
  #varint(start: number, end: number): number {
    let value = 0;
    for (let at = start; at < end && at < start + 10; at++) {
      const byte = this.#bytes[at]!;
      if (at - start < 4) value += (byte & 127) << (7 * (at - start));
      else if (at - start === 4) value += (byte & 15) * 2 ** 28;
      if (byte < 128) {
        this.#next = at + 1;
        return value;
      }
    }
    this.#next = end + 1;
    return value;
  }
}

const shapes = new WeakMap<DescMessage, Shape>();

function shapeOf(schema: DescMessage): Shape {
  let shape = shapes.get(schema);
  if (!shape) {
    shape = new Map(schema.fields.map((field) => [field.number, fieldOf(field)] as const));
    shapes.set(schema, shape);
  }
  return shape;
}

const LENGTHS = (inside: Inside | undefined): Field => ({ wire: LENGTH, packable: false, inside });

function fieldOf(field: DescField): Field {
  switch (field.fieldKind) {
    case 'message':
      return LENGTHS(() => shapeOf(field.message));
    case 'map': {
      const entry: Shape = new Map([
        [1, scalarField(field.mapKey)],
        [2, mapValueOf(field)],
      ]);
      return LENGTHS(() => entry);
    }
    case 'list':
      if (field.listKind === 'message') return LENGTHS(() => shapeOf(field.message));
      return listOf(field.listKind === 'enum' ? ScalarType.INT32 : field.scalar);
    case 'enum':
      return scalarField(ScalarType.INT32);
    default:
      return scalarField(field.scalar);
  }
}

function mapValueOf(field: DescField & { fieldKind: 'map' }): Field {
  if (field.mapKind === 'message') return LENGTHS(() => shapeOf(field.message));
  return scalarField(field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar);
}

function scalarField(type: ScalarType): Field {
  const wire = wireOf(type);
  return { wire, packable: false, inside: type === ScalarType.STRING ? 'text' : undefined };
}

function listOf(type: ScalarType): Field {
  if (type === ScalarType.STRING || type === ScalarType.BYTES) return scalarField(type);
  return { wire: wireOf(type), packable: true, inside: LONG.has(type) ? 'long' : 'number' };
}

/** Numbers of 64 bits become objects. */
const LONG: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

function wireOf(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return LENGTH;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED32;
    default:
      return VARINT;
  }
}
