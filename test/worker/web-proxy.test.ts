// What holds where a web worker is set to ask through a proxy.
import { afterEach, expect, test } from 'vitest';
import { proxiesOf } from '../../src/worker/handlers/web/web-proxies.ts';
import { httpProxy } from '../support/http-proxy.ts';
import { site, WebRig } from '../support/web-rig.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test('pages are asked through it, hosts of NO_PROXY are not, and URLs are judged as before', async () => {
  const proxy = await httpProxy();
  closing.push(() => proxy.close());
  const { url, asked } = proxy;
  const where = await site((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('page'));
  closing.push(() => where.close());
  const web = await WebRig.open({
    ports: [where.port],
    settings: { parser: { isolation: 'process' } as never },
    proxies: proxiesOf({ HTTP_PROXY: url, NO_PROXY: 'direct.example' }),
    resolve: async (name) => {
      if (name !== 'direct.example') throw new Error(`${name} was looked up here`);
      return [{ address: '127.0.0.1', family: 4 }];
    },
  });
  closing.push(() => web.close());
  expect((await web.fetch(`http://through.example:${where.port}/`)).markdown).toBe('page');
  expect(asked).toEqual([`through.example:${where.port}`]);
  expect((await web.fetch(`http://direct.example:${where.port}/`)).markdown).toBe('page');
  expect(asked).toHaveLength(1);
  for (const address of ['http://10.0.0.1/', 'http://localhost/', 'http://through.example:22/'])
    await expect(web.fetch(address)).rejects.toMatchObject({ reason: 'URL_NOT_ALLOWED' });
});

test('names of the environment are read as curl reads them, and what is none is told', () => {
  expect(proxiesOf({ https_proxy: 'proxy.example:3128', HTTPS_PROXY: 'http://other/' })).toEqual({
    httpProxy: '',
    httpsProxy: 'http://proxy.example:3128/',
    noProxy: '',
  });
  expect(() => proxiesOf({})).toThrow(/neither HTTPS_PROXY nor HTTP_PROXY/);
  expect(() => proxiesOf({ HTTP_PROXY: 'socks5://user:secret@proxy.example' })).toThrow(/HTTP_PROXY is no proxy/);
  expect(() => proxiesOf({ HTTP_PROXY: 'socks5://user:secret@proxy.example' })).not.toThrow(/secret/);
});
