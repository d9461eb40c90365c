// An esbuild plugin for the edge's bundle: of buf/validate/validate.proto only the rules that the edge checks
// (src/contract/check.ts). The whole file with its CEL expressions takes 3 MB once it is read. Rules that are left out stay
// unknown fields, which the edge's check ignores anyway.
import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Type, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

const KEPT = new Set([
  ...['FieldRules', 'RepeatedRules', 'EnumRules', 'StringRules', 'BytesRules', 'DoubleRules'],
  ...['Int32Rules', 'Int64Rules', 'UInt32Rules', 'UInt64Rules'],
]);
/** The extension of google.protobuf.FieldOptions that holds the rules of a field. */
const EXTENSION = 'field';

export function slimValidate() {
  return {
    name: 'slim-validate',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]gen[\\/]buf[\\/]validate[\\/]validate_pb\.ts$/ }, ({ path }) => ({
        // Who uses more of it gets an error of esbuild: there is no such export.
        contents: `import { extDesc, fileDesc } from '@bufbuild/protobuf/codegenv2';
          import { file_google_protobuf_descriptor } from '@bufbuild/protobuf/wkt';
          export const file_buf_validate_validate = fileDesc('${slimDescriptor(path)}', [file_google_protobuf_descriptor]);
          export const ${EXTENSION} = extDesc(file_buf_validate_validate, 0);`,
        loader: 'js',
      }));
    },
  };
}

/** The descriptor embedded in generated code, without all that is not kept; base64. */
function slimDescriptor(path) {
  const embedded = /fileDesc\("([A-Za-z0-9+/=]+)"/.exec(readFileSync(path, 'utf8'))?.[1];
  if (embedded === undefined) throw new Error(`there is no descriptor in ${path}`);
  const file = fromBinary(FileDescriptorProtoSchema, Buffer.from(embedded, 'base64'));
  file.messageType = file.messageType.filter(({ name }) => KEPT.has(name));
  file.enumType = [];
  file.extension = file.extension.filter(({ name }) => name === EXTENSION);
  for (const message of file.messageType) {
    message.field = message.field.filter(known);
    message.extensionRange = [];
    message.options = undefined;
  }
  for (const field of [...file.extension, ...file.messageType.flatMap((message) => message.field)])
    field.options = undefined;
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64');
}

function known({ type, typeName }) {
  if (type === FieldDescriptorProto_Type.ENUM) return false;
  return type !== FieldDescriptorProto_Type.MESSAGE || KEPT.has(typeName.split('.').at(-1));
}
