// Says of a message that it surely keeps the rules of its contract, where those are plain: lengths and counts, bounds of numbers, UUIDs, choices that must
// be made. What it is not sure of, protovalidate judges. It is compiled once for each message, and makes nothing while it looks.
import { type DescField, type DescMessage, getOption, hasOption, type Message } from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as fieldOption,
  message as messageOption,
  oneof as oneofOption,
  type StringRules,
  type UInt32Rules,
  type UInt64Rules,
} from '../../gen/buf/validate/validate_pb.ts';

type Holder = Record<string, unknown>;
/** Whether it surely keeps its rules. */
type Look = (value: unknown) => boolean;

const looks = new WeakMap<DescMessage, Look>();

/** False where it breaks a rule, and where that cannot be said. */
export const surelyKeepsRules = (schema: DescMessage, message: Message): boolean => lookOf(schema)(message);

function lookOf(schema: DescMessage): Look {
  let look = looks.get(schema);
  if (!look) {
    // A message may hold another of its kind.
    looks.set(schema, (value) => lookOf(schema)(value));
    look = compiled(schema);
    looks.set(schema, look);
  }
  return look;
}

function compiled(schema: DescMessage): Look {
  if (hasOption(schema, messageOption)) return unsure;
  const parts: ((message: Holder) => boolean)[] = [];
  for (const oneof of schema.oneofs) {
    const cases = new Map<string, Look>();
    for (const field of oneof.fields) cases.set(field.localName, fieldLook(field) ?? sure);
    const required = hasOption(oneof, oneofOption);
    parts.push((message) => {
      const choice = message[oneof.localName] as { readonly case?: string; readonly value?: unknown };
      return choice.case === undefined ? !required : (cases.get(choice.case) ?? unsure)(choice.value);
    });
  }
  for (const field of schema.fields) {
    const look = field.oneof ? undefined : fieldLook(field);
    if (look) parts.push((message) => look(message[field.localName]));
  }
  return (value) => {
    for (const part of parts) if (!part(value as Holder)) return false;
    return true;
  };
}

/** Of one field, whatever it holds; undefined where anything will do. */
function fieldLook(field: DescField): Look | undefined {
  const rules = hasOption(field, fieldOption) ? rulesLook(getOption(field, fieldOption)) : undefined;
  const inside = insideLook(field);
  if (!rules || !inside) return rules ?? inside;
  return (value) => rules(value) && inside(value);
}

function insideLook(field: DescField): Look | undefined {
  if (field.fieldKind === 'message') {
    const look = lookOf(field.message);
    return (value) => value === undefined || look(value);
  }
  if (field.fieldKind === 'list' && field.listKind === 'message') {
    const look = lookOf(field.message);
    return (value) => (value as unknown[]).every(look);
  }
  if (field.fieldKind === 'map' && field.mapKind === 'message') return (value) => isEmpty(value as object);
  return undefined;
}

function rulesLook(rules: FieldRules): Look {
  if (!only(rules, ['type', 'required'])) return unsure;
  const { type, required } = rules;
  // Whether a number or a text that must be there is there, depends on how its field is kept.
  if (required) return type.case === undefined ? (value) => typeof value === 'object' && value !== null : unsure;
  switch (type.case) {
    case undefined:
      return sure;
    case 'string':
      return textLook(type.value);
    case 'bytes': {
      const most = Number(type.value.maxLen);
      return only(type.value, ['maxLen']) ? (value) => value === undefined || lengthOf(value) <= most : unsure;
    }
    case 'repeated': {
      const most = Number(type.value.maxItems);
      return only(type.value, ['maxItems']) ? (value) => (value as unknown[]).length <= most : unsure;
    }
    case 'uint32':
    case 'uint64': {
      return only(type.value, ['greaterThan', 'lessThan']) ? numberLook(type.value) : unsure;
    }
    default:
      return unsure;
  }
}

function numberLook({ greaterThan: least, lessThan: most }: UInt32Rules | UInt64Rules): Look {
  // Where the least is above the most, the rule means what lies outside.
  if (least.case !== undefined && most.case !== undefined && least.value >= most.value) return unsure;
  return (value) => {
    if (value === undefined) return true;
    const number = value as number | bigint;
    const isLeast = least.case === undefined || (least.case === 'gt' ? number > least.value : number >= least.value);
    return isLeast && (most.case === undefined || (most.case === 'lt' ? number < most.value : number <= most.value));
  };
}

const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** A unit of UTF-16 is at most one letter and at least half of one, and at most three bytes. */
function textLook(rules: StringRules): Look {
  if (!only(rules, ['minLen', 'maxLen', 'maxBytes', 'wellKnown'])) return unsure;
  const has = (name: 'maxLen' | 'maxBytes') => Object.hasOwn(rules, name);
  const most = has('maxLen') ? Number(rules.maxLen) : Number.POSITIVE_INFINITY;
  const mostBytes = has('maxBytes') ? Number(rules.maxBytes) : Number.POSITIVE_INFINITY;
  const least = Number(rules.minLen);
  const { wellKnown } = rules;
  if (wellKnown.case !== undefined && !(wellKnown.case === 'uuid' && wellKnown.value)) return unsure;
  const isUuid = wellKnown.case === 'uuid';
  return (value) => {
    if (value === undefined) return true;
    const length = lengthOf(value);
    if (length > most || 3 * length > mostBytes || Math.ceil(length / 2) < least) return false;
    return !isUuid || UUID.test(value as string);
  };
}

const lengthOf = (value: unknown): number => (value as string | Uint8Array).length;

/** Whether nothing else is stated. */
function only(rules: Message, names: readonly string[]): boolean {
  return Object.entries(rules as object).every(([name, value]: [string, unknown]) => {
    if (name === '$typeName' || names.includes(name)) return true;
    if (Array.isArray(value)) return value.length === 0;
    return typeof value === 'object' && value !== null && 'case' in value && value.case === undefined;
  });
}

function isEmpty(map: object): boolean {
  for (const _ in map) return false;
  return true;
}

const sure = () => true;
const unsure = () => false;
