import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { httpProxy } from '../../../../test/support/http-proxy.ts';
import { boundedFetch } from './bounded-fetch.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function rig() {
  const server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/' }).end();
    else request.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await httpProxy();
  ends.push(
    () => {
      server.closeAllConnections();
      server.close();
    },
    () => proxy.close(),
  );
  return { port: (server.address() as AddressInfo).port, proxy };
}

test('a provider is asked through the proxy, in clear with its whole URL; exempt ones and this machine are not', async () => {
  const { port, proxy } = await rig();
  const env = { HTTP_PROXY: proxy.url.replace('//', '//me@'), NO_PROXY: 'direct.example' };
  const ask = boundedFetch(1_000_000, 'house', env);
  const url = `http://model.example:${port}/v1/chat`;
  const answer = await ask(url, { method: 'POST', body: '{"a":1}', headers: { 'x-key': 'k' } });
  expect(await answer.text()).toBe('{"a":1}');
  expect(proxy.asked).toEqual([url]);
  expect(proxy.users).toEqual([`Basic ${Buffer.from('me:').toString('base64')}`]);
  await expect(ask(`http://model.example:${port}/moved`)).rejects.toMatchObject({ reason: 'PROVIDER_REFUSED' });
  await (await ask(`http://127.0.0.1:${port}/`)).text();
  await expect(ask('http://direct.example:1/')).rejects.toThrow();
  expect(proxy.asked).toHaveLength(2);
});

test('https goes by CONNECT, a proxy that refuses is named, and a call that is given up stays given up', async () => {
  const { proxy } = await rig();
  const shut = await httpProxy(403);
  ends.push(() => shut.close());
  const refused = boundedFetch(1_000_000, 'house', { https_proxy: shut.url });
  await expect(refused('https://model.example/v1')).rejects.toMatchObject({
    reason: 'PROVIDER_UNAVAILABLE',
    metadata: { problem: expect.stringMatching(/403.*through the proxy 127\.0\.0\.1:\d+; see HTTPS_PROXY/) },
  });
  expect(shut.asked).toEqual(['model.example:443']);
  const gone = boundedFetch(1_000_000, 'house', { https_proxy: proxy.url });
  await expect(gone('https://model.example:9/', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  const silly = boundedFetch(1_000_000, 'house', { https_proxy: 'socks5://x:secret@y' });
  await expect(silly('https://model.example/')).rejects.toMatchObject({ reason: 'USAGE' });
});
