// What the gate does with each field of a message, compiled once per descriptor. Fails closed: what is not plainly
// harmless by its descriptor is CONTENT.
import { type DescField, type DescMessage, getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { field as validateField } from '../../../gen/buf/validate/validate_pb.ts';
import { sensitivityOf } from '../../contract/policy.ts';
import { REVIEWED } from './reviewed.ts';

/**
 * `pass`: leaves. `walk`: its own fields are judged. `name`, `content`: by rule. `text` is METADATA in words:
 * leaves when it is not longer than `maxLen`.
 */
export type Action = 'pass' | 'walk' | 'text' | 'name' | 'content';

export interface FieldPlan {
  readonly field: DescField;
  readonly action: Action;
  /** Longest text in characters (bytes for bytes) that `text` lets pass. */
  readonly maxLen: number;
  /** Whether it holds text or bytes: listed one by one when withheld, numbers only once per field. */
  readonly wordy: boolean;
}

const plans = new WeakMap<DescMessage, readonly FieldPlan[]>();

/** The plan of a message, in the order of its fields. Deprecated ones have none: they never leave. */
export function planOf(desc: DescMessage): readonly FieldPlan[] {
  let plan = plans.get(desc);
  if (!plan) {
    plan = desc.fields.filter((field) => !field.proto.options?.deprecated).map(planField);
    plans.set(desc, plan);
  }
  return plan;
}

function planField(field: DescField): FieldPlan {
  const maxLen = maxLenOf(field);
  return { field, action: actionOf(field, maxLen), maxLen, wordy: isWordy(field) };
}

function actionOf(field: DescField, maxLen: number): Action {
  const sensitivity = sensitivityOf(field);
  const text = isText(field);
  switch (sensitivity) {
    case Sensitivity.METADATA:
      if (text) return maxLen > 0 && REVIEWED.has(`${field.parent.typeName}.${field.name}`) ? 'text' : 'content';
      if (field.fieldKind === 'map') return 'content';
      return isMessage(field) ? 'walk' : 'pass';
    case Sensitivity.NAME:
      if (text) return 'name';
      return isMessage(field) ? 'walk' : 'content';
    case Sensitivity.UNSPECIFIED:
      return isMessage(field) ? 'walk' : 'content';
    default:
      return 'content';
  }
}

const isMessage = (field: DescField): boolean =>
  field.fieldKind === 'message' || (field.fieldKind === 'list' && field.listKind === 'message');

function isText(field: DescField): boolean {
  if (field.fieldKind !== 'scalar' && !(field.fieldKind === 'list' && field.listKind === 'scalar')) return false;
  return field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
}

const isWordy = (field: DescField): boolean => isText(field) || isMessage(field) || field.fieldKind === 'map';

/** `max_len` of the field, or of its items; 0 without one. */
export function maxLenOf(field: DescField): number {
  if (!hasOption(field, validateField)) return 0;
  const rules = getOption(field, validateField);
  const own = rules.type.case === 'repeated' ? rules.type.value.items?.type : rules.type;
  return own?.case === 'string' || own?.case === 'bytes' ? Number(own.value.maxLen) : 0;
}

/** Whether a text, some bytes or each of several keeps to a length in characters or bytes. */
export function fits(value: unknown, maxLen: number): boolean {
  if (Array.isArray(value)) return value.every((item) => fits(item, maxLen));
  if (typeof value === 'string') return value.length <= maxLen || [...value].length <= maxLen;
  return value instanceof Uint8Array && value.length <= maxLen;
}
