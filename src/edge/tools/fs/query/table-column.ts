// Reads one column of tables in CSV and the like, row by row: the sign between cells is found out from the first line, the column by its header or
// number. Rows are parsed as they come; no table is held.
import type { Parser } from 'csv-parse';
import { foldText } from '../../../../base/fold-text.ts';
import type { WalkEntry } from '../../../files/walk.ts';
import type { ContentMeasure } from './content-measure.ts';
import type { FactWords } from './fact-words.ts';
import { endingOf } from './file-class.ts';
import type { FileContent, TextTaker } from './file-content.ts';
import { cellText, NumberCells } from './number-cells.ts';

export type ColumnMeasure = 'COLUMN_SUM' | 'COLUMN_AVERAGE' | 'COLUMN_MIN' | 'COLUMN_MAX' | 'COLUMN_COUNT';

/** Letters in which the sign between cells is looked for, and the longest row that is read. */
const LOOKED_AT = 64 << 10;
const MAX_ROW = 1 << 20;
const MAX_CELLS = 16_384;
/** Columns that are told where the one that is wanted is not there. */
const TOLD_COLUMNS = 12;

/** The endings of tables that are plain text. */
const isPlainTable = (name: string): boolean => ['csv', 'tsv', 'tab'].includes(endingOf(name));

export class ColumnOfTables implements ContentMeasure {
  readonly #measure: ColumnMeasure;
  readonly #column: string;
  readonly #cells = new NumberCells();
  /** Tables that have the column, and those that have not. */
  readonly #having: string[] = [];
  readonly #lacking: string[] = [];
  /** Tables that are no tables. */
  readonly #broken: string[] = [];
  /** Headers of the first table without the column. */
  #headers: readonly string[] = [];
  #header = '';
  #rows = 0;

  constructor(measure: ColumnMeasure, column: string) {
    this.#measure = measure;
    this.#column = foldText(column.trim());
  }

  reads(name: string): boolean {
    return isPlainTable(name);
  }

