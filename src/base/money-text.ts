// Money as people read and write it.
import { AppError } from './errors.ts';

/** Millionths of the currency that prices are in, exactly: `1.5`, `0.000007`. */
export function moneyText(micros: bigint): string {
  const digits = `${micros < 0n ? -micros : micros}`.padStart(7, '0');
  const part = digits.slice(-6).replace(/0{1,6}$/, '');
  return `${micros < 0n ? '-' : ''}${digits.slice(0, -6)}${part === '' ? '' : `.${part}`}`;
}

/** Millionths of an amount like `2.50`. Throws USAGE. */
export function parseMoney(text: string): bigint {
  const [, whole, part = ''] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text.trim()) ?? [];
  if (whole !== undefined) return BigInt(whole) * 1_000_000n + BigInt(part.padEnd(6, '0'));
  throw new AppError('USAGE', { what: `${JSON.stringify(text.slice(0, 40))} is not an amount; write 20 or 0.50` });
}
