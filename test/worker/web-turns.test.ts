// What strangers wrote never holds the process up that asked for it: no turn of its event loop is longer than the limit, whatever
// their robots.txt, pages, heads and answers are.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { searxng } from '../../src/worker/handlers/web/web-settings.ts';
import { withTurnWatch } from '../support/turn-watch.ts';
import { type Site, site, WebRig } from '../support/web-rig.ts';

vi.setConfig({ testTimeout: 180_000 });

const repeat = (count: number, one: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => one(at)).join('');
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const ROBOTS: Readonly<Record<string, string>> = {
  'agents times rules': `${'User-agent:*\n'.repeat(15_000)}${'Allow:/\n'.repeat(35_000)}`,
  'wildcards of one letter': `User-agent: *\n${repeat(500, (at) => `Allow: /${'*a'.repeat(480)}${at}\n`)}`,
  'wildcards that nearly match': `User-agent: *\n${repeat(500, (at) => `Allow: /*${'a'.repeat(960)}${at}\n`)}`,
  'many wildcards': `User-agent: *\n${repeat(5000, (at) => `Allow: /*a*a*a*a*a*${at}$\n`)}`,
  'stars alone': `User-agent: *\n${`Allow: ${'*'.repeat(900)}b\n`.repeat(500)}`,
  'long rules': `User-agent: *\n${repeat(10_000, (at) => `Allow: /${'a'.repeat(30)}${at}\n`)}`,
  'one line': `User-agent: *\nAllow: /${'*a'.repeat(250_000)}`,
  escapes: `User-agent: *\nAllow: /${'%61'.repeat(160_000)}`,
  'line ends': '\n'.repeat(512_000),
  'groups in turn': repeat(8000, (at) => `User-agent: *\nAllow: /${at}\nUser-agent: BowlineWeb\nAllow: /x${at}\n`),
};

const html = (body: string) => ['text/html', `<!doctype html><body>${body}`] as const;
const PAGES: Readonly<Record<string, readonly [type: string, body: string]>> = {
  '/plain': ['text/plain', 'words '.repeat(1_300_000)],
  '/controls': ['text/plain', '\x01\x02'.repeat(4_000_000)],
  '/emoji': ['text/plain', '😀'.repeat(2_000_000)],
  '/deep': html('<div>'.repeat(200_000)),
  '/paragraphs': html('<p>words and words</p>'.repeat(50_000)),
  '/links': html(repeat(500, (at) => `<a href="/${at}${'%41'.repeat(1300)}">${at}</a> `)),
  '/queries': html(repeat(500, (at) => `<a href="/q?${'a=%7e&'.repeat(600)}${at}">${at}</a> `)),
  '/dots': html(repeat(500, (at) => `<a href="/${'a/../'.repeat(700)}${at}">${at}</a> `)),
};

let pages: Site;
let web: WebRig;
const robots = new Map<string, Site>();

beforeAll(async () => {
  pages = await site((request, response) => {
    const [type, body] = PAGES[request.url!] ?? html('x');
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  closing.push(() => pages.close());
  for (const [name, text] of Object.entries(ROBOTS)) {
    const one = await site(
      (_, response) => response.end('page'),
      (_, response) => response.end(text),
    );
    robots.set(name, one);
    closing.push(() => one.close());
  }
  const ports = [pages, ...robots.values()].map(({ port }) => port);
  const parser = { isolation: 'process' as const };
  web = await WebRig.open({ ports, settings: { robotsForFetch: true, cacheBytes: 1, parser: parser as never } });
  closing.push(() => web.close());
});

const settled = (work: Promise<unknown>) => work.catch(() => {});

test('a robots.txt', async () => {
  const path = 'a'.repeat(2000);
  await withTurnWatch(
    Object.keys(ROBOTS),
    async (name) => {
      const { origin } = robots.get(name)!;
      for (const end of ['', 'b', 'c']) await settled(web.fetch(`${origin}/${path}${end}`, { noCache: true }));
    },
    { name: (name) => name },
  );
});

test('a page', async () => {
  await withTurnWatch(
    Object.keys(PAGES),
    async (path) => settled(web.fetch(`${pages.origin}${path}`, { wholePage: true, maxChars: 500_000 })),
    { name: (path) => path },
  );
});

test('the links of a page that is crawled', async () => {
  await withTurnWatch(
    ['/links', '/queries', '/dots'],
    async (path) => settled(web.crawl({ url: `${pages.origin}${path}`, maxPages: 2 })),
    { name: (path) => path },
  );
});

test('the answer of a search service', async () => {
  const one = '{"url":"https://a.example/","title":"<b><b><b>&amp;&amp;","content":"<a &#x41; &lt;"},';
  const answers: Readonly<Record<string, string>> = {
    arrays: `{"results":[${'[],'.repeat(300_000)}1]}`,
    'arrays in arrays': `{"results":${'['.repeat(500_000)}`,
    objects: `{"results":[${'{"a":1},'.repeat(120_000)}1]}`,
    results: `{"results":[${one.repeat(11_000)}1]}`,
    'long words': `{"results":[${`{"url":"https://a.example/","title":"${'<a'.repeat(2000)}","content":"${'&lt;'.repeat(400)}"},`.repeat(150)}1]}`,
    escapes: `{"results":["${'\\u0041'.repeat(160_000)}"]}`,
  };
  let answer = '{"results":[]}';
  const service = await site((_, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer),
  );
  closing.push(() => service.close());
  const asking = await WebRig.open({
    ports: [],
    settings: { search: searxng(service.origin), parser: { isolation: 'process' } as never },
  });
  closing.push(() => asking.close());
  await withTurnWatch(
    Object.keys(answers),
    async (name) => {
      answer = answers[name]!;
      expect(answer.length).toBeLessThan(1 << 20);
      await settled(asking.search('words', 50));
    },
    { name: (name) => name },
  );
});
