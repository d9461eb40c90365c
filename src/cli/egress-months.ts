// What left by month and recipient: sums over lines of the ledger, and a bar beside each. Pure.
import { Sensitivity } from '../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import { countsForDay } from '../contract/counts-for-day.ts';
import { type EgressKind, egressKind } from './egress-text.ts';
import { timeText } from './units.ts';

/** What left to one recipient in one month. */
export interface MonthSum {
  /** `2026-11`, in local time. */
  readonly month: string;
  readonly to: string;
  /** Bytes of content. */
  content: number;
  /** Bytes of names. */
  names: number;
  /** Of what content left. */
  readonly of: Readonly<Record<EgressKind, Set<string>>>;
  readonly runs: Set<string>;
}

/** What left of one file, command or server, to whomever. */
export interface SourceSum {
  readonly kind: EgressKind;
  readonly path: string;
  content: number;
  readonly to: Set<string>;
}

export const monthOf = ({ createTime }: Pick<Egress, 'createTime'>): string => timeText(createTime).slice(0, 7);

export class MonthSums {
  readonly #sums = new Map<string, MonthSum>();
  readonly #sources = new Map<string, SourceSum>();
  /** Content, each byte once, to however many it went. */
  content = 0;
  /** What of it counts for the day cap. */
  counted = 0;

  readonly month: string;

  /** @param month only of this one; empty: of all */
  constructor(month = '') {
    this.month = month;
  }

  add(line: Egress): void {
    const month = monthOf(line);
    if (this.month !== '' && month !== this.month) return;
    const bytes = Number(line.bytes);
    const kind = egressKind(line);
    const isContent = line.sensitivity === Sensitivity.CONTENT;
    const recipients = line.recipients.length > 0 ? line.recipients : ['control'];
    if (isContent) this.content += bytes;
    if (countsForDay(line)) this.counted += bytes;
    for (const to of recipients) {
      const key = `${month}\0${to}`;
      const sum = this.#sums.get(key) ?? { month, to, content: 0, names: 0, of: noneOf(), runs: new Set() };
      this.#sums.set(key, sum);
      if (isContent) sum.content += bytes;
      else sum.names += bytes;
      if (isContent && line.path !== '') sum.of[kind].add(line.path);
      if (line.run !== '') sum.runs.add(line.run);
    }
    if (!isContent || line.path === '') return;
    const place = `${kind}\0${line.path}`;
    const source = this.#sources.get(place) ?? { kind, path: line.path, content: 0, to: new Set() };
    this.#sources.set(place, source);
    source.content += bytes;
    for (const to of recipients) source.to.add(to);
  }

  /** The newest month first, in each the recipient first to whom most left. */
  get sums(): MonthSum[] {
    return [...this.#sums.values()].sort(
      (a, b) => inOrder(b.month, a.month) || b.content - a.content || b.names - a.names || inOrder(a.to, b.to),
    );
  }

  /** That first of which most left. */
  get sources(): SourceSum[] {
    return [...this.#sources.values()].sort((a, b) => b.content - a.content || inOrder(a.path, b.path));
  }
}

const noneOf = (): MonthSum['of'] => ({ file: new Set(), command: new Set(), server: new Set() });

const CELLS = 16;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar as long as its part of the most; never nothing for something. */
export function barOf(part: number, most: number): string {
  if (part <= 0 || most <= 0) return '';
  const eighths = Math.max(1, Math.round((part / most) * CELLS * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}

const inOrder = (a: string, b: string): number => Number(a > b) - Number(a < b);
