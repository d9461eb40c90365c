// What Fetch promises of friendly and of hostile servers; after each of them the worker reads the next page.

import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DocumentParser } from '../../src/worker/documents/document.ts';
import type { Resolve } from '../../src/worker/handlers/web/resolver.ts';
import { openRigParser, rawSite, type Site, site, WebRig, type WebRigOptions } from '../support/web-rig.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let parser: DocumentParser;
beforeAll(async () => {
  parser = await openRigParser();
});
afterAll(() => parser?.close());

const HTML = { 'content-type': 'text/html; charset=utf-8' };
const PAGE = `<html lang="en"><title>A page</title><body><nav>menu</nav><article><h1>Head</h1><p>${'Words of the article, and more. '.repeat(20)}<a href="/next">next</a></p></article></body></html>`;

async function rig(where: Site, options: Partial<WebRigOptions> = {}): Promise<WebRig> {
  closing.push(() => where.close());
  const opened = await WebRig.open({ ports: [where.port], parser, ...options });
  closing.push(() => opened.close());
  return opened;
}

const serving = async (listener: RequestListener, options: Partial<WebRigOptions> = {}) => {
  const where = await site(listener);
  return { where, web: await rig(where, options) };
};

const reason = (reason: string) => expect.objectContaining({ reason });

