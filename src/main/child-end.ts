// What is told of the end of a child: pure decisions on its exit code, its signal and its last words.

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

/** V8 tells a full heap before pages of addresses; our programs tell an error before what to do. */
function errorIn(said: string): string {
  const lines = said.split('\n').map((line) => line.trim());
  const error = lines.findLast((line) => line.startsWith('error: ') || line.startsWith('FATAL ERROR: '));
  return (error ?? lines.findLast((line) => line !== '') ?? '').replace('error: ', '');
}
