// The form in which words are compared: composed, without regard to case. Linear for any text: a run of combining marks, which
// normalisation would sort in quadratic time, is cut as UAX #15 (stream-safe text) says.

/** Marks in a row that no language has; longer runs are cut here. */
const MARKS = /\p{M}{30}(?=\p{M})/gu;
const LONG_RUN = /\p{M}{31}/u;

export function foldText(text: string): string {
  const safe = LONG_RUN.test(text) ? text.replace(MARKS, '$&\u034f') : text;
  return safe.normalize('NFC').toLowerCase();
}
