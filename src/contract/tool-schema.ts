// JSON Schema (draft 2020-12) of a request message, with descriptions from the contract's comments: what a language model
// sees as a tool, and what the CLI prints as help.
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { field as fieldOption } from '../../gen/buf/validate/validate_pb.ts';
import { comments } from '../../gen/comments.ts';

export type JsonSchema = { [key: string]: unknown };

/** Schema of the request of a method. Field names are those of protobuf JSON (lowerCamelCase). */
export const requestSchema = (method: DescMethod): JsonSchema => messageSchema(method.input, 4);

/** What the contract's comment says of a method. */
export const methodDescription = (method: DescMethod): string =>
  comments[`${method.parent.typeName}.${method.name}`] ?? '';

function messageSchema(message: DescMessage, depth: number): JsonSchema {
  if (message.typeName === 'google.protobuf.Duration') return { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]+)?s$' };
  if (message.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
  if (depth === 0 || message.typeName.startsWith('google.protobuf.')) return { type: 'object' };
  const required = message.fields.filter(isRequired).map((field) => field.jsonName);
  return {
    type: 'object',
    properties: Object.fromEntries(message.fields.map((field) => [field.jsonName, described(field, depth)])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function described(field: DescField, depth: number): JsonSchema {
  const description = comments[`${field.parent.typeName}.${field.name}`];
  return { ...fieldSchema(field, depth), ...(description ? { description } : {}) };
}

function fieldSchema(field: DescField, depth: number): JsonSchema {
  switch (field.fieldKind) {
    case 'scalar':
      return { ...scalarSchema(field.scalar), ...lengths(field) };
    case 'enum':
      return enumSchema(field.enum);
    case 'message':
      return messageSchema(field.message, depth - 1);
    case 'map':
      return { type: 'object', additionalProperties: field.mapKind === 'scalar' ? scalarSchema(field.scalar) : true };
    case 'list':
      if (field.listKind === 'message') return { type: 'array', items: messageSchema(field.message, depth - 1) };
      return { type: 'array', items: field.listKind === 'enum' ? enumSchema(field.enum) : scalarSchema(field.scalar) };
  }
}

const enumSchema = (desc: DescEnum): JsonSchema => ({ type: 'string', enum: desc.values.map((value) => value.name) });

function scalarSchema(type: ScalarType): JsonSchema {
  switch (type) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0 };
    default:
      return { type: 'integer' };
  }
}

function lengths(field: DescField): JsonSchema {
  const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption).type : undefined;
  if (rules?.case !== 'string') return {};
  const { minLen, maxLen } = rules.value;
  return {
    ...(minLen > 0n ? { minLength: Number(minLen) } : {}),
    ...(maxLen > 0n ? { maxLength: Number(maxLen) } : {}),
  };
}

function isRequired(field: DescField): boolean {
  if (!hasOption(field, fieldOption)) return false;
  const rules = getOption(field, fieldOption);
  return rules.required || (rules.type.case === 'repeated' && rules.type.value.minItems > 0n);
}
