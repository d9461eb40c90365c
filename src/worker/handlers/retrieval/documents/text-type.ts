// What kind of document something is: by what is said, else by the end of its id, else by how it begins.
import { AppError } from '../../../../base/errors.ts';
import { DOCX, EPUB, MAIL, ODT } from '../../../documents/document-kind.ts';

export type Kind = 'text' | 'markdown' | 'html' | 'pdf' | 'docx' | 'odt' | 'epub' | 'mail';

const TYPES: Readonly<Record<string, Kind>> = {
  'text/markdown': 'markdown',
  'text/x-markdown': 'markdown',
  'text/html': 'html',
  'application/xhtml+xml': 'html',
  'application/pdf': 'pdf',
  [DOCX]: 'docx',
  [ODT]: 'odt',
  [EPUB]: 'epub',
  [MAIL]: 'mail',
};

const ENDINGS: Readonly<Record<string, Kind>> = {
  md: 'markdown',
  markdown: 'markdown',
  mdx: 'markdown',
  html: 'html',
  htm: 'html',
  xhtml: 'html',
  pdf: 'pdf',
  docx: 'docx',
  odt: 'odt',
  epub: 'epub',
  eml: 'mail',
};

/** As it is kept and shown. */
export const MEDIA_TYPES: Readonly<Record<Kind, string>> = {
  text: 'text/plain',
  markdown: 'text/markdown',
  html: 'text/html',
  pdf: 'application/pdf',
  docx: DOCX,
  odt: ODT,
  epub: EPUB,
  mail: MAIL,
};

export interface MediaType {
  readonly kind: Kind;
  readonly name: string;
  /** As it is said; empty when it is not. */
  readonly charset: string;
}

/** Throws DOCUMENT_UNREADABLE for a type that is none of text. */
export function textTypeOf(said: string, id: string, begin: string): MediaType {
  const [type = '', ...parameters] = said
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charset = /^charset="?([^"]+)"?$/.exec(parameters.find((part) => part.startsWith('charset=')) ?? '')?.[1] ?? '';
  if (type === '') {
    const kind = begun(begin) ?? ENDINGS[/\.(\w+)$/.exec(id)?.[1]?.toLowerCase() ?? ''] ?? 'text';
    return { kind, name: MEDIA_TYPES[kind], charset };
  }
  const kind =
    TYPES[type] ??
    (/^text\/|^application\/(json|yaml|xml|toml|javascript)$|\+(json|xml)$/.test(type) ? 'text' : undefined);
  if (!kind)
    throw new AppError('DOCUMENT_UNREADABLE', { problem: `documents of the type ${type.slice(0, 60)} are not read` });
  return { kind, name: type, charset };
}

function begun(begin: string): Kind | undefined {
  if (begin.startsWith('%PDF-')) return 'pdf';
  return /^\ufeff?\s*<(!doctype html|html)[\s>]/i.test(begin) ? 'html' : undefined;
}
