// One line for something that crossed the border of the box. Pure.
import { bytesText } from '../units.ts';
import type { Crossing } from './model.ts';
import { inWidth, type Line, span } from './spans.ts';
import { dayTimeText } from './texts.ts';

/** When, what kind, how much, to whom; then what it was, in what is left of the columns. */
export function crossingLine({ at, kind, bytes, to, path, fields }: Crossing, columns: number): Line {
  const who = to.join(', ') || 'nobody';
  return [
    span(`  ${dayTimeText(at)}  `, 'dim'),
    span(inWidth(kind, 10), kind === 'content' ? 'yellow' : undefined),
    span(bytesText(bytes).padStart(9)),
    span(' → '),
    span(inWidth(who, 14), 'cyan'),
    span(' '),
    span(inWidth(`${path}  ${fields.join(', ')}`, Math.max(columns - 49, 1))),
  ];
}
