// What Crawl and Search promise, of friendly and of hostile sites.
import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CrawlLimit } from '../../gen/bowline/capability/web/v1/web_pb.ts';
import { Secret } from '../../src/base/secret.ts';
import type { DocumentParser } from '../../src/worker/documents/document.ts';
import { brave, searxng, type WebSettings } from '../../src/worker/handlers/web/web-settings.ts';
import { openRigParser, type Site, site, WebRig } from '../support/web-rig.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let parser: DocumentParser;
beforeAll(async () => {
  parser = await openRigParser();
});
afterAll(() => parser?.close());

async function serving(
  listener: RequestListener,
  settings: Partial<WebSettings> = {},
  robots?: RequestListener,
): Promise<{ where: Site; web: WebRig }> {
  const where = await site(listener, robots);
  closing.push(() => where.close());
  const web = await WebRig.open({ ports: [where.port], settings, parser });
  closing.push(() => web.close());
  return { where, web };
}

const HTML = { 'content-type': 'text/html' };
const links = (...paths: string[]) => paths.map((path) => `<a href="${path}">${path}</a> `).join('');
const paths = (responses: Awaited<ReturnType<WebRig['crawl']>>) =>
  responses.flatMap(({ event }) => (event.case === 'page' ? [new URL(event.value.page!.url).pathname] : []));
const end = (responses: Awaited<ReturnType<WebRig['crawl']>>) => {
  const last = responses.at(-1)!.event;
  return last.case === 'end'
    ? { pages: last.value.pages, skipped: last.value.skipped, limit: last.value.limit }
    : undefined;
};

test('a site is read breadth first, each page once, within its depth', async () => {
  const site: Record<string, string> = {
    '/': links('/a', '/b#x', '/a?utm_source=y', 'http://other.example/', '/c/../b'),
    '/a': links('/deep'),
    '/b': links('/'),
    '/deep': links('/deeper'),
  };
  const { where, web } = await serving((request, response) =>
    response.writeHead(200, HTML).end(`<p>${request.url} ${site[request.url!] ?? ''}`),
  );
  const responses = await web.crawl({ url: where.origin, maxDepth: 2 });
  expect(paths(responses)).toEqual(['/', '/a', '/b', '/deep']);
  expect(end(responses)).toEqual({ pages: 4, skipped: 0, limit: CrawlLimit.DEPTH });
  expect(where.asked.filter((path) => path === '/robots.txt')).toHaveLength(1);
});

test('a maze without an end is left after the pages that were asked for', async () => {
  const { where, web } = await serving((request, response) => {
    const own = Math.random().toString(36).slice(2);
    response
      .writeHead(200, HTML)
      .end(`<p>${own} ${links(...Array.from({ length: 40 }, (_, i) => `${request.url!.slice(0, 40)}${own}${i}/`))}`);
  });
  const responses = await web.crawl({ url: where.origin, maxPages: 12, maxDepth: 10 });
  expect(end(responses)).toEqual({ pages: 12, skipped: 0, limit: CrawlLimit.PAGES });
  expect(where.asked).toHaveLength(13);
});

test('what robots.txt forbids is skipped, with the reason', async () => {
  const { where, web } = await serving(
    (request, response) => response.writeHead(200, HTML).end(`<p>${request.url} ${links('/yes', '/no')}`),
    {},
    (_, response) => response.end('User-agent: *\nDisallow: /no\n'),
  );
  const responses = await web.crawl({ url: where.origin });
  expect(paths(responses)).toEqual(['/', '/yes']);
  expect(responses.some(({ event }) => event.case === 'skipped' && event.value.reason === 'WEB_ROBOTS')).toBe(true);
  expect(where.asked).not.toContain('/no');
});

test('copies, canonical names and redirects to what was read are not told twice', async () => {
  const { where, web } = await serving((request, response) => {
    if (request.url === '/moved') response.writeHead(301, { location: '/a' }).end();
    else if (request.url === '/')
      response.writeHead(200, HTML).end(`<p>start ${links('/a', '/moved', '/copy1', '/copy2', '/alias')}`);
    else if (request.url === '/alias') response.writeHead(200, HTML).end('<link rel=canonical href="/a"><p>alias');
    else response.writeHead(200, HTML).end(request.url!.startsWith('/copy') ? '<p>copy' : `<p>${request.url}`);
  });
  const responses = await web.crawl({ url: where.origin });
  expect(paths(responses)).toEqual(['/', '/a', '/copy1']);
});

