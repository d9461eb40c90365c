// The table that people read. Words say what colours say; colours only on a terminal.
import { type Budget, type Figure, type Row, ratio, reference, type Unit, verdict } from './measure.ts';

const DIGITS: Record<Unit, number> = { ms: 2, 'per s': 0, 'chars/s': 0, MB: 1, KB: 1, bytes: 0, us: 0, share: 3 };

export function figureText({ value, unit }: Figure): string {
  return `${value.toFixed(DIGITS[unit])} ${unit}`;
}

function budgetText({ atMost, atLeast, absolute }: Budget, unit: Unit): string {
  const of = absolute ? ` ${unit}` : 'x';
  return atMost === undefined ? `>= ${atLeast}${of}` : `<= ${atMost}${of}`;
}

/** All rows under one head, columns as wide as they need to be. */
export function tableText(rows: readonly Row[], colours: boolean): string {
  const head = ['', 'Bowline', 'p95', 'reference', '', 'ratio', 'budget', '', 'spread'];
  const lines = rows.map((row) => {
    const other = reference(row);
    const result = verdict(row);
    return [
      row.what,
      figureText(row.ours),
      row.ours.p95 === undefined ? '' : row.ours.p95.toFixed(DIGITS[row.ours.unit]),
      other ? figureText(other) : '',
      other?.label ?? '',
      ratio(row) === undefined ? '' : `${ratio(row)!.toFixed(2)}x`,
      row.budget ? budgetText(row.budget, row.ours.unit) : '',
      result === 'info' ? '' : result === 'met' ? 'met' : 'MISSED',
      `${row.ours.spread.toFixed(1)}${other ? ` / ${other.spread.toFixed(1)}` : ''}`,
    ];
  });
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((cells) => cells[i]!.length)));
  const left = new Set([0, 4, 6, 7]);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (left.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const painted = (text: string, row: Row) => {
    if (!colours || verdict(row) === 'info') return text;
    return `\x1b[${verdict(row) === 'met' ? 32 : 31}m${text}\x1b[0m`;
  };
  return [line(head), ...lines.map((cells, i) => painted(line(cells), rows[i]!))].join('\n');
}
