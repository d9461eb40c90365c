// What the contract says of itself, read by reflection. Everything unstated is read in the strict way.
import { type DescField, type DescMethod, getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import {
  Effect,
  effect as effectOption,
  idempotent as idempotentOption,
  may_call as mayCallOption,
  Resource,
  resource as resourceOption,
  Sensitivity,
  sensitivity as sensitivityOption,
  slots as slotsOption,
  type Taint,
  taints as taintsOption,
  tool as toolOption,
} from '../../gen/bowline/policy/v1/options_pb.ts';

/** Reads each descriptor once: an option is decoded anew each time that it is asked for, which took a twelfth of a run. */
function once<D extends object, T>(read: (desc: D) => T): (desc: D) => T {
  const known = new WeakMap<D, { readonly value: T }>();
  return (desc) => {
    let found = known.get(desc);
    if (!found) {
      found = { value: read(desc) };
      known.set(desc, found);
    }
    return found.value;
  };
}

/** The effect of a method; UNSPECIFIED where none is stated. */
export const effectOf: (method: DescMethod) => Effect = once((method) => getOption(method, effectOption));

/** Whether a method may be repeated blindly. */
export const isIdempotent: (method: DescMethod) => boolean = once((method) => getOption(method, idempotentOption));

/** Whether a model may be offered a worker's method as a tool. */
export const isTool: (method: DescMethod) => boolean = once((method) => getOption(method, toolOption));

/** Slots of a worker that one call takes, at least 1. */
export const slotsOf: (method: DescMethod) => number = once((method) => Math.max(getOption(method, slotsOption), 1));

/** Full names of the worker methods that its handler may call. */
export const mayCallOf: (method: DescMethod) => readonly string[] = once((method) => getOption(method, mayCallOption));

/** What its results bring into a run; empty where it is not stated. */
export const taintsOf: (method: DescMethod) => readonly Taint[] = once((method) => getOption(method, taintsOption));

/** Whether a method is of a contract of this project. Of another one its options are claims. */
export const isOwnMethod = (fullName: string): boolean => fullName.startsWith('bowline.');

/** Effects that change nothing: a lost attempt may be repeated, whatever the method says of itself. */
export const isHarmless = (effect: Effect): boolean => effect === Effect.NONE || effect === Effect.READ;

/** What a request field names; UNSPECIFIED where it does not say. */
export const resourceOf: (field: DescField) => Resource = once((field) => getOption(field, resourceOption));

const SAFE_MESSAGES = new Set(['google.protobuf.Timestamp', 'google.protobuf.Duration']);

/**
 * How secret a field is. A string, bytes, map or message of unknown shape without a statement is CONTENT; numbers, bools,
 * enums and times are METADATA. For other messages it is UNSPECIFIED: their fields are judged one by one.
 */
export const sensitivityOf: (field: DescField) => Sensitivity = once(judgeSensitivity);

function judgeSensitivity(field: DescField): Sensitivity {
  if (hasOption(field, sensitivityOption)) {
    const stated = getOption(field, sensitivityOption);
    if (stated !== Sensitivity.UNSPECIFIED) return stated;
  }
  switch (field.fieldKind) {
    case 'scalar':
      return scalarSensitivity(field.scalar);
    case 'enum':
      return Sensitivity.METADATA;
    case 'map':
      return Sensitivity.CONTENT;
    case 'list':
      if (field.listKind === 'scalar') return scalarSensitivity(field.scalar);
      if (field.listKind === 'enum') return Sensitivity.METADATA;
      return messageSensitivity(field.message.typeName);
    case 'message':
      return messageSensitivity(field.message.typeName);
  }
}

function scalarSensitivity(type: ScalarType): Sensitivity {
  return type === ScalarType.STRING || type === ScalarType.BYTES ? Sensitivity.CONTENT : Sensitivity.METADATA;
}

function messageSensitivity(typeName: string): Sensitivity {
  if (SAFE_MESSAGES.has(typeName)) return Sensitivity.METADATA;
  // Every other well-known type can carry anything.
  return typeName.startsWith('google.protobuf.') ? Sensitivity.CONTENT : Sensitivity.UNSPECIFIED;
}

/** Whether an edge may serve a method: it has an effect, and every string of its request says what it names. */
export function servableByEdge(method: DescMethod): boolean {
  if (effectOf(method) === Effect.UNSPECIFIED) return false;
  return method.input.fields.every((field) => !holdsText(field) || resourceOf(field) !== Resource.UNSPECIFIED);
}

function holdsText(field: DescField): boolean {
  switch (field.fieldKind) {
    case 'scalar':
      return field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
    case 'list':
      if (field.listKind === 'message') return field.message.fields.some(holdsText);
      return field.listKind === 'scalar' && (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES);
    case 'map':
      return true;
    case 'message':
      return !SAFE_MESSAGES.has(field.message.typeName) && field.message.fields.some(holdsText);
    default:
      return false;
  }
}
