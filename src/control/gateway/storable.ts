// What no database keeps in a text: NUL, and half of a code point. A request of the public API that holds one is refused by the
// name of its field, before anything of it reaches a statement. Texts of capabilities pass: they travel as bytes.
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AppError } from '../../base/errors.ts';

/** Throws INVALID_ARGUMENT. */
export function mustBeStorable(schema: DescMessage, message: Message): void {
  if (!/^bowline\.(?!capability\.)/.test(schema.typeName)) return;
  walk(reflect(schema, message), schema.typeName);
}

function walk(message: ReflectMessage, where: string): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const path = `${where}.${field.name}`;
    if (field.fieldKind === 'scalar' || field.fieldKind === 'enum') text(message.get(field), path);
    else if (field.fieldKind === 'message') walk(message.get(field), path);
    else if (field.fieldKind === 'list') for (const item of message.get(field)) value(field.listKind, item, path);
    else
      for (const [key, item] of message.get(field)) {
        text(key, path);
        value(field.mapKind, item, path);
      }
  }
}

const value = (kind: string, item: unknown, path: string): void =>
  kind === 'message' ? walk(item as ReflectMessage, path) : text(item, path);

function text(item: unknown, path: string): void {
  if (typeof item !== 'string' || (!item.includes('\0') && item.isWellFormed())) return;
  throw new AppError('INVALID_ARGUMENT', { what: `${path} holds a NUL or half of a character, which cannot be kept` });
}
