// What is told of the end of a child, and whether another start can help: pure decisions on its exit code, its signal and its last
// words.
import { AppError, isReason, type Reason } from '../base/errors.ts';

/** Characters of what it said last that are kept, and of those that are told. */
const KEPT = 16 << 10;
const TOLD = 300;

/** The end of a text, as much as is kept of it. */
export const lastWords = (text: string): string => text.slice(-KEPT);

/** In words why it ended: the error that it told, else its last line, with how the system saw it. */
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
  'SECRET_FILE_UNSAFE',
  'SOCKET_UNSAFE',
]);

/** Whether another start would end the same. */
export const stands = ({ reason }: AppError): boolean => STANDS.has(reason);

/** V8 tells a full heap before pages of addresses; our programs tell an error before what to do. */
function errorIn(said: string): string {
  const lines = said.split('\n').map((line) => line.trim());
  const error = lines.findLast((line) => line.startsWith('error: ') || line.startsWith('FATAL ERROR: '));
  return (error ?? lines.findLast((line) => line !== '') ?? '').replace('error: ', '');
}
