// Serves bowline.capability.web.v1 from its parts. What each of them may do is theirs.
import { create } from '@bufbuild/protobuf';
import {
  type FetchRequest,
  type FetchResponse,
  FetchResponseSchema,
  WebService,
} from '../../../../gen/bowline/capability/web/v1/web_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { SPANS } from '../../../base/telemetry/names.ts';
import { defineHandler, type Handler, type HandlerContext } from '../../kit/handler.ts';
import { inSpan } from '../../kit/spans.ts';
import { type CrawlParts, crawl } from './crawl.ts';
import { readPage } from './read-page.ts';
import { type SearchParts, searchWeb } from './search-web.ts';

const DEFAULT_CHARS = 50_000;
const MOST_CHARS = 500_000;

export interface WebParts extends CrawlParts {
  /** Undefined: no search service is configured. */
  readonly search: SearchParts | undefined;
}

export function webHandler(parts: WebParts): Handler {
  return defineHandler(WebService, {
    Fetch: (request, context) => fetchPage(parts, request, context),
    Crawl: (request, context) => crawl(parts, request, context),
    Search: async (request, { signal, span }) => {
      if (!parts.search) throw new AppError('WEB_SEARCH_NOT_CONFIGURED');
      const { search } = parts;
      return inSpan(span(SPANS.search), () => searchWeb(search, request, signal));
    },
  });
}

async function fetchPage(parts: WebParts, request: FetchRequest, context: HandlerContext): Promise<FetchResponse> {
  const { client, parser, settings } = parts;
  const { tenant, signal } = context;
  const { noCache, wholePage } = request;
  const maxChars = Math.min(request.maxChars || DEFAULT_CHARS, MOST_CHARS);
  const options = { tenant, signal, noCache, obeyRobots: settings.robotsForFetch, pauseMs: undefined };
  const url = client.judge(request.url);
  const resource = await inSpan(context.span(SPANS.page), () => client.read(url, options));
  const { page } = await readPage(parser, resource, { tenant, signal, readable: !wholePage, maxChars });
  return create(FetchResponseSchema, { page });
}
