// The smallest ODT, EPUB and e-mail that say something.
import { zip } from './make-docx.ts';

/** @param body what stands in `<office:text>` */
export const makeOdt = (body: string, more: Readonly<Record<string, string>> = {}): Uint8Array =>
  zip({
    mimetype: 'application/vnd.oasis.opendocument.text',
    'content.xml': `<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="b"><office:body><office:text>${body}</office:text></office:body></office:document-content>`,
    'meta.xml': '<office:document-meta><office:meta><dc:title>A title</dc:title></office:meta></office:document-meta>',
    ...more,
  });

/** @param chapters bodies of their pages */
export const makeEpub = (chapters: readonly string[], more: Readonly<Record<string, string>> = {}): Uint8Array =>
  zip({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml':
      '<container><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="x"/></rootfiles></container>',
    'OEBPS/book.opf': `<package><metadata><dc:title>A book</dc:title><dc:creator>Ada</dc:creator></metadata><manifest>${chapters
      .map((_, at) => `<item id="c${at}" href="text/${at}%20x.xhtml"/>`)
      .join('')}</manifest><spine>${chapters
      .map((_, at) => `<itemref idref="c${chapters.length - 1 - at}"/>`)
      .join('')}</spine></package>`,
    ...Object.fromEntries(
      chapters.map((body, at) => [
        `OEBPS/text/${at} x.xhtml`,
        `<html><head><title>t</title></head><body>${body}</body></html>`,
      ]),
    ),
    ...more,
  });

export const makeMail = (parts: readonly string[]): Uint8Array =>
  Buffer.from(
    [
      'From: =?utf-8?q?Ren=C3=A9?= <rene@example.org>',
      'To: Ada <ada@example.org>, bob@example.org',
      'Subject: =?utf-8?B?5Y+R5biD?=',
      'Date: Mon, 2 Mar 2026 10:00:00 +0000',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="b"',
      '',
      ...parts.flatMap((part) => ['--b', part]),
      '--b--',
      '',
    ].join('\r\n'),
  );
