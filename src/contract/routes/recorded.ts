// What routing rules would come to on a recorded set of questions: cost, share of right answers, escalations. Pure; it asks no model.
import * as v from 'valibot';
import { AppError } from '../../base/errors.ts';
import { type RouteRules, type RouteTier, ruleFor } from './rules.ts';
import { type TurnEnd, type UpReason, whyUp } from './verdict.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const AnswerSchema = v.strictObject({
  /** What it came to when it was recorded. Whether it is late the rules say, by its time. */
  end: v.picklist(['whole', 'unread', 'flawed', 'failed']),
  text: v.optional(v.string(), ''),
  confidence: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  input_tokens: count,
  output_tokens: count,
  ms: count,
});

const price = v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000));

const HeadSchema = v.strictObject({
  /** Where the answers are from, for people. */
  about: v.string(),
  /** Of a million tokens, by tier. */
  prices: v.record(v.string(), v.strictObject({ input: price, output: price })),
});

const CaseSchema = v.strictObject({
  id: v.string(),
  kind: v.optional(v.string(), ''),
  question: v.string(),
  expected: v.string(),
  tiers: v.record(v.string(), AnswerSchema),
});

export type RecordedAnswer = v.InferOutput<typeof AnswerSchema>;
export type RecordedCase = v.InferOutput<typeof CaseSchema>;
export type RecordedHead = v.InferOutput<typeof HeadSchema>;

export interface RecordedSet extends RecordedHead {
  readonly cases: readonly RecordedCase[];
}

/** Reads a set: JSON lines, the first with `about` and `prices`, then one for each question. Throws USAGE with the line. */
export function recordedSet(text: string): RecordedSet {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const read = <S extends v.GenericSchema>(schema: S, line: string, number: number): v.InferOutput<S> => {
    const problem = (what: string) => new AppError('USAGE', { what: `line ${number} of the recorded set ${what}` });
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw problem('is no JSON');
    }
    const judged = v.safeParse(schema, value);
    if (judged.success) return judged.output;
    const [issue] = judged.issues;
    throw problem(`does not fit: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
  };
  const [head = '{}', ...rest] = lines;
  const cases = rest.map((line, index) => read(CaseSchema, line, index + 2));
  if (cases.length === 0) throw new AppError('USAGE', { what: 'the recorded set has no questions' });
  return { ...read(HeadSchema, head, 1), cases };
}

/** What one way to answer the set came to. */
export interface SetScore {
  readonly name: string;
  readonly right: number;
  readonly cases: number;
  /** Millionths. */
  readonly micros: number;
  /** Of a question, from its asking to its answer. */
  readonly meanMs: number;
  readonly p95Ms: number;
  readonly escalations: Readonly<Partial<Record<UpReason, number>>>;
}

/** The set answered by each tier alone, and by the rules. Throws USAGE where it has no answers of a tier. */
export function scoreSet(set: RecordedSet, rules: RouteRules): SetScore[] {
  const alone = rules.tiers.map((tier) => {
    const own: RouteRules = { ...rules, tiers: [{ ...tier, below: 0, on: [], afterMs: 0 }], rules: [] };
    return score(set, own, `always ${tier.name}`);
  });
  return [...alone, score(set, rules, 'by the rules')];
}

interface Answered {
  readonly isRight: boolean;
  readonly micros: number;
  readonly ms: number;
  readonly ups: readonly UpReason[];
}

function score(set: RecordedSet, rules: RouteRules, name: string): SetScore {
  const all = set.cases.map((each) => answer(set, rules, each));
  const times = all.map(({ ms }) => ms).sort((a, b) => a - b);
  const escalations: Partial<Record<UpReason, number>> = {};
  for (const { ups } of all) for (const why of ups) escalations[why] = (escalations[why] ?? 0) + 1;
  return {
    name,
    right: all.filter(({ isRight }) => isRight).length,
    cases: all.length,
    micros: Math.round(all.reduce((sum, { micros }) => sum + micros, 0)),
    meanMs: Math.round(times.reduce((sum, ms) => sum + ms, 0) / times.length),
    p95Ms: times[Math.ceil(times.length * 0.95) - 1] ?? 0,
    escalations,
  };
}

/** One question, as a run would be decided: from its first tier upward, and the last whole answer wins. */
function answer(set: RecordedSet, rules: RouteRules, each: RecordedCase): Answered {
  const first = ruleFor(rules, { text: each.question, device: '', deviceName: '' })?.rule.tier ?? rules.tiers[0]?.name;
  const begin = Math.max(
    rules.tiers.findIndex(({ name }) => name === first),
    0,
  );
  let micros = 0;
  let ms = 0;
  let best: string | undefined;
  const ups: UpReason[] = [];
  for (const [above, tier] of rules.tiers.slice(begin).entries()) {
    const { answer: said, end } = recorded(set, tier, each);
    micros += costOf(set, tier, said);
    ms += end.kind === 'late' ? tier.afterMs : said.ms;
    if (end.kind === 'whole') best = said.text;
    const isLast = begin + above === rules.tiers.length - 1;
    const why = isLast ? undefined : whyUp(end, tier);
    if (!why) break;
    ups.push(why);
  }
  return { isRight: best !== undefined && isSame(best, each.expected), micros, ms, ups };
}

/** A late answer is paid for, but is none. */
function recorded(
  { cases }: RecordedSet,
  { name, afterMs }: RouteTier,
  { id, tiers }: RecordedCase,
): { answer: RecordedAnswer; end: TurnEnd } {
  const said = tiers[name];
  if (!said) {
    const known = [...new Set(cases.flatMap((each) => Object.keys(each.tiers)))].join(', ');
    throw new AppError('USAGE', {
      what: `the recorded set has no answer of the tier ${name} to ${id}; it has: ${known}`,
    });
  }
  if (afterMs > 0 && said.ms > afterMs) return { answer: said, end: { kind: 'late' } };
  return { answer: said, end: { kind: said.end, confidence: said.confidence } };
}

function costOf({ prices }: RecordedSet, { name }: RouteTier, said: RecordedAnswer): number {
  const { input, output } = prices[name] ?? { input: 0, output: 0 };
  return said.input_tokens * input + said.output_tokens * output;
}

const isSame = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();
