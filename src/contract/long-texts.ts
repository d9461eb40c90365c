// Judges the lengths of long texts by their contract, natively: protovalidate counts letter by letter, which takes a tenth of a second
// for a text of 8 MiB. What was judged is out of the way while it judges the rest.
import { type DescField, type DescMessage, getOption, hasOption, type Message } from '@bufbuild/protobuf';
import { field as fieldOption, type StringRules } from '../../gen/buf/validate/validate_pb.ts';

/** Letters of a text that is long. */
const LONG = 32_768;
const LENGTHS: ReadonlySet<string> = new Set(['minLen', 'maxLen', 'minBytes', 'maxBytes']);

type Holder = Record<string | number, unknown>;
interface LongText {
  readonly holder: Holder;
  readonly key: string | number;
  readonly text: string;
  readonly field: DescField;
  readonly rules: StringRules;
}

/** Runs `judge` without the long texts that keep their rules; words for the first that does not. Leaves the message as it was. */
export function withoutLongTexts<T>(schema: DescMessage, message: Message, judge: () => T): T | string {
  const found: LongText[] = [];
  find(schema, message as unknown as Holder, found);
  for (const each of found) {
    const problem = problemOf(each);
    if (problem !== undefined) return `${schema.typeName}: ${each.field.parent.name}.${each.field.name}: ${problem}`;
  }
  try {
    for (const { holder, key, text } of found) holder[key] = text.slice(0, 1);
    return judge();
  } finally {
    for (const { holder, key, text } of found) holder[key] = text;
  }
}

/** A field that may hold a long text, or a message that does. */
interface Step {
  readonly field: DescField;
  /** Of its text, or of the texts of its list. */
  readonly rules: StringRules | undefined;
  readonly inside: DescMessage | undefined;
}

/** By message: only what may hold one is looked at in a message that comes. */
const plans = new WeakMap<DescMessage, readonly Step[]>();

function find(schema: DescMessage, message: Holder, found: LongText[]): void {
  for (const { field, rules, inside } of planOf(schema)) {
    const choice = field.oneof && (message[field.oneof.localName] as Holder);
    if (choice && choice.case !== field.localName) continue;
    const [holder, key] = choice ? [choice, 'value'] : [message, field.localName];
    const value = holder[key];
    if (value === undefined) continue;
    if (field.fieldKind !== 'list') {
      if (inside) find(inside, value as Holder, found);
      else gather(holder, key, field, rules, found);
      continue;
    }
    const list = value as Holder & ArrayLike<unknown>;
    for (let at = 0; at < list.length; at++)
      if (inside) find(inside, list[at] as Holder, found);
      else gather(list, at, field, rules, found);
  }
}

function planOf(schema: DescMessage): readonly Step[] {
  let plan = plans.get(schema);
  if (!plan) {
    plan = mayHoldText(schema, new Set()) ? schema.fields.flatMap(stepOf) : [];
    plans.set(schema, plan);
  }
  return plan;
}

function stepOf(field: DescField): Step[] {
  const inside = insideOf(field);
  if (inside) return mayHoldText(inside, new Set()) ? [{ field, rules: undefined, inside }] : [];
  const rules = field.fieldKind === 'list' ? itemRulesOf(field) : rulesOf(field);
  return rules ? [{ field, rules, inside: undefined }] : [];
}

function insideOf(field: DescField): DescMessage | undefined {
  const message =
    field.fieldKind === 'message' || (field.fieldKind === 'list' && field.listKind === 'message')
      ? field.message
      : undefined;
  return message?.typeName.startsWith('google.protobuf.') ? undefined : message;
}

/** Whether there is a text that is judged here in a message, or in one inside of it; each is asked once. */
function mayHoldText(schema: DescMessage, asked: Set<DescMessage>): boolean {
  if (asked.has(schema)) return false;
  asked.add(schema);
  return schema.fields.some((field) => {
    const inside = insideOf(field);
    return inside
      ? mayHoldText(inside, asked)
      : (field.fieldKind === 'list' ? itemRulesOf : rulesOf)(field) !== undefined;
  });
}

function gather(
  holder: Holder,
  key: string | number,
  field: DescField,
  rules: StringRules | undefined,
  found: LongText[],
) {
  const text = holder[key];
  // Only lengths are judged here, and a text of one letter must keep them too.
  if (rules && typeof text === 'string' && text.length > LONG && rules.minLen <= 1n && rules.minBytes <= 1n)
    found.push({ holder, key, text, field, rules });
}

function problemOf({ text, rules }: LongText): string | undefined {
  if (rules.maxBytes > 0n && Buffer.byteLength(text) > rules.maxBytes) return `must be at most ${rules.maxBytes} bytes`;
  if (rules.maxLen > 0n && BigInt(text.length) > rules.maxLen && BigInt(lettersOf(text)) > rules.maxLen)
    return `must be at most ${rules.maxLen} characters`;
  return undefined;
}

/** A pair is one. */
function lettersOf(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length; at++) {
    const letter = text.charCodeAt(at);
    if (letter >= 0xd800 && letter < 0xdc00) count--;
  }
  return count;
}

function rulesOf(field: DescField): StringRules | undefined {
  const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
  return rules?.type.case === 'string' && rules.cel.length === 0 ? lengthsAlone(rules.type.value) : undefined;
}

function itemRulesOf(field: DescField): StringRules | undefined {
  const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
  const items = rules?.type.case === 'repeated' ? rules.type.value.items : undefined;
  return items?.type.case === 'string' && items.cel.length === 0 ? lengthsAlone(items.type.value) : undefined;
}

/** The rules, if they are of nothing else than lengths. */
function lengthsAlone(rules: StringRules): StringRules | undefined {
  const others = Object.entries(rules).filter(([name, value]) => {
    if (name.startsWith('$') || LENGTHS.has(name)) return false;
    if (Array.isArray(value)) return value.length > 0;
    return !(typeof value === 'object' && value !== null && (value as { case?: unknown }).case === undefined);
  });
  return others.length === 0 ? rules : undefined;
}
