// Masks secrets in the texts of a message, in place. Texts alone, or bytes too: bytes of a frame are messages that were made before.
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import type { Masker } from '../secrets/masker.ts';
import { fieldValue, setValue } from './field-access.ts';

export interface MaskRules {
  readonly bytes: boolean;
}

export function maskMessage(desc: DescMessage, message: Message, masker: Masker, rules: MaskRules): void {
  for (const field of desc.fields) {
    const value = fieldValue(message, field);
    if (value === undefined) continue;
    const masked = maskValue(field, value, masker, rules);
    if (masked !== value) setValue(message, field, masked);
  }
}

function maskValue(field: DescField, value: unknown, masker: Masker, rules: MaskRules): unknown {
  if (typeof value === 'string') return masker.text(value);
  if (value instanceof Uint8Array) return rules.bytes ? masker.bytes(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => maskValue(field, item, masker, rules));
  if (field.message && field.fieldKind !== 'map') maskMessage(field.message, value as Message, masker, rules);
  else if (field.fieldKind === 'map')
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [masker.text(key), maskValue(field, item, masker, rules)]),
    );
  return value;
}