describe('a page', () => {
  test('is read as Markdown with its title, links and metadata', async () => {
    const { where, web } = await serving((_, response) => response.writeHead(200, HTML).end(PAGE));
    const page = await web.fetch(`${where.origin}/a#part`);
    expect(page).toMatchObject({
      url: `${where.origin}/a`,
      status: 200,
      title: 'A page',
      language: 'en',
      mediaType: 'text/html',
      charset: 'utf-8',
      fromCache: false,
    });
    expect(page.markdown).toContain(`[next](${where.origin}/next)`);
    expect(page.markdown).not.toContain('menu');
    expect((await web.fetch(`${where.origin}/a`, { wholePage: true })).markdown).toContain('menu');
  });

  test.each([
    ['gbk', 'charset in the header', 'text/html; charset=GBK', ''],
    ['gbk', 'charset in the page', 'text/html', '<meta charset="gb2312">'],
    ['utf-8', 'no charset at all', 'text/html', ''],
    ['utf-8', 'a charset that nobody knows', 'text/html; charset=x-nonsense', ''],
  ])('in Chinese as %s with %s is read', async (charset, _, type, meta) => {
    const GBK = Buffer.from([0xd6, 0xd0, 0xce, 0xc4]);
    const words = charset === 'gbk' ? GBK : Buffer.from('中文');
    const body = Buffer.concat([Buffer.from(`<html>${meta}<body><p>`), words, Buffer.from('</p></body>')]);
    const { where, web } = await serving((_, response) => response.writeHead(200, { 'content-type': type }).end(body));
    const page = await web.fetch(where.origin);
    expect(page.markdown).toBe('中文');
    expect(page.charset).toBe(charset);
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['gzip, br', (data: string) => brotliCompressSync(gzipSync(data))],
  ] as [string, (data: string) => Buffer][])('packed as %s is unpacked', async (encoding, pack) => {
    const { where, web } = await serving((_, response) =>
      response.writeHead(200, { ...HTML, 'content-encoding': encoding }).end(pack(PAGE)),
    );
    expect((await web.fetch(where.origin)).title).toBe('A page');
  });

  test('is cut at the characters that were asked for, and says so', async () => {
    const { where, web } = await serving((_, response) => response.writeHead(200, HTML).end(PAGE));
    const page = await web.fetch(where.origin, { maxChars: 20 });
    expect(page.markdown).toHaveLength(20);
    expect(page.truncated).toBe(true);
  });

  test('sends no cookie, credential or Referer, also after a redirect', async () => {
    const heads: object[] = [];
    const { where, web } = await serving((request, response) => {
      heads.push(request.headers);
      if (request.url === '/a') response.writeHead(302, { location: '/b', 'set-cookie': 'a=b' }).end();
      else response.writeHead(200, HTML).end(PAGE);
    });
    const page = await web.fetch(`${where.origin}/a`);
    expect(page.redirects).toEqual([`${where.origin}/a`]);
    expect(heads).toHaveLength(2);
    for (const head of heads) {
      expect(Object.keys(head).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
    }
  });
});

describe('the cache', () => {
  test('is used while fresh, by the tenant whose it is, and asks with conditions afterwards', async () => {
    const conditions: unknown[] = [];
    const { where, web } = await serving((request, response) => {
      conditions.push(request.headers['if-none-match']);
      const head = { ...HTML, etag: '"1"', 'cache-control': request.url === '/fresh' ? 'max-age=60' : 'no-cache' };
      if (request.headers['if-none-match']) response.writeHead(304, head).end();
      else response.writeHead(200, head).end(PAGE);
    });
    await web.fetch(`${where.origin}/fresh`);
    expect((await web.fetch(`${where.origin}/fresh`)).fromCache).toBe(true);
    expect(conditions).toHaveLength(1);
    expect((await web.fetch(`${where.origin}/fresh`, { tenant: 't2' })).fromCache).toBe(false);
    expect(conditions).toEqual([undefined, undefined]);
    await web.fetch(`${where.origin}/fresh`, { noCache: true });
    expect(conditions).toEqual([undefined, undefined, '"1"']);
    await web.fetch(`${where.origin}/stale`);
    expect(await web.fetch(`${where.origin}/stale`)).toMatchObject({ fromCache: true, title: 'A page' });
    expect(conditions.slice(3)).toEqual([undefined, '"1"']);
  });

  test('keeps nothing of no-store', async () => {
    const { where, web } = await serving((_, response) =>
      response.writeHead(200, { ...HTML, etag: '"1"', 'cache-control': 'no-store, max-age=60' }).end(PAGE),
    );
    await web.fetch(where.origin);
    expect((await web.fetch(where.origin)).fromCache).toBe(false);
  });
});

describe('an address that is not public is refused', () => {
  const refused = {
    redirectTo: async (location: string) => serving((_, response) => response.writeHead(302, { location }).end()),
  };

  test('a private server is read when the operator named exactly its host and port', async () => {
    const where = await site((_, response) => response.writeHead(200, HTML).end(PAGE));
    const web = await rig(where, { ports: [], settings: { privateHosts: [`pages:${where.port}`] } });
    expect((await web.fetch(`http://pages:${where.port}/`)).title).toBe('A page');
    for (const url of [where.origin, `http://127.0.0.1:${where.port}/`, 'http://pages/'])
      await expect(web.fetch(url)).rejects.toEqual(reason('URL_NOT_ALLOWED'));
  });

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://127.0.0.1:6379/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://localhost/',
    'http://user:password@site.example/',
    'file:///etc/passwd',
    'gopher://site.example/',
    'http://site.example:22/',
  ])('by a redirect to %s', async (location) => {
    const { where, web } = await refused.redirectTo(location);
    await expect(web.fetch(where.origin)).rejects.toEqual(reason('URL_NOT_ALLOWED'));
    await expect(web.fetch(location)).rejects.toEqual(reason('URL_NOT_ALLOWED'));
    expect(where.asked).toEqual(['/']);
  });

  test('although the name had a public one a moment before (DNS rebinding)', async () => {
    const answers = ['127.0.0.1', '10.0.0.1'];
    const resolve: Resolve = async () => [{ address: answers.shift() ?? '10.0.0.1', family: 4 }];
    const where = await site((_, response) => response.writeHead(200, { ...HTML, connection: 'close' }).end(PAGE));
    const web = await rig(where, { resolve });
    expect((await web.fetch(where.origin)).title).toBe('A page');
    await expect(web.fetch(where.origin)).rejects.toEqual(reason('URL_NOT_ALLOWED'));
    expect(answers).toEqual([]);
  });

  test('and is not dialled beside a permitted one of the same name', async () => {
    const where = await site((_, response) => response.writeHead(200, HTML).end(PAGE));
    let dialled = 0;
    const other = createServer((socket) => {
      dialled++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => other.listen(where.port, '127.0.0.2', resolve));
    closing.push(() => new Promise((resolve) => other.close(() => resolve())));
    const resolve: Resolve = async () => [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const web = await rig(where, { resolve });
    expect((await web.fetch(where.origin)).title).toBe('A page');
    expect(dialled).toBe(0);
  });

  test('with the same words as a name that does not exist', async () => {
    const where = await site((_, response) => response.end());
    const resolve: Resolve = async (name) => {
      if (name === 'gone.example') throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      return [{ address: '10.1.2.3', family: 4 }];
    };
    const web = await rig(where, { resolve });
    const said = (url: string) => web.fetch(url).then(String, (error: Error) => error.message);
    const words = await Promise.all(['http://there.example/', 'http://gone.example/', 'http://10.1.2.3/'].map(said));
    expect(new Set(words).size).toBe(1);
  });
});

describe('a hostile server', () => {
  const small = { settings: { bodyBytes: 256 << 10, silenceMs: 400, requestMs: 1500 } };
  const bomb = Buffer.alloc(32 << 20, 'a');

  test.each([
    ['gzip', gzipSync(bomb)],
    ['br', brotliCompressSync(bomb.subarray(0, 8 << 20))],
    ['zstd', zstdCompressSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['gzip, gzip', gzipSync(gzipSync(bomb))],
  ])('that sends a bomb of %s is cut off', async (encoding, body) => {
    const { where, web } = await serving(
      (_, response) => response.writeHead(200, { ...HTML, 'content-encoding': encoding }).end(body),
      small,
    );
    await expect(web.fetch(where.origin)).rejects.toEqual(reason('WEB_TOO_LARGE'));
  });

  test.each([
    ['that it says the length of', { ...HTML, 'content-length': String(10 * 2 ** 30) }],
    ['without a word about its length', HTML],
  ])('that sends 10 GB %s is cut off', async (_, head) => {
    let sent = 0;
    let gone = false;
    const { where, web } = await serving((_, response) => {
      response.writeHead(200, head);
      response.on('close', () => {
        gone = true;
      });
      const more = () => {
        while (!gone && sent < 10 * 2 ** 30 && response.write(Buffer.alloc(65_536, 'a'))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    }, small);
    await expect(web.fetch(where.origin)).rejects.toEqual(reason('WEB_TOO_LARGE'));
    await expect.poll(() => gone).toBe(true);
    expect(sent).toBeLessThan(64 << 20);
  });

  test.each([
    ['sends its head byte by byte', 'HTTP/1.1 200 OK\r\nX: ', 'WEB_TOO_SLOW'],
    [
      'sends its body byte by byte',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 100000\r\n\r\n',
      'WEB_TOO_SLOW',
    ],
  ])('that %s is left', async (_, head, why) => {
    const where = await rawSite((socket) => {
      socket.write(head);
      const timer = setInterval(() => socket.write('a'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    const web = await rig(where, small);
    await expect(web.fetch(where.origin)).rejects.toEqual(reason(why));
  });

  test.each([
    ['says nothing', '', 'WEB_TOO_SLOW'],
    ['is no HTTP server', 'SSH-2.0-OpenSSH_9.2\r\n'],
    [
      'sends a head without an end',
      `HTTP/1.1 200 OK\r\n${'X-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(4000)}\r\n`,
    ],
    [
      'says that its body is longer than it is',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5000\r\nconnection: close\r\n\r\nabc',
      'WEB_UNREACHABLE',
    ],
    ['sends two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 50\r\n\r\nabcde', 'WEB_UNREACHABLE'],
    [
      'sends a length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabcde',
      'WEB_UNREACHABLE',
    ],
    [
      'sends broken chunks',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n-1\r\nabc',
    ],
    [
      'sends damaged gzip',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc',
    ],
    [
      'packs in a way that was not asked for',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: compress\r\ncontent-length: 3\r\n\r\nabc',
    ],
  ] as [string, string, string?][])(
    'that %s is told as that, and asked again only where that may help',
    async (_, text, why = 'WEB_ANSWER_INVALID') => {
      const where = await rawSite((socket) => {
        socket.write(text);
        if (text.includes('connection: close')) socket.end();
      });
      const web = await rig(where, small);
      await expect(web.fetch(where.origin)).rejects.toMatchObject({
        reason: why,
        retryable: why === 'WEB_UNREACHABLE',
      });
    },
  );

  test('that redirects for ever, or in a circle, is left', async () => {
    const { where, web } = await serving((request, response) => {
      const at = Number(request.url!.slice(2));
      response.writeHead(302, { location: request.url === '/circle' ? '/circle' : `/n${at + 1}` }).end();
    }, small);
    const left = { reason: 'WEB_ANSWER_INVALID', retryable: false };
    await expect(web.fetch(`${where.origin}/n1`)).rejects.toMatchObject(left);
    expect(where.asked.length).toBeLessThanOrEqual(10);
    await expect(web.fetch(`${where.origin}/circle`)).rejects.toMatchObject(left);
  });

  test.each([
    ['raw UTF-8', Buffer.from('/größe/图')],
    ['escapes', Buffer.from('/gr%C3%B6%C3%9Fe/%E5%9B%BE')],
  ])('that redirects to %s is followed to there', async (_, location) => {
    const asked: string[] = [];
    const where = await rawSite((socket) => {
      socket.once('data', (head) => {
        const path = head.toString('latin1').split(' ')[1]!;
        asked.push(path);
        if (path !== '/') return socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc');
        const start = Buffer.from('HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\nlocation: ');
        return socket.end(Buffer.concat([start, location, Buffer.from('\r\n\r\n')]));
      });
    });
    const web = await rig(where);
    expect((await web.fetch(where.origin)).markdown).toBe('abc');
    expect(asked).toEqual(['/', '/gr%C3%B6%C3%9Fe/%E5%9B%BE']);
  });

  test('that drips is left for its slowness long before the time of a request is over', async () => {
    let asked = 0;
    const where = await site((_, response) => {
      asked++;
      response.writeHead(200, HTML);
      const timer = setInterval(() => response.write('a'), 50);
      response.on('close', () => clearInterval(timer));
    });
    const web = await rig(where, { settings: { silenceMs: 200, requestMs: 60_000 } });
    await expect(web.fetch(where.origin)).rejects.toMatchObject({ reason: 'WEB_TOO_SLOW', retryable: false });
    expect(asked).toBe(1);
  });

  test('cannot make a canceled call wait', async () => {
    const where = await rawSite(() => {});
    const web = await rig(where);
    const stop = new AbortController();
    const call = web.fetch(where.origin, {}, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  test.each([['image/png'], ['application/zip'], ['video/mp4']])('that sends %s sends no text', async (type) => {
    const { where, web } = await serving((_, response) => response.writeHead(200, { 'content-type': type }).end('x'));
    await expect(web.fetch(where.origin)).rejects.toEqual(reason('WEB_NOT_TEXT'));
  });

  test.each([
    [404, 'WEB_STATUS'],
    [403, 'WEB_STATUS'],
    [503, 'WEB_BUSY'],
    [429, 'WEB_BUSY'],
  ])('that answers %i is told as %s', async (status, why) => {
    const { where, web } = await serving((_, response) => response.writeHead(status, { 'retry-after': '3600' }).end());
    await expect(web.fetch(where.origin)).rejects.toEqual(reason(why));
    if (why === 'WEB_STATUS') return;
    await expect(web.fetch(where.origin)).rejects.toEqual(reason(why));
    expect(where.asked).toHaveLength(1);
  });
});

describe('robots.txt', () => {
  const asks = async (robots: RequestListener, settings = {}) => {
    const where = await site((_, response) => response.writeHead(200, HTML).end(PAGE), robots);
    const web = await rig(where, { settings: { robotsForFetch: true, silenceMs: 400, requestMs: 1500, ...settings } });
    return (path: string) =>
      web.fetch(`${where.origin}${path}`).then(
        ({ title }) => title,
        (error) => error.reason as string,
      );
  };

  test('is obeyed, by the name of this worker or else that of all', async () => {
    const ask = await asks((_, response) =>
      response.end('User-agent: *\nDisallow: /no\n\nUser-agent: BowlineWeb\nDisallow: /secret\n'),
    );
    expect(await ask('/secret/x')).toBe('WEB_ROBOTS');
    expect(await ask('/no')).toBe('A page');
  });

  test.each([
    ['is not there', (_, response) => response.writeHead(404).end(), 'A page'],
    ['cannot be had', (_, response) => response.writeHead(500).end(), 'WEB_ROBOTS'],
    ['never answers', () => {}, 'WEB_TOO_SLOW'],
    ['breaks off', (request) => request.socket.destroy(), 'WEB_UNREACHABLE'],
    [
      'is packed and damaged',
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('abc'),
      'WEB_ANSWER_INVALID',
    ],
    [
      'is moved',
      (request, response) => request.url === '/robots.txt' && response.writeHead(301, { location: '/moved' }).end(),
      'A page',
    ],
    [
      'is without an end',
      (_, response) => {
        const more = () => {
          while (response.write(`Allow: /x${'y'.repeat(60)}\n`.repeat(500)));
        };
        response.on('drain', more);
        more();
      },
      'A page',
    ],
    [
      'has thousands of rules with wildcards',
      (_, response) =>
        response.end(
          `User-agent: *\n${Array.from({ length: 5000 }, (_, at) => `Disallow: /*a*a*a*${at}$\n`).join('')}`,
        ),
      'WEB_ROBOTS',
    ],
  ] as [string, RequestListener, string][])('that %s: %#', async (_, robots, outcome) => {
    expect(await (await asks(robots))('/a')).toBe(outcome);
  });

  test('that could not be read is not asked for by each page, and is told as what stood in the way', async () => {
    let asked = 0;
    const where = await site(
      (_, response) => response.end('x'),
      (request) => {
        asked++;
        request.socket.destroy();
      },
    );
    const web = await rig(where, { settings: { robotsForFetch: true } });
    for (const path of ['/a', '/b']) {
      await expect(web.fetch(`${where.origin}${path}`)).rejects.toMatchObject({
        reason: 'WEB_UNREACHABLE',
        message: expect.stringMatching(/robots\.txt.*connection/),
      });
    }
    expect(asked).toBe(1);
  });
});
