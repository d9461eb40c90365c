// Owns third_party/proto/buf/validate/validate.proto: prints it from the descriptor embedded in @bufbuild/protovalidate.
// Must not hold rules of its own; the package is the source, and test/tooling compares the file with what this prints.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  FieldDescriptorProto_Label as Label,
  FieldOptions_OptionTargetType as Target,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import {
  file_buf_validate_validate as file,
  predefined,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'third_party/proto/buf/validate/validate.proto');

const SCALARS = {
  [Type.DOUBLE]: 'double',
  [Type.FLOAT]: 'float',
  [Type.INT64]: 'int64',
  [Type.UINT64]: 'uint64',
  [Type.INT32]: 'int32',
  [Type.FIXED64]: 'fixed64',
  [Type.FIXED32]: 'fixed32',
  [Type.BOOL]: 'bool',
  [Type.STRING]: 'string',
  [Type.BYTES]: 'bytes',
  [Type.UINT32]: 'uint32',
  [Type.SFIXED32]: 'sfixed32',
  [Type.SFIXED64]: 'sfixed64',
  [Type.SINT32]: 'sint32',
  [Type.SINT64]: 'sint64',
};

/** The file's whole text, ending in a newline. */
export function printValidateProto() {
  const proto = file.proto;
  if (proto.syntax !== '' && proto.syntax !== 'proto2') throw new Error(`cannot print syntax ${proto.syntax}`);
  const out = [
    ...licence(),
    '',
    '// Printed by scripts/print-validate-proto.mjs from the descriptor in @bufbuild/protovalidate. Do not edit.',
    '',
    'syntax = "proto2";',
    '',
    `package ${proto.package};`,
    '',
    ...proto.dependency.map((path) => `import "${path}";`),
    '',
    `option go_package = ${text(proto.options.goPackage)};`,
    `option java_multiple_files = ${proto.options.javaMultipleFiles};`,
    `option java_outer_classname = ${text(proto.options.javaOuterClassname)};`,
    `option java_package = ${text(proto.options.javaPackage)};`,
  ];
  for (const extension of file.extensions) {
    out.push('', `extend ${extension.extendee.typeName} {`, `  ${field(extension)}`, '}');
  }
  for (const desc of file.messages) out.push('', ...message(desc, ''));
  for (const desc of file.enums) out.push('', ...enumeration(desc, ''));
  return `${out.join('\n')}\n`;
}

/** The licence header that the package itself carries. */
function licence() {
  const generated = createRequire(import.meta.url).resolve('@bufbuild/protovalidate/gen/buf/validate/validate_pb.js');
  const lines = [];
  for (const line of readFileSync(generated, 'utf8').split('\n')) {
    if (line.startsWith('//')) lines.push(line);
    else if (lines.length > 0) break;
  }
  return lines;
}

function message(desc, indent) {
  const inner = `${indent}  `;
  const body = [];
  const printed = new Set();
  for (const member of desc.fields) {
    if (printed.has(member)) continue;
    if (member.oneof === undefined) {
      body.push(`${inner}${field(member)}`);
      continue;
    }
    body.push(`${inner}oneof ${member.oneof.name} {`);
    for (const choice of member.oneof.fields) {
      body.push(`${inner}  ${field(choice)}`);
      printed.add(choice);
    }
    body.push(`${inner}}`);
  }
  for (const range of desc.proto.reservedRange) body.push(`${inner}reserved ${span(range.start, range.end)};`);
  for (const name of desc.proto.reservedName) body.push(`${inner}reserved ${text(name)};`);
  for (const range of desc.proto.extensionRange) body.push(`${inner}extensions ${span(range.start, range.end)};`);
  for (const nested of desc.nestedMessages) if (!nested.proto.options?.mapEntry) body.push(...message(nested, inner));
  for (const nested of desc.nestedEnums) body.push(...enumeration(nested, inner));
  return [`${indent}message ${desc.name} {`, ...body, `${indent}}`];
}

function enumeration(desc, indent) {
  const reserved = desc.proto.reservedRange.map((range) => `${indent}  reserved ${span(range.start, range.end + 1)};`);
  return [
    `${indent}enum ${desc.name} {`,
    ...desc.values.map((value) => `${indent}  ${value.name} = ${value.number};`),
    ...reserved,
    ...desc.proto.reservedName.map((name) => `${indent}  reserved ${text(name)};`),
    `${indent}}`,
  ];
}

function field(desc) {
  const proto = desc.proto;
  const scalar = SCALARS[proto.type];
  const type = scalar ?? proto.typeName;
  const label =
    desc.oneof !== undefined
      ? ''
      : { [Label.OPTIONAL]: 'optional ', [Label.REQUIRED]: 'required ', [Label.REPEATED]: 'repeated ' }[proto.label];
  const map = desc.fieldKind === 'map';
  const options = fieldOptions(desc);
  return `${map ? mapType(desc) : label + type} ${desc.name} = ${desc.number}${options};`;
}

function mapType(desc) {
  const value = desc.message?.typeName ?? desc.enum?.typeName ?? ScalarType[desc.scalar].toLowerCase();
  return `map<${ScalarType[desc.mapKey].toLowerCase()}, ${value}>`;
}

function fieldOptions(desc) {
  const options = desc.proto.options;
  const parts = [];
  if (desc.proto.defaultValue !== '') parts.push(`default = ${desc.proto.defaultValue}`);
  if (options === undefined) return '';
  if (options.deprecated) parts.push('deprecated = true');
  if (Object.hasOwn(options, 'packed')) parts.push(`packed = ${options.packed}`);
  for (const kind of options.targets) parts.push(`targets = TARGET_TYPE_${Target[kind]}`);
  if (hasOption(desc, predefined))
    parts.push(`(predefined) = ${literal(predefined.message, getOption(desc, predefined))}`);
  const known = parts.length > 0 ? 1 : 0;
  if ((options.$unknown ?? []).length > known) throw new Error(`${desc.toString()} has an option this cannot print`);
  return parts.length === 0 ? '' : ` [${parts.join(', ')}]`;
}

/** A message value in the text format that protoc accepts for an option. */
function literal(schema, value) {
  const view = reflect(schema, value);
  const parts = [];
  for (const member of schema.fields) {
    if (!view.isSet(member)) continue;
    const raw = view.get(member);
    const values = member.fieldKind === 'list' ? [...raw] : [raw];
    for (const one of values) {
      if (member.message !== undefined) parts.push(`${member.name}: ${literal(member.message, one.message)}`);
      else if (typeof one === 'string') parts.push(`${member.name}: ${text(one)}`);
      else parts.push(`${member.name}: ${String(one)}`);
    }
  }
  return `{ ${parts.join(' ')} }`;
}

/** A half-open range in the words of the language. */
function span(start, end) {
  if (end > 0x1fffffff) return `${start} to max`;
  return end - start === 1 ? `${start}` : `${start} to ${end - 1}`;
}

function text(value) {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--stdout')) process.stdout.write(printValidateProto());
  else writeFileSync(target, printValidateProto());
}
