// What the database takes of texts: no NUL, no half of a code point. What a document says is cleaned; what its
// sender calls it is refused by name. Pure.

import type { Document } from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { normalForm } from '../../../base/normal-form.ts';
import type { ReadDocument } from './documents/document-text.ts';
import type { CutDocument } from './passages/passage.ts';

/** Characters of a title, a heading or a media type that are kept. */
const MOST = 1024;

/** The same text with a mark for each NUL and each half of a code point. */
export const cleanText = (text: string): string => text.replaceAll('\0', '\ufffd').toWellFormed();

const line = (text: string): string => cleanText(text.slice(0, MOST));

/** Before it is cut. Its text stays as it came, so that places in it are places in the document. */
export const cleanRead = (read: ReadDocument): ReadDocument => ({
  ...read,
  title: line(read.title),
  mediaType: line(read.mediaType),
  warning: cleanText(read.warning),
});

/** After it was cut: titles and headings are read out of the text, where they may be written as escapes. */
export const cleanCut = (cut: CutDocument): CutDocument => ({
  ...cut,
  title: line(cut.title),
  passages: cut.passages.map((passage) => ({
    ...passage,
    text: cleanText(passage.text),
    headings: passage.headings.map(line),
    embedded: cleanText(passage.embedded),
  })),
});

/** A name in each of its forms: as it is written, composed (NFC) and decomposed (NFD). To people they are one. */
export const formsOf = (name: string): string[] => [
  ...new Set([name, normalForm(name, 'NFC'), normalForm(name, 'NFD')]),
];

/** Whether the database can hold a name. */
const isKeepable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** Throws INVALID_ARGUMENT that names what of a document cannot be kept. */
export function mustBeKeepable({ id, grant, metadata }: Document): void {
  mustBeName('id', id);
  mustBeName('grant', grant);
  for (const [key, value] of Object.entries(metadata)) {
    mustBeName('metadata key', key);
    mustBeName(`metadata value of ${JSON.stringify(key)}`, value);
  }
}

/** Throws INVALID_ARGUMENT for a text of a request that no stored one can be equal to, because it cannot be stored. */
export function mustBeName(what: string, text: string): void {
  if (isKeepable(text)) return;
  throw new AppError('INVALID_ARGUMENT', {
    what: `the ${what} holds a NUL or half of a character, which cannot be kept`,
  });
}
