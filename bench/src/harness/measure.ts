// What a measurement is and what it gives: named numbers of several rounds, and judged rows made of them.
import type { Lab } from './lab.ts';
import { median, percentile, spread } from './stats.ts';

/** One thing that is measured. */
export interface Measure {
  /** Name for ONLY=. */
  readonly name: string;
  readonly what: string;
  /** Starts and fills what it needs, side by side with others, before the first is run: nothing that is timed happens meanwhile. */
  prepare?(bench: Bench): Promise<unknown>;
  run(bench: Bench): Promise<readonly Row[]>;
}

export interface Bench {
  readonly lab: Lab;
  readonly quick: boolean;
  /** Says what is going on. */
  readonly say: (text: string) => void;
}

/** Something that one measurement needs: made in `prepare`, given once, and made again for the next that asks. */
export function setUp<T>(name: string, make: (bench: Bench) => Promise<T>) {
  return {
    prepare: (bench: Bench): Promise<T> => bench.lab.once(name, () => make(bench)),
    take: (bench: Bench): Promise<T> => bench.lab.take(name, () => make(bench)),
  };
}

/** Several rounds of one number. */
export interface Figure {
  readonly label: string;
  readonly unit: Unit;
  /** The middle of the rounds; this is what is compared. */
  readonly value: number;
  readonly rounds: readonly number[];
  /** Largest over smallest round. */
  readonly spread: number;
  /** 95th percentile of all samples of all rounds, where there are samples. */
  readonly p95?: number;
}

export type Unit = 'ms' | 'per s' | 'chars/s' | 'MB' | 'KB' | 'bytes' | 'us' | 'share';

/** One line of the table: something of ours beside its reference. */
export interface Row {
  readonly measure: string;
  readonly what: string;
  readonly ours: Figure;
  /** What was measured beside it; the best of them is the reference. */
  readonly peers: readonly Figure[];
  /** The budget, on the ratio of ours to the reference, or on ours itself. Absent for rows that only inform. */
  readonly budget?: Budget;
}

export interface Budget {
  readonly atMost?: number;
  readonly atLeast?: number;
  /** The budget is on our number itself, not on the ratio. */
  readonly absolute?: boolean;
}

/** A figure of the p50 of each round of samples. */
export function ofSamples(label: string, unit: Unit, rounds: readonly (readonly number[])[]): Figure {
  return { ...ofRounds(label, unit, rounds.map(median)), p95: percentile(rounds.flat(), 95) };
}

/** A figure of one number for each round. */
export function ofRounds(label: string, unit: Unit, rounds: readonly number[]): Figure {
  return { label, unit, value: median(rounds), rounds, spread: spread(rounds) };
}

/** Rates and shares. */
export const higherIsBetter = ({ ours }: Pick<Row, 'ours'>): boolean =>
  ['per s', 'chars/s', 'share'].includes(ours.unit);

/** The best of the peers. */
export function reference({ peers, ours }: Row): Figure | undefined {
  const sign = higherIsBetter({ ours }) ? -1 : 1;
  return [...peers].sort((a, b) => sign * (a.value - b.value))[0];
}

/** Ours over the reference; undefined without one. */
export function ratio(row: Row): number | undefined {
  const other = reference(row);
  return other && row.ours.value / other.value;
}

export type Verdict = 'met' | 'missed' | 'info';

export function verdict(row: Row): Verdict {
  const { budget } = row;
  const judged = budget?.absolute ? row.ours.value : ratio(row);
  if (!budget || judged === undefined) return 'info';
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = budget;
  return judged <= atMost && judged >= atLeast ? 'met' : 'missed';
}

/** Runs every side once in each of `count` rounds, the order turned at each, so that noise and warmth are shared. */
export async function interleave<K extends string, T>(
  count: number,
  sides: Readonly<Record<K, () => Promise<T>>>,
): Promise<Record<K, T[]>> {
  const names = Object.keys(sides) as K[];
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<K, T[]>;
  for (let round = 0; round < count; round++) {
    const turned = round % 2 === 0 ? names : [...names].reverse();
    for (const name of turned) results[name].push(await sides[name]());
  }
  return results;
}
