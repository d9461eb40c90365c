// What is told of the end of a child, and whether another start can help: pure decisions on its exit code, its signal and its last
// words.
import { AppError, isReason, type Reason } from '../base/errors.ts';

/** Characters of what it said last that are kept, and of those that are told. */
const KEPT = 16 << 10;
const TOLD = 300;

/** The end of a text, as much as is kept of it. */
export const lastWords = (text: string): string => text.slice(-KEPT);

/** In words why it ended: the error that it told or that nobody caught, else its last line, with how the system saw it. */
export function endText(code: number | null, signal: string | null, said: string): string {
  const how = signal === null ? `exit code ${code}` : `ended by ${signal}`;
  const told = errorIn(said);
  return told === '' ? how : `${told.slice(0, TOLD)} (${how})`;
}

/** The error of ours that it told last, in its own words; undefined where it told none. */
export function errorOf(said: string): AppError | undefined {
  const told = errorIn(said);
  const [, message, reason] = /^(.+) \(([A-Z_]+)\)$/.exec(told) ?? [];
  return message !== undefined && reason !== undefined && isReason(reason)
    ? new AppError(reason, {}, { message })
    : undefined;
}

/** What stands until the owner does something: each start would end the same. */
const STANDS: ReadonlySet<string> = new Set<Reason>([
  'USAGE',
  'CONFIG_INVALID',
  'DEVICE_FILE_INVALID',
  'HOME_FILE_DAMAGED',
  'HOME_UNUSABLE',
  'JOURNAL_DAMAGED',
  'JOURNAL_FOREIGN',
  'JOURNAL_NEWER',
  'JOURNAL_UNREADABLE',
  'LLAMA_MISSING',
  'SECRET_FILE_UNSAFE',
  'SOCKET_UNSAFE',
]);

/** Whether another start would end the same. */
export const stands = ({ reason }: AppError): boolean => STANDS.has(reason);

/** V8 tells a full heap before pages of addresses, our programs an error before what to do, and Node one before where it was. */
function errorIn(said: string): string {
  const lines = said.split('\n');
  const own = lines.findLastIndex((line) => /^\s*(?:error|FATAL ERROR): /.test(line));
  const escaped = escapedAt(lines);
  if (own > escaped) return trimmed(lines[own]).replace('error: ', '');
  if (escaped >= 0) return textFrom(lines, escaped);
  return trimmed(lines.findLast((line) => line.trim() !== ''));
}

const trimmed = (line: string | undefined): string => (line ?? '').trim();

/** The line of an error that nobody caught: below the mark under its source, else the last one above lines of a stack; -1: none. */
function escapedAt(lines: readonly string[]): number {
  const mark = lines.findLastIndex((line) => /^\s*\^+$/.test(line));
  const below = mark < 0 ? -1 : lines.findIndex((line, at) => at > mark && line.trim() !== '');
  const frame = lines.findLastIndex((line) => line.startsWith('    at '));
  const above = lines.findLastIndex((line, at) => at < frame && /^[A-Z]\w*(?: \[\w+\])?(?::|$)/.test(line));
  // Within the text of the error below the mark there may be lines that look like one.
  return above > below && lines.slice(below, above).some(isBehind) ? above : below >= 0 ? below : above;
}

/** All lines of its text, in one. */
function textFrom(lines: readonly string[], start: number): string {
  const end = lines.findIndex((line, at) => at > start && isBehind(line));
  const text = lines.slice(start, end < 0 ? undefined : end).map(trimmed);
  return text.filter((line) => line !== '').join(' ');
}

/** What stands behind the text of an error. */
const isBehind = (line: string): boolean =>
  line.startsWith('    at ') || line.startsWith('(Use `node ') || line.startsWith('Node.js v');
