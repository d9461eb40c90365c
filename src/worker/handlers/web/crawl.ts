// Reads a site from one page on, breadth first, within limits, and tells each page as it is read.

import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CrawlLimit,
  type CrawlRequest,
  type CrawlResponse,
  CrawlResponseSchema,
} from '../../../../gen/bowline/capability/web/v1/web_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { SPANS } from '../../../base/telemetry/names.ts';
import type { DocumentParser } from '../../documents/document.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import { inSpan } from '../../kit/spans.ts';
import { Frontier, type WaitingUrl } from './frontier.ts';
import { type ReadPage, readPage } from './read-page.ts';
import type { WebClient, WebResource } from './web-client.ts';
import type { WebSettings } from './web-settings.ts';

const DEFAULT_PAGES = 20;
const MOST_PAGES = 500;
const DEFAULT_DEPTH = 2;
const MOST_DEPTH = 10;
const DEFAULT_CHARS = 20_000;
const MOST_CHARS = 500_000;
/** URLs that are asked for each page that is wanted; what is not read counts too. */
const TRIES = 4;
/** Links that are judged in one turn of the event loop. */
const LINKS = 25;
/** What is left of a job's time to tell the end of a crawl, in milliseconds. */
const END_MS = 2000;

export interface CrawlParts {
  readonly client: WebClient;
  readonly parser: DocumentParser;
  readonly settings: WebSettings;
  readonly clock: Clock;
}

export async function* crawl(
  parts: CrawlParts,
  request: CrawlRequest,
  context: HandlerContext,
): AsyncGenerator<CrawlResponse> {
  const first = parts.client.judge(request.url);
  yield* new Crawl(parts, request, context, first).run();
}

type Step =
  | { readonly page: ReadPage; readonly bytes: number }
  | { readonly reason: string; readonly problem: string }
  | undefined;

class Crawl {
  readonly #parts: CrawlParts;
  readonly #request: CrawlRequest;
  readonly #context: HandlerContext;
  readonly #frontier: Frontier;
  readonly #hosts: Set<string>;
  readonly #texts = new Set<string>();
  readonly #most: { readonly pages: number; readonly depth: number; readonly chars: number };
  readonly #until: number;
  #pages = 0;
  #skipped = 0;
  #bytes = 0;
  #tooDeep = false;

