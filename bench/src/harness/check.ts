// Ratios beside those of an earlier time, so that nothing gets slower unseen. Only ratios: they carry over to other machines, times do
// not. Pure.
import { higherIsBetter, type Row, ratio, reference } from './measure.ts';
import { median, spread } from './stats.ts';

/** What one row was, in one or more runs. */
export interface ReferenceRatio {
  /** Of each run, the oldest first. */
  readonly ratios: readonly number[];
  /** The largest that the rounds of one of these runs had. */
  readonly spread: number;
  /** Of the last run. */
  readonly date: string;
  readonly machine: string;
}

/** By `rowKey`. */
export type ReferenceRatios = Readonly<Record<string, ReferenceRatio>>;

export interface Comparison {
  readonly key: string;
  readonly measure: string;
  readonly now: number;
  /** Undefined where there is none yet. */
  readonly was: number | undefined;
  /** It may be so many times worse: as rounds of a run of the reference differed, or its runs. */
  readonly tolerance: number;
  readonly worse: boolean;
}

/** Less than this is no loss, however well the rounds of the reference agreed. Memory is nearly free of noise. */
const leastTolerance = ({ ours }: Row): number => (ours.unit === 'MB' ? 1.04 : 1.2);
/** Twice as bad is a loss, however little the rounds of the reference agreed: that was a machine with other work. */
const MOST_TOLERANCE = 2;
/** Runs that are remembered. */
const MOST_RUNS = 5;

export const rowKey = ({ measure, what }: Pick<Row, 'measure' | 'what'>): string => `${measure}: ${what}`;

/** How much the ratio differed from round to round: sides of one round were measured in the same moments. */
export function ratioSpread(row: Row): number {
  const other = reference(row)?.rounds ?? [];
  const { rounds } = row.ours;
  if (rounds.length !== other.length) return capped(Math.max(row.ours.spread, spread(other) || 1));
  const ratios = rounds.map((value, i) => value / other[i]!);
  // A difference of two figures can be negative in a bad round.
  return ratios.every((value) => value > 0) ? capped(spread(ratios)) : MOST_TOLERANCE;
}

/** Every row that has a ratio, beside its reference. */
export function compareRows(rows: readonly Row[], references: ReferenceRatios): Comparison[] {
  return rows.flatMap((row) => {
    const now = ratio(row);
    if (now === undefined) return [];
    const key = rowKey(row);
    const known = references[key];
    const was = known && median(known.ratios);
    const tolerance = capped(Math.max(leastTolerance(row), known?.spread ?? 1, spread(known?.ratios ?? []) || 1));
    const loss = was === undefined ? 1 : higherIsBetter(row) ? was / now : now / was;
    // A ratio that is no number is worse than any.
    return [{ key, measure: row.measure, now, was, tolerance, worse: !(loss <= tolerance) }];
  });
}

/** The better of two looks at the same rows: what is only noise is worse once, a loss is worse twice. */
export function betterOf(one: Comparison, other: Comparison): Comparison {
  return one.worse && !other.worse ? other : one;
}

/** References with the rows of one more run, or, with `anew`, only with that for these rows; other rows stay. */
export function withRun(
  references: ReferenceRatios,
  rows: readonly Row[],
  { date, machine, anew }: { readonly date: string; readonly machine: string; readonly anew: boolean },
): ReferenceRatios {
  const next: Record<string, ReferenceRatio> = { ...references };
  for (const row of rows) {
    const now = ratio(row);
    if (now === undefined || !Number.isFinite(now)) continue;
    const key = rowKey(row);
    const known = anew ? undefined : references[key];
    next[key] = {
      ratios: [...(known?.ratios ?? []), rounded(now)].slice(-MOST_RUNS),
      spread: rounded(Math.max(known?.spread ?? 1, ratioSpread(row))),
      date,
      machine,
    };
  }
  return Object.fromEntries(Object.entries(next).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const capped = (tolerance: number): number => Math.min(MOST_TOLERANCE, tolerance);

const rounded = (value: number): number => Number(value.toPrecision(4));

/** What was found, the worse first; and the lines of those alone. */
export function checkText(comparisons: readonly Comparison[]): string {
  const worse = comparisons.filter((one) => one.worse);
  const unknown = comparisons.filter(({ was }) => was === undefined);
  const lines = worse.map(
    ({ key, now, was, tolerance }) =>
      `WORSE ${key}: ratio ${now.toFixed(2)}, reference ${was?.toFixed(2)}, tolerance ${tolerance.toFixed(2)}x`,
  );
  if (unknown.length > 0) lines.push(`no reference yet: ${unknown.map(({ key }) => key).join('; ')}`);
  const known = comparisons.length - unknown.length;
  lines.push(`${known} ratios compared with their references, ${worse.length} worse`);
  return lines.join('\n');
}
