// Rows in columns that fit a terminal: cells are cut, then columns leave by their rank. Pure. Where there is no terminal, and with
// `--wide`, everything is shown as it is.
import { inertLine } from '../base/inert.ts';
import { cutToWidth, inColumns, padToWidth, widthOf } from '../base/text-columns.ts';

export interface Column<Row> {
  readonly heading: string;
  /** The whole of it, for `--wide` and for what is no terminal. */
  readonly text: (row: Row) => string;
  /** What is enough on a terminal. */
  readonly brief?: (row: Row) => string;
  /** The least columns that it may be cut to; never cut without it. */
  readonly least?: number;
  /** Whether its end says more than its begin, as in a path. */
  readonly keepsEnd?: boolean;
  /** Which leaves first where there is no room: the highest. Those without one stay. */
  readonly leaves?: number;
  /** Shown with `--wide` only. */
  readonly onlyWide?: boolean;
  /** Whether it holds numbers, which end below one another. */
  readonly isNumber?: boolean;
}

export interface Fit {
  /** Columns of the terminal; undefined where there is none. */
  readonly width: number | undefined;
  readonly wide?: boolean | undefined;
}

export interface FittedTable {
  /** The heading first. */
  readonly lines: readonly string[];
  /** Whether something is missing that `--wide` shows. */
  readonly isCut: boolean;
}

const GAP = 2;

/** The lines of a table. Cells are made inert, each on one line. */
export function fitTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, wide }: Fit,
): FittedTable {
  if (width === undefined || wide) {
    const cells = rows.map((row) => columns.map(({ text }) => text(row)));
    return { lines: inColumns([columns.map(({ heading }) => heading.toUpperCase()), ...cells]), isCut: false };
  }
  const all: Measured[] = columns.map((column) => {
    const cells = rows.map((row) => inertLine((column.brief ?? column.text)(row)));
    const heading = column.heading.toUpperCase();
    return { ...column, heading, cells, natural: Math.max(...[heading, ...cells].map(widthOf)) };
  });
  let shown = all.filter(({ onlyWide }) => !onlyWide);
  const eligible = shown.length;
  let widths = widthsIn(shown, width);
  while (widths === undefined) {
    const last = Math.max(...shown.map(({ leaves = 0 }) => leaves));
    if (last === 0) break;
    shown = shown.filter(({ leaves = 0 }) => leaves !== last);
    widths = widthsIn(shown, width);
  }
  const fit = widths ?? shown.map(({ natural, least = natural }) => Math.min(natural, least));
  const lineOf = (cellOf: (column: Measured) => string) =>
    cutToWidth(
      shown
        .map((column, at) => inWidth(cellOf(column), fit[at] ?? 0, column))
        .join(' '.repeat(GAP))
        .trimEnd(),
      width,
    );
  const lines = [lineOf(({ heading }) => heading), ...rows.map((_, row) => lineOf(({ cells }) => cells[row] ?? ''))];
  return { lines, isCut: shown.length < eligible || shown.some(({ natural }, at) => natural > (fit[at] ?? 0)) };
}

interface Measured extends Pick<Column<never>, 'least' | 'leaves' | 'keepsEnd' | 'isNumber' | 'onlyWide'> {
  readonly heading: string;
  readonly cells: readonly string[];
  readonly natural: number;
}

/** The widest columns that fit, the widest cells cut first; undefined when even the least do not. */
function widthsIn(columns: readonly Measured[], width: number): number[] | undefined {
  const widths = columns.map(({ natural }) => natural);
  const leasts = columns.map(({ natural, least = natural }) => Math.min(natural, least));
  const gaps = GAP * Math.max(columns.length - 1, 0);
  for (let over = sum(widths) + gaps - width; over > 0; over--) {
    const widest = widths.reduce((best, each, at) => {
      const spare = each - (leasts[at] ?? 0);
      return spare > 0 && (best < 0 || each > (widths[best] ?? 0)) ? at : best;
    }, -1);
    if (widest < 0) return undefined;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

const sum = (all: readonly number[]): number => all.reduce((before, each) => before + each, 0);

function inWidth(text: string, width: number, { keepsEnd = false, isNumber = false }: Measured): string {
  const fit = cutToWidth(text, width, keepsEnd);
  return isNumber ? ' '.repeat(Math.max(width - widthOf(fit), 0)) + fit : padToWidth(fit, width);
}
