// Rows of CSV files (RFC 4180). Pure.
import { inertLine } from '../base/inert.ts';

/** Without its line end. */
export const csvLine = (cells: readonly string[]): string => cells.map(cell).join(',');

/** Names are foreign: none may be a formula to a program that opens the file, nor a sign that turns or hides text. */
function cell(text: string): string {
  const safe = inertLine(/^[=+\-@]/.test(text) ? `'${text}` : text);
  return /[",\s]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
