// Unicode's normal forms of a text that may come from anywhere, in linear time. Normalising sorts each run of combining marks, which
// takes quadratic time in its length; runs longer than any writing has are cut first, as UAX #15 (stream-safe text) says. Only this file
// calls `normalize`; test/tooling/normal-form.test.ts keeps it so.

/** What can stand in a run that is sorted: marks, and two half-width signs that become marks in a compatible form. */
const CUT = /[\p{M}\uff9e\uff9f]{30}(?=[\p{M}\uff9e\uff9f])/gu;
const LONG_RUN = /[\p{M}\uff9e\uff9f]{31}/u;

/** Whether a text has more marks in a row than any writing has. */
export const hasLongRun = (text: string): boolean => LONG_RUN.test(text);

const NON_ASCII = /[\u0080-\uffff]/;

/** The text in a normal form. A run of more than 30 marks is cut by U+034F, which nobody sees, so it is a form of another text. */
export const normalForm = (text: string, form: 'NFC' | 'NFD' | 'NFKC'): string =>
  // Most texts are ASCII, which is in every form, and to look is much faster than to normalise.
  NON_ASCII.test(text) ? (hasLongRun(text) ? text.replace(CUT, '$&\u034f') : text).normalize(form) : text;
