// Reads JSON that a person typed: says line and column of a mistake.
import { AppError } from '../base/errors.ts';

/** The value. Throws USAGE that names `source`, line and column. */
export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : '';
    const at = mistakeAt(text, message);
    const before = text.slice(0, at).split('\n');
    const what = message.replace(/ in JSON at position .*$/s, '').replace(/, .* is not valid JSON$/s, '');
    throw new AppError(
      'USAGE',
      { what: `${source}:${before.length}:${(before.at(-1) ?? '').length + 1}: not valid JSON: ${what}` },
      { cause },
    );
  }
}

/** Where V8 stopped. It tells the position with most messages; else it is the shortest text that it refuses in the same way. */
function mistakeAt(text: string, message: string): number {
  const told = / at position (\d+)/.exec(message);
  if (told) return Number(told[1]);
  if (!message.startsWith('Unexpected token')) return text.length;
  let low = 1;
  let high = text.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (refusesToken(text.slice(0, middle))) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

function refusesToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return error instanceof Error && error.message.startsWith('Unexpected token');
  }
}
