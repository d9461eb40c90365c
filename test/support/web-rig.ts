// The web capability over servers on loopback: names lead where a test wants, and only the ports of its servers are permitted.
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket, type Server as TcpServer } from 'node:net';
import type { Message } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import {
  CrawlRequestSchema,
  type CrawlResponse,
  FetchRequestSchema,
  type FetchResponse,
  SearchRequestSchema,
  type SearchResponse,
} from '../../gen/bowline/capability/web/v1/web_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { DocumentParser } from '../../src/worker/documents/document.ts';
import { openParser } from '../../src/worker/documents/open-parser.ts';
import { PARSER_DEFAULTS, type ParserSettings } from '../../src/worker/documents/parser-settings.ts';
import { assembleWeb } from '../../src/worker/handlers/web/open-web.ts';
import type { Resolve } from '../../src/worker/handlers/web/resolver.ts';
import type { Proxies } from '../../src/worker/handlers/web/web-proxies.ts';
import { WEB_DEFAULTS, type WebSettings } from '../../src/worker/handlers/web/web-settings.ts';
import type { ServedCapability } from '../../src/worker/kit/capability.ts';
import type { HandlerContext } from '../../src/worker/kit/handler.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';
import { LoopbackPolicy } from './loopback-policy.ts';

const LOOPBACK: Resolve = async () => [{ address: '127.0.0.1', family: 4 }];

export interface Site {
  readonly port: number;
  /** `http://site.example:<port>` */
  readonly origin: string;
  /** Paths that were asked for, in their order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** An HTTP server; without a handler of its own for it, /robots.txt is not there. */
export async function site(listener: RequestListener, robots?: RequestListener): Promise<Site> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/robots.txt') {
      if (robots) robots(request, response);
      else response.writeHead(404).end();
    } else listener(request, response);
  });
  return listening(server, asked);
}

/** A server that speaks whatever it likes. */
export const rawSite = (serve: (socket: Socket) => void): Promise<Site> =>
  listening(
    createTcp((socket) => {
      socket.on('error', () => {});
      serve(socket);
    }),
    [],
  );

async function listening(server: Server | TcpServer, asked: string[]): Promise<Site> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://site.example:${port}`,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface WebRigOptions {
  readonly ports: readonly number[];
  readonly settings?: Partial<WebSettings>;
  readonly resolve?: Resolve;
  readonly proxies?: Proxies;
  /** One that is used by several; its owner closes it. Default: one of its own. */
  readonly parser?: DocumentParser;
}

/** The parser of a rig; to share one among the tests of a file. */
export const openRigParser = (settings: Partial<ParserSettings> = {}): Promise<DocumentParser> =>
  openParser({ ...PARSER_DEFAULTS, ...settings }, { clock: systemClock, log: silentLogger });

export class WebRig {
  readonly #web: ServedCapability;

  private constructor(web: ServedCapability) {
    this.#web = web;
  }

  static async open({ ports, settings, resolve = LOOPBACK, proxies, parser: shared }: WebRigOptions): Promise<WebRig> {
    const all: WebSettings = { ...WEB_DEFAULTS, robotsForFetch: false, pauseMs: 0, ...settings };
    const parser = shared
      ? { parse: shared.parse.bind(shared), close: async () => {} }
      : await openRigParser(settings?.parser);
    const policy = new LoopbackPolicy(ports, { privateHosts: all.privateHosts });
    return new WebRig(assembleWeb({ settings: all, parser, policy, resolve, clock: systemClock, proxies }));
  }

  async fetch(
    url: string,
    more: { wholePage?: boolean; noCache?: boolean; maxChars?: number; tenant?: string } = {},
    context: Partial<HandlerContext> = {},
  ) {
    const { tenant = 't1', ...request } = more;
    const response = await this.#call('Fetch', create(FetchRequestSchema, { url, ...request }), { tenant, ...context });
    return (response as FetchResponse).page!;
  }

  async crawl(request: {
    url: string;
    maxPages?: number;
    maxDepth?: number;
    hosts?: string[];
    pathPrefix?: string;
  }): Promise<CrawlResponse[]> {
    const responses: CrawlResponse[] = [];
    const stream = this.#call('Crawl', create(CrawlRequestSchema, request), { tenant: 't1' });
    for await (const response of stream as AsyncIterable<CrawlResponse>) responses.push(response);
    return responses;
  }

  async search(query: string, limit = 0): Promise<SearchResponse> {
    return (await this.#call('Search', create(SearchRequestSchema, { query, pageSize: limit }), {})) as SearchResponse;
  }

  #call(method: string, request: Message, context: Partial<HandlerContext>): Promise<Message> | AsyncIterable<Message> {
    return this.#web.handler.methods[method]!(request, loneContext(context));
  }

  async close(): Promise<void> {
    await this.#web.close?.();
  }
}
