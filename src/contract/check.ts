// The edge's check of a message against the simple constraints of its contract, by reflection and without CEL, because
// protovalidate costs memory that an edge does not have. It knows required, lengths, ranges, patterns, items and enums.
import { type DescField, type DescMessage, getOption, hasOption, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type FieldRules, field as fieldOption } from '../../gen/buf/validate/validate_pb.ts';
import { AppError } from '../base/errors.ts';

/** Throws INVALID_ARGUMENT that names the first field that breaks a rule, and the rule. */
export function check(schema: DescMessage, message: Message): void {
  walk(reflect(schema, message), schema.typeName);
}

function walk(message: ReflectMessage, where: string): void {
  for (const field of message.fields) {
    const path = `${where}.${field.name}`;
    const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
    if (!message.isSet(field)) {
      if (rules?.required) fail(path, 'is required');
      if (field.fieldKind === 'list' && listRules(rules, 'minItems') > 0n) fail(path, 'needs an item');
      if (rules && field.presence !== 1 && field.fieldKind === 'scalar')
        scalar(field.scalar, message.get(field), rules, path);
      continue;
    }
    one(message, field, rules, path);
  }
}

function one(message: ReflectMessage, field: DescField, rules: FieldRules | undefined, path: string): void {
  switch (field.fieldKind) {
    case 'scalar':
      if (rules) scalar(field.scalar, message.get(field), rules, path);
      return;
    case 'enum':
      if (rules)
        enumeration(
          field.enum.values.map((v) => v.number),
          message.get(field) as number,
          rules,
          path,
        );
      return;
    case 'message':
      if (!field.message.typeName.startsWith('google.protobuf.')) walk(message.get(field), path);
      return;
    case 'list': {
      const list = message.get(field);
      const max = listRules(rules, 'maxItems');
      if (BigInt(list.size) < listRules(rules, 'minItems')) fail(path, 'has too few items');
      if (max > 0n && BigInt(list.size) > max) fail(path, `has more than ${max} items`);
      const items = rules?.type.case === 'repeated' ? rules.type.value.items : undefined;
      let index = 0;
      for (const item of list) {
        const at = `${path}[${index++}]`;
        if (field.listKind === 'message') walk(item as ReflectMessage, at);
        else if (field.listKind === 'scalar' && items) scalar(field.scalar, item, items, at);
      }
      return;
    }
    default:
      return;
  }
}

function listRules(rules: FieldRules | undefined, name: 'minItems' | 'maxItems'): bigint {
  return rules?.type.case === 'repeated' ? rules.type.value[name] : 0n;
}

function scalar(type: ScalarType, value: unknown, rules: FieldRules, path: string): void {
  const { case: kind, value: rule } = rules.type;
  if (kind === 'string' && type === ScalarType.STRING) {
    const text = value as string;
    if (rule.minLen > 0n && BigInt([...text].length) < rule.minLen) fail(path, `is shorter than ${rule.minLen}`);
    if (rule.maxLen > 0n && BigInt(text.length) > rule.maxLen && BigInt([...text].length) > rule.maxLen)
      fail(path, `is longer than ${rule.maxLen}`);
    if (rule.maxBytes > 0n && BigInt(Buffer.byteLength(text)) > rule.maxBytes)
      fail(path, `has more than ${rule.maxBytes} bytes`);
    if (rule.pattern !== '' && !new RegExp(rule.pattern, 'u').test(text))
      fail(path, `has the wrong form; it must match ${rule.pattern}`);
  } else if (kind === 'bytes' && type === ScalarType.BYTES) {
    const size = BigInt((value as Uint8Array).length);
    if (rule.minLen > 0n && size < rule.minLen) fail(path, `is shorter than ${rule.minLen} bytes`);
    if (rule.maxLen > 0n && size > rule.maxLen) fail(path, `is longer than ${rule.maxLen} bytes`);
    if (rule.len > 0n && size !== rule.len) fail(path, `is not ${rule.len} bytes long`);
  } else if (kind === 'uint32' || kind === 'int32' || kind === 'uint64' || kind === 'int64' || kind === 'double') {
    const n = value as number | bigint;
    const { greaterThan: low, lessThan: high } = rule;
    if (low.case === 'gte' && n < low.value) fail(path, `is less than ${low.value}`);
    if (low.case === 'gt' && n <= low.value) fail(path, `is not more than ${low.value}`);
    if (high.case === 'lte' && n > high.value) fail(path, `is more than ${high.value}`);
    if (high.case === 'lt' && n >= high.value) fail(path, `is not less than ${high.value}`);
  }
}

function enumeration(known: number[], value: number, rules: FieldRules, path: string): void {
  if (rules.type.case !== 'enum') return;
  if (rules.type.value.definedOnly && !known.includes(value)) fail(path, 'has a value that this version does not know');
  if (rules.type.value.notIn.includes(value)) fail(path, 'is not set');
}

function fail(path: string, what: string): never {
  throw new AppError('INVALID_ARGUMENT', { what: `${path} ${what}` });
}