  async take(entry: WalkEntry, content: FileContent): Promise<void> {
    const { name } = entry.judged;
    const table = new TableReader(await parserOf(), (row, first) => this.#row(row, first, name));
    if (!(await content.text(entry, table))) return;
    if (await table.broken()) this.#broken.push(name);
  }

  #at = -1;

  #row(row: readonly string[], first: boolean, name: string): void {
    if (first) {
      this.#at = this.#columnIn(row);
      if (this.#at < 0) {
        this.#lacking.push(name);
        if (this.#headers.length === 0) this.#headers = row.slice(0, TOLD_COLUMNS);
        return;
      }
      this.#having.push(name);
      // A number in the first row, in a column that was named by its number, is no header, unless it is one of several years.
      if (this.#isNamed(row) || !isNumber(row[this.#at] ?? '') || areYears(row)) {
        this.#header ||= cellText(row[this.#at] ?? '');
        return;
      }
    }
    if (this.#at < 0) return;
    this.#rows++;
    this.#cells.add(row[this.#at] ?? '');
  }

  #isNamed(row: readonly string[]): boolean {
    return this.#column !== '' && foldText((row[this.#at] ?? '').trim()) === this.#column;
  }

  /** The place of the column: its header exactly, else the one header that has the word in it or is a word of it, else its number from 1. */
  #columnIn(row: readonly string[]): number {
    if (this.#column === '') return this.#measure === 'COLUMN_COUNT' ? 0 : -1;
    const headers = row.map((cell) => foldText(cell.trim()));
    const exact = headers.indexOf(this.#column);
    if (exact >= 0) return exact;
    const near = headers.flatMap((header, at) => (header.includes(this.#column) ? [at] : []));
    if (near.length === 1) return near[0]!;
    // Of a phrase, the one header that is a word of it: "seen birds".
    const words = this.#column.split(/[^\p{L}\p{N}_-]/u);
    const said = headers.flatMap((header, at) => (header !== '' && words.includes(header) ? [at] : []));
    if (said.length === 1) return said[0]!;
    const number = /^\d{1,4}$/.test(this.#column) ? Number(this.#column) : 0;
    return number >= 1 && number <= row.length ? number - 1 : -1;
  }

  text(words: FactWords, partial: boolean): string {
    const [table = ''] = this.#having;
    if (table === '') return this.#nothing(words);
    const notes = [
      words.cellsOf(
        this.#column === '' ? '' : this.#header || cellText(this.#column),
        this.#having.length === 1 ? table : '',
        this.#having.length,
      ),
    ];
    if (this.#lacking.length > 0) notes.push(words.noColumnIn(this.#lacking.length));
    if (this.#broken.length > 0) notes.push(words.brokenTables(this.#broken.length));
    const { numbers, filled } = this.#cells;
    if (this.#measure === 'COLUMN_COUNT') {
      const count = this.#column === '' ? words.rows(this.#rows) : words.cells(filled);
      return `${partial ? words.atLeast(count) : count}${words.aside(words.list(notes))}`;
    }
    if (numbers < filled) notes.push(words.notNumbers(filled - numbers, filled, this.#cells.example));
    if (numbers === 0) return `${words.noNumber}${words.aside(words.list(notes))}`;
    notes.splice(1, 0, words.numbers(numbers));
    return `${this.#value}${words.aside(words.list(notes))}`;
  }

  get #value(): string {
    switch (this.#measure) {
      case 'COLUMN_AVERAGE':
        return this.#cells.average;
      case 'COLUMN_MIN':
        return this.#cells.least;
      case 'COLUMN_MAX':
        return this.#cells.greatest;
      default:
        return this.#cells.sum;
    }
  }

  #nothing(words: FactWords): string {
    const [table] = this.#lacking;
    const broken = this.#broken.length > 0 ? words.aside(words.brokenTables(this.#broken.length)) : '';
    if (table === undefined) return `${words.noTable}${broken}`;
    return `${words.noColumn(cellText(this.#column), table, this.#headers.map(cellText))}${broken}`;
  }
}

const isNumber = (cell: string): boolean => {
  const cells = new NumberCells();
  cells.add(cell);
  return cells.numbers > 0;
};

/** `2023,2024,2025`: years, one after the other, head columns. */
function areYears(row: readonly string[]): boolean {
  const years = row.map((cell) => cell.trim()).filter((cell) => /^(?:19|20)\d\d$/.test(cell));
  const step = Number(years[1]) - Number(years[0]);
  return Math.abs(step) === 1 && years.every((year, at) => Number(year) === Number(years[0]) + at * step);
}

type MakeParser = (delimiter: string) => Parser;

/** Loaded when the first table is read. */
async function parserOf(): Promise<MakeParser> {
  const { parse } = await import('csv-parse');
  return (delimiter) =>
    parse({
      delimiter,
      bom: true,
      // Any of them ends a row: files that were put together have several.
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: MAX_ROW,
      // That limit does not count cells without letters.
      cast: (cell, { index }) => {
        if (index >= MAX_CELLS) throw new Error('too many cells in one row');
        return cell;
      },
    });
}

/** Text of a table in, rows out. */
class TableReader implements TextTaker {
  readonly #make: MakeParser;
  readonly #onRow: (row: readonly string[], first: boolean) => void;
  #head = '';
  #parser: Parser | undefined;
  #done: Promise<boolean> | undefined;
  #first = true;

  constructor(make: MakeParser, onRow: (row: readonly string[], first: boolean) => void) {
    this.#make = make;
    this.#onRow = onRow;
  }

  add(piece: string): void {
    if (this.#parser) {
      if (this.#parser.writable) this.#parser.write(piece);
      return;
    }
    this.#head += piece;
    if (this.#head.length >= LOOKED_AT) this.#begin();
  }

  end(): void {
    this.#begin();
    this.#parser?.end();
  }

  /** Whether it could not be parsed to its end. */
  async broken(): Promise<boolean> {
    return (await this.#done) ?? false;
  }

  #begin(): void {
    if (this.#parser) return;
    const said = SAID_SIGN.exec(this.#head);
    if (said) this.#head = this.#head.slice(said[0].length);
    const parser = this.#make(said?.[1] ?? delimiterOf(this.#head));
    this.#parser = parser;
    // What comes after the first error is of no interest.
    parser.on('error', () => {});
    this.#done = new Promise((resolve) => {
      parser.once('end', () => resolve(false));
      parser.once('error', () => resolve(true));
    });
    parser.on('data', (row: string[]) => {
      this.#onRow(row, this.#first);
      this.#first = false;
    });
    parser.write(this.#head);
    this.#head = '';
  }
}

/** Excel writes the sign between cells into a line of its own before the table. */
const SAID_SIGN = /^\ufeff?sep=([,;\t|])(?:\r\n|\n|\r|$)/i;

/** The sign that stands most often in the first line, outside of quotes. */
function delimiterOf(head: string): string {
  const counts = new Map([',', ';', '\t', '|'].map((sign) => [sign, 0]));
  let quoted = false;
  for (const sign of head) {
    if (sign === '"') quoted = !quoted;
    if (quoted) continue;
    if (sign === '\n' || sign === '\r') break;
    const count = counts.get(sign);
    if (count !== undefined) counts.set(sign, count + 1);
  }
  const [[best, most] = [',', 0]] = [...counts].sort((a, b) => b[1] - a[1]);
  return most > 0 ? best : ',';
}