test('a redirect out of the site, to a private address too, is skipped', async () => {
  const { where, web } = await serving((request, response) => {
    if (request.url === '/') response.writeHead(200, HTML).end(links('/out', '/in'));
    else
      response
        .writeHead(302, { location: request.url === '/out' ? 'http://other.example/' : 'http://169.254.169.254/' })
        .end();
  });
  const responses = await web.crawl({ url: where.origin });
  const reasons = responses.flatMap(({ event }) => (event.case === 'skipped' ? [event.value.reason] : []));
  expect(reasons).toEqual(['URL_NOT_ALLOWED', 'URL_NOT_ALLOWED']);
});

test('a crawl ends in good order when its time or its bytes are used up', async () => {
  const page: RequestListener = (request, response) =>
    response.writeHead(200, HTML).end(`<p>${'x'.repeat(5000)}${request.url}${links(`${request.url}a`)}`);
  const bytes = await serving(page, { crawlBytes: 12_000 });
  expect(end(await bytes.web.crawl({ url: bytes.where.origin, maxDepth: 10 }))).toMatchObject({
    pages: 3,
    limit: CrawlLimit.BYTES,
  });
  const time = await serving((request, response) => (request.url === '/' ? page(request, response) : undefined), {
    crawlMs: 1500,
  });
  expect(end(await time.web.crawl({ url: time.where.origin }))).toMatchObject({ pages: 1, limit: CrawlLimit.TIME });
});

test('a host that asks for a long pause is not asked again', async () => {
  const { where, web } = await serving(
    (request, response) => response.writeHead(200, HTML).end(`<p>${request.url}${links('/a', '/b')}`),
    { pauseMs: 1 },
    (_, response) => response.end('User-agent: *\nCrawl-delay: 86400\n'),
  );
  const responses = await web.crawl({ url: where.origin });
  expect(end(responses)).toEqual({ pages: 0, skipped: 1, limit: CrawlLimit.UNSPECIFIED });
});

test('a pause that robots.txt asks for is kept where the worker itself makes none', async () => {
  const at: number[] = [];
  const { where, web } = await serving(
    (request, response) => {
      at.push(performance.now());
      response.writeHead(200, HTML).end(`<p>${request.url}${links('/a', '/b')}`);
    },
    { pauseMs: 0 },
    (_, response) => response.end('User-agent: *\nCrawl-delay: 0.4\n'),
  );
  expect(end(await web.crawl({ url: where.origin }))).toMatchObject({ pages: 3 });
  for (const [one, other] of [
    [at[0]!, at[1]!],
    [at[1]!, at[2]!],
  ] as const)
    expect(other - one).toBeGreaterThanOrEqual(390);
});

test('Search says that there is no service, or asks the one that is configured', async () => {
  const { where, web } = await serving((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://x');
    const results = [
      {
        url: 'https://a.example/',
        title: `<b>${searchParams.get('q')}</b> &amp; more`,
        content: 'words',
        publishedDate: '2026-01-01',
      },
      { url: 'javascript:alert(1)', title: 'no' },
      'nonsense',
    ];
    response.end(JSON.stringify({ results }));
  });
  await expect(web.search('x')).rejects.toEqual(expect.objectContaining({ reason: 'WEB_SEARCH_NOT_CONFIGURED' }));
  const asking = await WebRig.open({ ports: [], settings: { search: searxng(where.origin) }, parser });
  closing.push(() => asking.close());
  const { results, provider } = await asking.search('中文');
  expect(results).toMatchObject([
    { url: 'https://a.example/', title: '中文 & more', snippet: 'words', published: '2026-01-01' },
  ]);
  expect(provider).toBe(`site.example:${where.port}`);
  // The exemption is that of the search alone.
  await expect(asking.fetch(where.origin)).rejects.toEqual(expect.objectContaining({ reason: 'URL_NOT_ALLOWED' }));
});

test('a search service with a key gets it, and what goes wrong there is told without it', async () => {
  let status = 200;
  const { where } = await serving((request, response) => {
    const key = request.headers['x-subscription-token'];
    response
      .writeHead(status, { location: 'http://127.0.0.1:1/' })
      .end(key === 'k-123' ? '{"web":{"results":[{"url":"https://b.example/","title":"t","description":"d"}]}}' : '{}');
  });
  const web = await WebRig.open({
    ports: [],
    settings: { search: brave(new Secret('k-123'), `${where.origin}/search`) },
    parser,
  });
  closing.push(() => web.close());
  expect((await web.search('x', 5)).results).toMatchObject([{ url: 'https://b.example/', snippet: 'd' }]);
  for (status of [302, 401, 500]) {
    const error = await web.search('x').then(
      () => undefined,
      (one: Error) => one,
    );
    expect(error).toMatchObject({ reason: 'WEB_SEARCH_FAILED' });
    expect(String(error)).not.toContain('k-123');
  }
});
