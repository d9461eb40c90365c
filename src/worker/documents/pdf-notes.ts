// Reads what was filled in, noted, stamped or signed on a page of a PDF. What is hidden there is not read.
import { words } from './parsed.ts';
import { appearancesOf } from './pdf-appearance.ts';
import type { PdfPage } from './pdf-page.ts';

/** Notes and fields of one page that are read. */
const MOST_NOTES = 1000;
/** Flags: hidden, and shown only on paper. */
const HIDDEN = 0x02 | 0x20;

type Note = Readonly<Record<string, unknown>>;

export async function notesOf(page: PdfPage): Promise<string[]> {
  const all: readonly Note[] = await page.getAnnotations().catch(() => []);
  const shown = all.slice(0, MOST_NOTES).filter(({ annotationFlags }) => (Number(annotationFlags) & HIDDEN) === 0);
  const drawn = shown.some(isDrawn) ? await appearancesOf(page) : undefined;
  const said: string[] = [];
  for (const note of shown) {
    const text = textOf(note);
    // A window for a note repeats it.
    if (text !== '' && !(note.subtype === 'Popup' && said.includes(text))) said.push(text);
    const more = isDrawn(note) ? (drawn?.get(String(note.id)) ?? '') : '';
    if (more !== '' && !letters(text).includes(letters(more))) said.push(more);
  }
  return said;
}

/** Whether it shows text of which its value says nothing: a signature, a button, a list, a stamp, text on the page. */
function isDrawn({ subtype, hasAppearance, fieldType, pushButton, combo }: Note): boolean {
  if (!hasAppearance) return false;
  if (subtype === 'Widget') return fieldType === 'Sig' || Boolean(pushButton) || (fieldType === 'Ch' && !combo);
  // Of a link the page has the text, of a note its sign is no text.
  return subtype !== 'Link' && subtype !== 'Popup' && subtype !== 'Text';
}

const textOf = (note: Note): string => (note.subtype === 'Widget' ? fieldText(note) : noteText(note));

function fieldText(field: Note): string {
  const { fieldValue, buttonValue, checkBox, radioButton } = field;
  const name = words(field.alternativeText) || words(field.fieldName);
  if (radioButton) return fieldValue && fieldValue === buttonValue ? `${name}: ${words(fieldValue)}` : '';
  if (checkBox) return fieldValue && fieldValue !== 'Off' ? `${name}: ${words(fieldValue)}` : '';
  const values = (Array.isArray(fieldValue) ? fieldValue : [fieldValue]).map((value) => line(choice(field, value)));
  const value = values.filter((one) => one !== '').join(', ');
  return value === '' ? '' : name === '' ? value : `${name}: ${value}`;
}

/** What a list shows for a value, which may be a mere code. */
function choice({ options }: Note, value: unknown): unknown {
  const all: readonly Note[] = Array.isArray(options) ? options : [];
  return all.find(({ exportValue }) => exportValue === value)?.displayValue ?? value;
}

function noteText({ subtype, contentsObj }: Note): string {
  // What a link says stands in the page.
  if (subtype === 'Link' || typeof contentsObj !== 'object' || contentsObj === null) return '';
  return 'str' in contentsObj ? line(contentsObj.str) : '';
}

const line = (text: unknown): string => (typeof text === 'string' ? text.replace(/\r\n?/g, '\n').trim() : '');

const letters = (text: string): string => text.replace(/\s+/g, '');
