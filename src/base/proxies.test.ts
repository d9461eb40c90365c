import { expect, test } from 'vitest';
import { type ProxyEnv, proxyFor } from './proxies.ts';

const through = (url: string, env: ProxyEnv) => proxyFor(new URL(url), env)?.href;
const BOTH = { HTTP_PROXY: 'http://clear.example:3128', HTTPS_PROXY: 'secure.example:3129' };

test('the scheme of the URL says which variable counts, and the small name wins', () => {
  expect(through('http://a.example/', BOTH)).toBe('http://clear.example:3128/');
  expect(through('https://a.example/', BOTH)).toBe('http://secure.example:3129/');
  expect(through('https://a.example/', { HTTP_PROXY: 'http://clear.example:3128' })).toBeUndefined();
  expect(through('https://a.example/', { ...BOTH, https_proxy: 'https://small.example' })).toBe(
    'https://small.example/',
  );
  expect(through('https://a.example/', { ...BOTH, https_proxy: ' ' })).toBe('http://secure.example:3129/');
  expect(through('https://a.example/', {})).toBeUndefined();
});

test('this machine is never asked through a proxy', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.8.7', '[::1]', '[::ffff:127.0.0.1]'])
    expect(through(`http://${host}:7420/`, BOTH)).toBeUndefined();
  expect(through('http://localhost.example/', BOTH)).toBeDefined();
});

test.each([
  ['*', 'https://a.example/', true],
  ['a.example', 'https://a.example/', true],
  ['a.example', 'https://b.a.example/', true],
  ['.a.example', 'https://b.a.example/', true],
  ['.a.example', 'https://a.example/', true],
  ['*.a.example', 'https://b.a.example/', true],
  ['a.example', 'https://ba.example/', false],
  ['a.example', 'https://a.example.org/', false],
  ['A.Example', 'https://a.EXAMPLE./', true],
  ['x.example, a.example', 'https://a.example/', true],
  ['x.example a.example', 'https://a.example/', true],
  ['a.example:8443', 'https://a.example/', false],
  ['a.example:443', 'https://a.example/', true],
  ['a.example:8443', 'https://a.example:8443/', true],
  ['10.0.0.0/8', 'https://10.20.30.40/', true],
  ['10.0.0.0/8', 'https://11.0.0.1/', false],
  ['10.0.0.0/8', 'https://ten.example/', false],
  ['192.0.2.7', 'https://192.0.2.7/', true],
  ['2.7', 'https://192.0.2.7/', false],
  ['fd00::/8', 'https://[fd12::1]/', true],
  ['2001:db8::5', 'https://[2001:db8::5]/', true],
  ['[2001:db8::5]:443', 'https://[2001:db8::5]/', true],
  ['[2001:db8::5]:80', 'https://[2001:db8::5]/', false],
  ['10.0.0.0/99', 'https://10.0.0.1/', false],
  ['/8', 'https://10.0.0.1/', false],
  [',, ,', 'https://a.example/', false],
  ['.', 'https://a.example/', false],
])('NO_PROXY=%s and %s', (noProxy, url, direct) => {
  expect(through(url, { ...BOTH, NO_PROXY: noProxy }) === undefined).toBe(direct);
  expect(through(url, { ...BOTH, no_proxy: noProxy, NO_PROXY: '*' }) === undefined).toBe(direct);
});

test('what is no proxy is told without its value', () => {
  for (const said of ['socks5://me:secret@proxy.example', 'http://me:secret@', 'http://[secret'])
    expect(() => through('https://a.example/', { https_proxy: said })).toThrow(
      /^https_proxy is no proxy of the form http:\/\/host:port$/,
    );
});
