// Messages with hostile values in every field, made by reflection from a contract: empty, huge, out of range, of no meaning.
import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import type { Random } from './fuzz.ts';

const DEPTH = 5;
const LONG = 5_000;

export interface Hostile {
  /** Also values that have no encoding: for what a sender makes itself. */
  readonly unencodable?: boolean;
  /** Values to use instead, by the name of the field; where the seed wants it. */
  readonly known?: Readonly<Record<string, unknown>>;
}

/** One message; `only` names the case that its oneof has. */
export function hostileMessage<Desc extends DescMessage>(
  desc: Desc,
  random: Random,
  hostile: Hostile = {},
  only?: string,
): MessageShape<Desc> {
  return create(desc, initOf(desc, random, hostile, 0, only) as never);
}

/** The cases of a frame. */
export const casesOf = (desc: DescMessage): string[] =>
  (desc.oneofs.find(({ name }) => name === 'frame')?.fields ?? []).map(({ localName }) => localName);

function initOf(desc: DescMessage, random: Random, hostile: Hostile, depth: number, only?: string): object {
  const init: Record<string, unknown> = {};
  for (const member of desc.members) {
    if (member.kind === 'oneof') init[member.localName] = oneofOf(member, random, hostile, depth, only);
    else if (random.chance(0.75)) init[member.localName] = fieldOf(member, random, hostile, depth);
  }
  return init;
}

function oneofOf(oneof: DescOneof, random: Random, hostile: Hostile, depth: number, only?: string): object {
  const field = oneof.fields.find(({ localName }) => localName === only) ?? random.pick(oneof.fields);
  if (only === undefined && random.chance(0.1)) return { case: undefined };
  return { case: field.localName, value: fieldOf(field, random, hostile, depth) ?? {} };
}

function fieldOf(field: DescField, random: Random, hostile: Hostile, depth: number): unknown {
  const known = hostile.known?.[field.localName];
  if (known !== undefined && field.fieldKind === 'scalar' && random.chance(0.8)) return known;
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar, random, hostile);
    case 'enum':
      return random.pick([0, 1, 2, 99, -1, 2 ** 31 - 1]);
    case 'message':
      return depth >= DEPTH ? undefined : initOf(field.message, random, hostile, depth + 1);
    case 'map':
      return depth >= DEPTH
        ? {}
        : Object.fromEntries(Array.from({ length: random.int(4) }, () => [text(random), text(random)]));
    case 'list': {
      const length = depth >= DEPTH ? 0 : random.chance(0.05) ? 100 : random.int(4);
      return Array.from({ length }, () => {
        if (field.listKind === 'message') return initOf(field.message, random, hostile, depth + 1);
        return field.listKind === 'enum' ? random.int(100) : scalar(field.scalar, random, hostile);
      });
    }
  }
}

function scalar(type: ScalarType, random: Random, hostile: Hostile): unknown {
  const beyond = hostile.unencodable === true && random.chance(0.1);
  switch (type) {
    case ScalarType.STRING:
      return text(random);
    case ScalarType.BYTES:
      return random.bytes(random.pick([0, 1, 16, 32, LONG]));
    case ScalarType.BOOL:
      return random.chance(0.5);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return random.pick([0, -1, 1e300, Number.NaN, Number.POSITIVE_INFINITY, 0.5]);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return beyond
        ? random.pick([2n ** 64n, -1n, 10n ** 20n])
        : random.pick([0n, 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return beyond ? 2n ** 64n : random.pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return beyond ? random.pick([2 ** 32, -1, Number.NaN, 1.5]) : random.pick([0, 1, 2 ** 31, 2 ** 32 - 1]);
    default:
      return beyond ? 2 ** 32 : random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]);
  }
}

function text(random: Random): string {
  const letter = random.pick(['a', '\0', '\ud800', 'é', '図', '👩', '\u202e', '/', ' ', '%', '"', '\n', '\uffff']);
  return letter.repeat(random.pick([0, 1, 2, 64, 300, LONG]));
}
