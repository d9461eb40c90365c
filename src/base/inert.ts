// Makes text that came from somewhere else harmless for a terminal. Every answer, name and message passes through here.

/** C0 but tab and newline, DEL and C1: what terminals obey. */
const CONTROL = /(?![\t\n])\p{Cc}/gu;
/** What reorders or hides text: bidi marks, embeddings and isolates, line separators, byte order marks, tag characters. */
const DECEPTIVE = /[\p{Bidi_Control}\u200b\u2028\u2029\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

/** Text of several lines: control characters become `\x1b`, bidi and invisible ones `<U+202E>`, carriage returns go. */
export function inert(text: string): string {
  return text.replace(/\r/g, '').replace(CONTROL, hex).replace(DECEPTIVE, shown);
}

/** The same for one line: newlines and tabs become spaces. */
export function inertLine(text: string): string {
  return inert(text.replace(/[\n\t]+/g, ' '));
}

/** JSON in which such characters are escaped; it means the same to a parser. */
export function inertJson(value: unknown, indent?: number): string {
  return inertJsonText(JSON.stringify(value, undefined, indent));
}

/** The same for JSON that is text already. */
export function inertJsonText(json: string): string {
  const escaped = (found: string) =>
    [...Array(found.length).keys()].map((i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
  // The newlines of an indented text are not in CONTROL; those inside strings are escaped by JSON already.
  return json.replace(CONTROL, escaped).replace(DECEPTIVE, escaped);
}

const hex = (found: string): string => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`;

const shown = (found: string): string =>
  `<U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
