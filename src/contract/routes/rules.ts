// Routing rules: the tiers of models, cheapest first, when an answer goes one tier up, and which workers are preferred. Read from a file
// that an operator writes. It knows no worker.
import { hash } from 'node:crypto';
import * as v from 'valibot';
import { parseConfig } from '../../base/config-file.ts';
import { TIER_NAME } from './tier-name.ts';
import { UP_REASONS, type UpRule } from './verdict.ts';

/** A tier as the rules have it. */
export interface RouteTier extends UpRule {
  readonly name: string;
  /** As requests to a worker call it; empty: the default of whichever worker has the labels. */
  readonly model: string;
  /** Labels that a worker must have. */
  readonly require: Readonly<Record<string, string>>;
  /** Most time of a turn, the wait for a slot included; 0 is that of the run. */
  readonly afterMs: number;
}

/** Where a question begins, if all that it says is true of it. */
export interface RouteRule {
  readonly tier: string;
  /** Characters. */
  readonly longerThan: number;
  /** One of these stands in it, whatever the case of its letters; empty: anything may. */
  readonly contains: readonly string[];
  /** Name or id of the device that asks; empty for any. */
  readonly device: string;
}

export interface RouteRules {
  /** Cheapest first; at least one. */
  readonly tiers: readonly RouteTier[];
  /** The first that fits counts; without any it is the first tier. */
  readonly rules: readonly RouteRule[];
  /** Labels that are worth something in a worker. */
  readonly prefer: readonly PreferredLabel[];
  /** What it is worth that a worker answered this conversation before. */
  readonly warm: number;
  /** Of what the file says: the same rules have the same. */
  readonly version: string;
}

export interface PreferredLabel {
  readonly label: string;
  readonly value: string;
  readonly weight: number;
}

const tierName = v.pipe(v.string(), v.regex(TIER_NAME, 'a name is at most 32 small letters, digits and -'));
const weight = v.pipe(v.number(), v.minValue(-1000), v.maxValue(1000));
const labelName = v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, 'a label is letters, digits, _, . and -'));
const labelValue = v.pipe(v.string(), v.maxLength(128));

const RoutesSchema = v.strictObject({
  tiers: v.pipe(
    v.array(
      v.strictObject({
        name: tierName,
        model: v.optional(v.pipe(v.string(), v.maxLength(128)), ''),
        require: v.optional(v.record(labelName, labelValue), {}),
        escalate: v.optional(
          v.strictObject({
            below: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0),
            on: v.optional(v.array(v.picklist(UP_REASONS)), ['schema', 'check', 'timeout']),
            after_seconds: v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(3600))),
          }),
        ),
      }),
    ),
    v.minLength(1, 'needs at least one tier'),
    v.maxLength(8, 'has at most 8 tiers'),
  ),
  rules: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          when: v.strictObject({
            longer_than: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
            contains: v.optional(
              v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(200))), v.maxLength(64)),
              [],
            ),
            device: v.optional(v.pipe(v.string(), v.maxLength(128)), ''),
          }),
          tier: tierName,
        }),
      ),
      v.maxLength(64, 'has at most 64 rules'),
    ),
    [],
  ),
  prefer: v.optional(
    v.pipe(v.array(v.strictObject({ label: labelName, value: labelValue, weight })), v.maxLength(64)),
    [],
  ),
  warm: v.optional(weight, 0),
});

/** Judges the text of a file; `file` is only its name in errors. Throws CONFIG_INVALID with line and column. */
export function routeRules(file: string, text: string): RouteRules {
  const { value, fail } = parseConfig(file, text, RoutesSchema);
  const names = value.tiers.map(({ name }) => name);
  for (const [n, { name, escalate }] of value.tiers.entries()) {
    if (names.indexOf(name) !== n) fail(['tiers', n, 'name'], `there are two tiers \`${name}\``);
    if (escalate && n === names.length - 1) fail(['tiers', n, 'escalate'], 'there is no tier above the last one');
  }
  for (const [n, { tier }] of value.rules.entries())
    if (!names.includes(tier)) fail(['rules', n, 'tier'], `there is no tier \`${tier}\`; known: ${names.join(', ')}`);
  return {
    tiers: value.tiers.map(({ name, model, require, escalate }) => ({
      name,
      model,
      require,
      below: escalate?.below ?? 0,
      on: escalate?.on ?? [],
      afterMs: Math.round((escalate?.after_seconds ?? 0) * 1000),
    })),
    rules: value.rules.map(({ tier, when: { longer_than: longerThan, contains, device } }) => ({
      tier,
      longerThan,
      contains,
      device,
    })),
    prefer: value.prefer,
    warm: value.warm,
    version: hash('sha256', JSON.stringify(value)).slice(0, 12),
  };
}

/** A question, as far as rules look at it. */
export interface RoutedAsk {
  readonly text: string;
  readonly device: string;
  readonly deviceName: string;
}

/** The rule that fits, and its number from 0; undefined where none does. */
export function ruleFor({ rules }: RouteRules, ask: RoutedAsk): { rule: RouteRule; number: number } | undefined {
  const text = ask.text.toLowerCase();
  const number = rules.findIndex(
    ({ longerThan, contains, device }) =>
      ask.text.length > longerThan &&
      (contains.length === 0 || contains.some((word) => text.includes(word.toLowerCase()))) &&
      (device === '' || device === ask.device || device === ask.deviceName),
  );
  const rule = rules[number];
  return rule && { rule, number };
}
