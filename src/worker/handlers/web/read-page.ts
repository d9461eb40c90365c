// Makes a page of what was read: hands the bytes to the parser of documents and puts what it found into the contract's form.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Page, PageSchema } from '../../../../gen/bowline/capability/web/v1/web_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { DocumentParser } from '../../documents/document.ts';
import type { WebResource } from './web-client.ts';

export interface PageOptions {
  readonly tenant: string;
  readonly readable: boolean;
  readonly maxChars: number;
  readonly signal: AbortSignal;
}

export interface ReadPage {
  readonly page: Page;
  /** URL that the page itself says it has; empty when it says none. */
  readonly canonical: string;
}

/** Throws WEB_NOT_TEXT, DOCUMENT_INVALID, DOCUMENT_TOO_COSTLY and the signal's reason. */
export async function readPage(parser: DocumentParser, resource: WebResource, options: PageOptions): Promise<ReadPage> {
  const { url, body: bytes, mediaType, charset, status, redirects, fromCache, readAt } = resource;
  const { tenant: owner, readable, maxChars, signal } = options;
  try {
    const input = { bytes, mediaType, charset, url: url.href, readable, maxChars, owner };
    const { text: markdown, pages: _, limit: __, canonical, ...found } = await parser.parse(input, signal);
    const page = create(PageSchema, {
      ...found,
      markdown,
      url: url.href,
      status,
      mediaType,
      redirects: [...redirects],
      links: [...found.links],
      fromCache,
      fetchTime: timestampFromMs(readAt),
      bodyBytes: BigInt(bytes.length),
    });
    return { page, canonical };
  } catch (error) {
    if (error instanceof AppError && error.reason === 'DOCUMENT_NOT_TEXT') {
      throw new AppError(
        'WEB_NOT_TEXT',
        { mediaType: mediaType.slice(0, 128) || 'of an unknown type' },
        { cause: error },
      );
    }
    throw error;
  }
}
