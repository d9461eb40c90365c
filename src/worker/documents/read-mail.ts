// Reads an e-mail: who wrote when to whom about what, and what. What is attached is named, not read.
import PostalMime, { type Address, type Email } from 'postal-mime';
import type { ParsedDocument } from './document.ts';
import { EMPTY, textWithin, words } from './parsed.ts';
import { readHtml } from './read-html.ts';

const MAX_DEPTH = 32;
const MAX_NAMED = 50;

/** Rejects for what is nested too deeply, and for what is no e-mail. */
export async function readMail(bytes: Uint8Array, maxChars: number): Promise<ParsedDocument> {
  const mail = await PostalMime.parse(bytes, { maxNestingDepth: MAX_DEPTH });
  if (mail.headers.length === 0) throw new Error('it has no headers');
  const head = headOf(mail);
  const body = mail.text?.trim() || htmlText(mail.html, maxChars);
  const names = mail.attachments.map(({ filename, mimeType }) => words(filename || mimeType, 200));
  const more = names.length > MAX_NAMED ? `\n- and ${names.length - MAX_NAMED} more` : '';
  const attached = names.length > 0 ? `Attached:\n- ${names.slice(0, MAX_NAMED).join('\n- ')}${more}` : '';
  const text = [head, body, attached].filter((part) => part !== '').join('\n\n');
  return {
    ...EMPTY,
    title: words(mail.subject),
    byline: words(mail.from && addressText(mail.from)),
    published: words(mail.date, 64),
    ...textWithin(text, maxChars),
    warning: names.length > 0 ? 'what is attached is named, not read' : '',
  };
}

function headOf({ from, to, cc, date, subject }: Email): string {
  const people = (all: readonly Address[] | undefined) => words((all ?? []).map(addressText).join(', '));
  return [
    ['From', from ? addressText(from) : ''],
    ['To', people(to)],
    ['Cc', people(cc)],
    ['Date', words(date, 64)],
    ['Subject', words(subject)],
  ]
    .flatMap(([name, value]) => (value ? [`${name}: ${value}`] : []))
    .join('\n');
}

const htmlText = (html: string | undefined, maxChars: number): string =>
  html ? readHtml(html, { url: undefined, readable: false, maxChars }).text : '';

function addressText(one: Address): string {
  const { name } = one;
  const address = 'address' in one && one.address ? one.address : '';
  return words(name && address ? `${name} <${address}>` : name || address);
}
