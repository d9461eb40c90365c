// A server of two pages of HTML, that of an article of some sections and one of 200 KB; nothing of them may be kept.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveAgent } from '../harness/agent.ts';

const section = (i: number) =>
  `<h2>Section ${i}</h2><p>Some words of number ${i}, <b>bold</b>, with a <a href="/page/${i}">link</a> and so on, until there is a paragraph of the length that paragraphs have.</p><ul><li>one</li><li>two</li></ul>`;
const page = (sections: number) =>
  `<!doctype html><html lang="en"><head><title>A page</title></head><body><nav><a href="/">home</a></nav><article>${Array.from({ length: sections }, (_, i) => section(i)).join('')}</article></body></html>`;
const PAGES = new Map([
  ['/small', page(8)],
  ['/large', page(Math.ceil((200 << 10) / section(100).length))],
]);

serveAgent({
  listen: () =>
    new Promise((resolve) => {
      const server = createServer(({ url = '' }, response) => {
        const text = PAGES.get(url);
        if (text === undefined) response.writeHead(404).end();
        else
          response
            .writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
            .end(text);
      });
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    }),
});
