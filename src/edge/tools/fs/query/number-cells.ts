// Numbers as people write them into tables, added exactly: with commas or points between thousands, a point or comma before decimals, signs of
// currencies. A cell such as `1,234` can be read in two ways; the way in which more cells of the column are numbers is the right one. Pure.

import Big from 'big.js';
import { normalForm } from '../../../../base/normal-form.ts';
import { withCommas } from './fact-words.ts';

/** Digits of one number; what is longer is none. */
const MAX_DIGITS = 40;
/** Digits behind the decimal point of an average. */
const AVERAGE_DIGITS = 6;

const POINT = /^[+-]?(?:\d{1,3}(?:[,' \u00a0\u202f]\d{3})+|\d+)?(?:\.\d+)?$/;
const COMMA = /^[+-]?(?:\d{1,3}(?:[.' \u00a0\u202f]\d{3})+|\d+)?(?:,\d+)?$/;

/** Sum, least and greatest of what was read in one way. */
class Sum {
  count = 0;
  total = new Big(0);
  least: Big | undefined;
  greatest: Big | undefined;
  /** Digits behind the decimal point, at most. */
  places = 0;
  readonly #form: RegExp;
  readonly #decimal: string;

  constructor(form: RegExp, decimal: string) {
    this.#form = form;
    this.#decimal = decimal;
  }

  add(text: string): boolean {
    if (!this.#form.test(text) || !/\d/.test(text)) return false;
    const [whole = '', decimals = ''] = text.split(this.#decimal);
    const digits = whole.replace(/[^0-9-]/g, '');
    const number = new Big(`${digits === '' || digits === '-' ? `${digits}0` : digits}.${decimals || '0'}`);
    this.count++;
    this.total = this.total.plus(number);
    this.places = Math.max(this.places, decimals.length);
    if (this.least === undefined || number.lt(this.least)) this.least = number;
    if (this.greatest === undefined || number.gt(this.greatest)) this.greatest = number;
    return true;
  }
}

/** Characters of a cell that a fact tells. */
const TOLD = 40;

/** A cell as a fact tells it: on one line, without signs that are not seen, cut between characters. */
export function cellText(cell: string): string {
  // More than is told is looked at: there may be spaces before it.
  const line = cell
    .trim()
    .slice(0, 1024)
    .replace(/[\p{C}\p{Z}\s]+/gu, ' ')
    .trim();
  const signs = [...line];
  return signs.length > TOLD ? `${signs.slice(0, TOLD).join('')}…` : line;
}

export class NumberCells {
  readonly #point = new Sum(POINT, '.');
  readonly #comma = new Sum(COMMA, ',');
  /** Cells with something in them. */
  filled = 0;
  /** One of the cells that are no number. */
  example = '';

  add(cell: string): void {
    const text = normalForm(cell, 'NFKC').trim();
    if (text === '') return;
    this.filled++;
    const bare = withoutCurrency(text);
    const isNumber = bare.length <= MAX_DIGITS && [this.#point.add(bare), this.#comma.add(bare)].includes(true);
    if (!isNumber && this.example === '') this.example = cellText(text);
  }

  get #best(): Sum {
    return this.#comma.count > this.#point.count ? this.#comma : this.#point;
  }

  /** Cells that are numbers. */
  get numbers(): number {
    return this.#best.count;
  }

  get sum(): string {
    return grouped(this.#best.total.toFixed(this.#best.places));
  }

  /** @throws where there is no number */
  get average(): string {
    const { total, count } = this.#best;
    return grouped(trimZeros(total.div(count).round(AVERAGE_DIGITS).toFixed()));
  }

  get least(): string {
    return grouped(this.#best.least?.toFixed() ?? '');
  }

  get greatest(): string {
    return grouped(this.#best.greatest?.toFixed() ?? '');
  }
}

/** Digits of an average beyond those that it is rounded to. */
const trimZeros = (text: string): string => (text.includes('.') ? text.replace(/\.?0{1,20}$/, '') : text);

const CURRENCY =
  /^([+-]?)\s{0,4}(?:[\p{Sc}]|元|USD|EUR|CNY|RMB|GBP|CHF)\s{0,4}|\s{0,4}(?:[\p{Sc}]|元|USD|EUR|CNY|RMB|GBP|CHF)$/giu;
const withoutCurrency = (text: string): string => text.replace(CURRENCY, '$1').trim();

/** A number with commas between thousands. */
function grouped(text: string): string {
  const [whole = '', decimals] = text.split('.');
  const sign = whole.startsWith('-') ? '-' : '';
  return `${sign}${withCommas(whole.slice(sign.length))}${decimals === undefined ? '' : `.${decimals}`}`;
}
