// Gives out summaries within their budget: per file and day at most 400 characters and 5 % of the file, none for files
// under 1 KiB. Folded from the journal's ledger, so that a restart does not renew the budget. It reads no file.
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { SummarySettings } from '../config.ts';
import type { Entry, Fold } from '../journal/records.ts';
import { extract } from './extract.ts';

/** Files smaller than this have no summary, in bytes. */
const SMALLEST = 1024;
/** Files whose budget of today is remembered; when there are more, no further file has a summary today. */
const MAX_FILES = 20_000;
/** Extracts that are kept to be given out again. */
const MAX_KEPT = 256;
const DAY_MS = 86_400_000;

interface Kept {
  readonly hash: string;
  readonly text: string;
}

export class Summaries implements Fold {
  readonly #settings: SummarySettings;
  #day = 0;
  /** Characters given out today, by name. */
  readonly #used = new Map<string, number>();
  readonly #kept = new Map<string, Kept>();

  constructor(settings: SummarySettings) {
    this.#settings = settings;
  }

  /**
   * The extract of a file that is not shared; empty when there is none to give, undefined when the budget of the day is
   * used up. The same content gives the same extract at no further cost.
   * @param file.hash anything that changes with the content
   * @param now the journal's time in milliseconds
   */
  give(file: { name: string; hash: string; text: string; bytes: number }, now: number): string | undefined {
    if (!this.#settings.enabled || file.bytes < SMALLEST) return '';
    this.#turn(now);
    const kept = this.#kept.get(file.name);
    if (kept?.hash === file.hash) return kept.text;
    const length = [...file.text].length;
    const budget = Math.min(this.#settings.max_chars, Math.floor((length * this.#settings.percent) / 100));
    const used = this.#used.get(file.name) ?? 0;
    const left = budget - used;
    if (left <= 0 || (used === 0 && this.#used.size >= MAX_FILES)) return undefined;
    const text = extract(file.text, { chars: left });
    if (text === '' && used > 0) return undefined;
    this.#used.set(file.name, used + [...text].length);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value ?? '');
    this.#kept.set(file.name, { hash: file.hash, text });
    return text;
  }

  /** Summaries that left before this start; their bytes count as characters, which errs to the safe side. */
  apply({ at, record }: Entry): void {
    const lines: readonly Egress[] =
      record.case === 'toolOutcome' ? record.value.egress : record.case === 'ledger' ? record.value.entries : [];
    for (const { sensitivity, path, bytes } of lines) {
      if (sensitivity !== Sensitivity.SUMMARY) continue;
      this.#turn(at);
      // What this process gave out itself is counted already.
      if (this.#kept.has(path)) continue;
      if (this.#used.size < MAX_FILES) this.#used.set(path, (this.#used.get(path) ?? 0) + Number(bytes));
    }
  }

  /** A new day, by UTC, begins with fresh budgets. Time never goes back in the journal. */
  #turn(now: number): void {
    const day = Math.floor(now / DAY_MS);
    if (day <= this.#day) return;
    this.#day = day;
    this.#used.clear();
    this.#kept.clear();
  }
}