  constructor(parts: CrawlParts, request: CrawlRequest, context: HandlerContext, first: URL) {
    this.#parts = parts;
    this.#request = request;
    this.#context = context;
    this.#frontier = new Frontier(parts.settings.crawlQueue);
    this.#frontier.add(first, 0);
    this.#hosts = new Set([first.hostname, ...request.hosts.map((host) => host.toLowerCase())]);
    this.#most = {
      pages: Math.min(request.maxPages || DEFAULT_PAGES, MOST_PAGES),
      depth: Math.min(request.maxDepth || DEFAULT_DEPTH, MOST_DEPTH),
      chars: Math.min(request.maxChars || DEFAULT_CHARS, MOST_CHARS),
    };
    const { clock, settings } = parts;
    this.#until = Math.min(clock.now() + settings.crawlMs, context.deadline - END_MS);
  }

  async *run(): AsyncGenerator<CrawlResponse> {
    const late = new AbortController();
    const stop = this.#parts.clock.after(this.#until - this.#parts.clock.now(), () => late.abort());
    const signal = AbortSignal.any([this.#context.signal, late.signal]);
    let limit: CrawlLimit = CrawlLimit.UNSPECIFIED;
    try {
      for (let waiting = this.#frontier.dequeue(); waiting; waiting = this.#frontier.dequeue()) {
        limit = this.#met();
        if (limit) break;
        const step = await this.#step(waiting, signal);
        this.#context.signal.throwIfAborted();
        if (late.signal.aborted) {
          limit = CrawlLimit.TIME;
          break;
        }
        if (step) yield await this.#tell(waiting, step);
      }
    } finally {
      stop();
    }
    if (!limit && (this.#tooDeep || this.#frontier.full)) limit = this.#tooDeep ? CrawlLimit.DEPTH : CrawlLimit.PAGES;
    const end = { pages: this.#pages, skipped: this.#skipped, limit };
    yield response({ case: 'end', value: end });
  }

  #met(): CrawlLimit {
    if (this.#pages >= this.#most.pages || this.#skipped >= this.#most.pages * TRIES) return CrawlLimit.PAGES;
    return this.#bytes >= this.#parts.settings.crawlBytes ? CrawlLimit.BYTES : CrawlLimit.UNSPECIFIED;
  }

  /** Undefined: it is a page that was read already under another name. Throws nothing. */
  async #step({ url, depth }: WaitingUrl, signal: AbortSignal): Promise<Step> {
    const { client, parser, settings } = this.#parts;
    const { tenant, span } = this.#context;
    try {
      const options: Parameters<WebClient['read']>[1] = {
        tenant,
        signal,
        noCache: false,
        obeyRobots: true,
        pauseMs: settings.pauseMs,
        judge: (hop) => this.#judge(hop, depth),
      };
      const resource = await inSpan(span(SPANS.page), () => client.read(url, options));
      this.#bytes += resource.body.length;
      if (this.#isKnown(url, resource, depth)) return undefined;
      const page = await readPage(parser, resource, { tenant, signal, readable: true, maxChars: this.#most.chars });
      return this.#isCopy(page) ? undefined : { page, bytes: resource.body.length };
    } catch (error) {
      if (error instanceof AppError) return { reason: error.reason, problem: error.message };
      if (!signal.aborted) this.#context.log.error('a page of a crawl failed', error);
      return { reason: 'INTERNAL', problem: 'this page could not be read' };
    }
  }

  /** Redirects may not lead where links may not; where the first page leads is where the site is. */
  #judge(url: URL, depth: number): void {
    if (depth === 0) this.#hosts.add(url.hostname);
    else if (!this.#wants(url)) throw new AppError('URL_NOT_ALLOWED', { problem: 'it leads out of what is crawled' });
  }

  #wants({ hostname, pathname }: URL): boolean {
    return this.#hosts.has(hostname) && pathname.startsWith(this.#request.pathPrefix);
  }

  #isKnown(asked: URL, { url, redirects }: WebResource, depth: number): boolean {
    if (redirects.length === 0 || depth === 0) {
      this.#frontier.mark(url);
      return false;
    }
    return this.#frontier.mark(url) && url.href !== asked.href;
  }

  /** Pages that say that they are another one which was read, and pages with the very same text. */
  #isCopy({ page, canonical }: ReadPage): boolean {
    const other = canonical ? URL.parse(canonical) : null;
    const own = URL.parse(page.url);
    const told = other !== null && own !== null && other.host === own.host && other.href !== own.href;
    if (told && this.#frontier.mark(other)) return true;
    const text = createHash('sha256').update(page.title).update('\n').update(page.markdown).digest('base64');
    if (page.markdown !== '' && this.#texts.has(text)) return true;
    this.#texts.add(text);
    return false;
  }

  async #tell({ url, depth }: WaitingUrl, step: NonNullable<Step>): Promise<CrawlResponse> {
    if (!('page' in step)) {
      this.#skipped++;
      return response({ case: 'skipped', value: { url: url.href, ...step } });
    }
    this.#pages++;
    this.#context.progress(this.#pages, this.#most.pages);
    await this.#follow(step.page, depth);
    return response({ case: 'page', value: { page: step.page.page, depth } });
  }

  async #follow({ page: { links } }: ReadPage, depth: number): Promise<void> {
    for (const [at, { url: text }] of links.entries()) {
      // Links are as long as a stranger likes: others get their turn between them.
      if (at % LINKS === LINKS - 1) await setImmediate();
      const url = URL.parse(text);
      if (!url || !this.#wants(url)) continue;
      if (depth >= this.#most.depth) this.#tooDeep = true;
      else if (this.#isAllowed(url)) this.#frontier.add(url, depth + 1);
    }
  }

  #isAllowed(url: URL): boolean {
    try {
      this.#parts.client.judge(url.href);
      return true;
    } catch {
      return false;
    }
  }
}

const response = (event: NonNullable<MessageInitShape<typeof CrawlResponseSchema>['event']>): CrawlResponse =>
  create(CrawlResponseSchema, { event });
