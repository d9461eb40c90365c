// Makes text that came from somewhere else harmless for a terminal. Every answer, name and message passes through here.

/** C0 but tab and newline, DEL and C1: what terminals obey. */
const CONTROL = /(?![\t\n])\p{Cc}/gu;
/**
 * What reorders, hides or draws nothing: bidi controls, line separators, and all that Unicode calls ignorable by default (soft hyphen, fillers,
 * zero widths, tags, variation selectors), which can carry text past a reader's eyes.
 */
const HIDDEN = /[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800\ufff9-\ufffb]/gu;
/** What may stand there because the letters beside it are written so: joiners within words and emoji, the form of an emoji or a Mongolian letter. */
const JOINER = /^[\u200c\u200d]$/u;
const JOINS = /(?:[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}]|\ufe0f)$/u;
const JOINED = /^[\p{L}\p{Extended_Pictographic}]/u;
const EMOJI_FORM = /^[\ufe0e\ufe0f]$/u;
const HAS_FORMS = /[\p{Emoji}]$/u;
const MONGOLIAN_FORM = /^[\u180b-\u180d\u180f]$/u;
const MONGOLIAN = /\p{Script=Mongolian}$/u;

/** Text of several lines: control characters become `\x1b`, bidi and invisible ones `<U+202E>`, carriage returns go. */
export function inert(text: string): string {
  return text.replace(/\r/g, '').replace(CONTROL, hex).replace(HIDDEN, shownUnlessWritten);
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
  return json
    .replace(CONTROL, escaped)
    .replace(HIDDEN, (found, at, whole) => (isWritten(found, at, whole) ? found : escaped(found)));
}

const hex = (found: string): string => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`;

const shownUnlessWritten = (found: string, at: number, whole: string): string =>
  isWritten(found, at, whole) ? found : shown(found);

function isWritten(found: string, at: number, whole: string): boolean {
  // Two code units hold any code point; a half of one in front matches nothing.
  const before = whole.slice(Math.max(0, at - 2), at);
  if (EMOJI_FORM.test(found)) return HAS_FORMS.test(before);
  if (MONGOLIAN_FORM.test(found)) return MONGOLIAN.test(before);
  return JOINER.test(found) && JOINS.test(before) && JOINED.test(whole.slice(at + 1, at + 3));
}

const shown = (found: string): string =>
  `<U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
