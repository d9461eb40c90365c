// What a URL may be: hostile spellings against entries as config.yaml has them, and the addresses that a name may stand for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadEdgeConfig } from '../config/edge-config.ts';
import { addressKind, mayConnect } from '../config/local-address.ts';
import { judgeLanUrl } from './judge-lan-url.ts';

function entriesOf(yaml: string) {
  const dir = mkdtempSync(join(tmpdir(), 'lan-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'config.yaml');
  writeFileSync(file, yaml);
  return loadEdgeConfig(file).lan;
}

const CONFIG = `allow:
  lan:
    - {name: hub, url: "http://192.168.1.20:8123/api", methods: [GET, POST]}
    - {name: light, url: "http://192.168.1.21", methods: [GET], get: act}
    - {name: nas, url: "https://[fd00::5]:8443/v1", methods: [GET]}
    - {name: deep, url: "http://192.168.1.20:8123/api/deep", methods: [DELETE]}
`;
const judge = (url: string, how: Partial<Parameters<typeof judgeLanUrl>[0]> = {}) =>
  judgeLanUrl({ url, query: [], method: 'GET', acts: false, ...how }, entriesOf(CONFIG));

test.each([
  ['hub', '/api'],
  ['hub/states', '/api/states'],
  ['hub?x=1', '/api?x=1'],
  ['http://192.168.1.20:8123/api/states?a=b%2fc', '/api/states?a=b%2fc'],
  ['hub/räume/küche', '/api/r%C3%A4ume/k%C3%BCche'],
  ['nas/a..b/.hidden', '/v1/a..b/.hidden'],
  ['https://[fd00::5]:8443/v1/x', '/v1/x'],
])('%s is asked as %s', (url, target) => {
  expect(judge(url)?.target).toBe(target);
});

test.each([
  'http://192.168.1.20:8123@evil.example/api/x',
  'http://evil.example@192.168.1.20:8123/api/x',
  'http://user:pass@192.168.1.20:8123/api/x',
  'http://192.168.1.20:8123.evil.example/api',
  'http://192.168.1.20:81234/api',
  'http://192.168.1.20/api',
  'http://192.168.1.20:8123',
  'http://192.168.1.20:8123/apiary',
  'https://192.168.1.20:8123/api',
  'HTTP://192.168.1.20:8123/api',
  'ftp://192.168.1.20:8123/api',
  '//192.168.1.20:8123/api',
  'http:/192.168.1.20:8123/api',
  'http:\\\\192.168.1.20:8123\\api',
  'http://192.168.1.20:8123\\@evil.example/api',
  'http://3232235796:8123/api',
  'http://0xc0a80114:8123/api',
  'http://0300.0250.01.024:8123/api',
  'http://192.168.276:8123/api',
  'http://[::ffff:192.168.1.20]:8123/api',
  'http://１９２.168.1.20:8123/api',
  'http://192。168。1。20:8123/api',
  'http://192.168.1.20:8123/%61pi',
  'http://192.168.1.20:8123/api/../admin',
  'http://192.168.1.20:8123/api/%2e%2e/admin',
  'http://192.168.1.20:8123/api/.%2E/admin',
  'http://192.168.1.20:8123/api/%252e%252e/admin',
  'http://192.168.1.20:8123/api/..;/admin',
  'http://192.168.1.20:8123/api/..%2fadmin',
  'http://192.168.1.20:8123/api/x%5c..%5cadmin',
  'http://192.168.1.20:8123/api//x',
  'hub//evil.example/x',
  'hub/../admin',
  'hub/./x',
  'hub/x%00y',
  'hub/x%0d%0aHost:%20evil',
  'hub/x\r\nHost: evil',
  'hub/x y',
  'hub/\tx',
  'hub/x#y',
  'hub/%c0%ae%c0%ae/x',
  'hub/%zz',
  'hub@evil.example/x',
  'hub:8123/x',
  'hub.evil.example/x',
  'hubx/x',
  'other/x',
  'light/x',
  'file:///etc/passwd',
  '',
  'hub/\ud800',
  `hub/${'x'.repeat(9000)}`,
])('%j is not allowed', (url) => {
  expect(judge(url)).toBeUndefined();
});

test('a method is permitted where its entry says so; a GET that acts is none that reads, and the deepest entry counts', () => {
  expect(judge('hub/x', { method: 'POST', acts: true })?.entry.name).toBe('hub');
  expect(judge('hub/x', { method: 'PUT', acts: true })).toBeUndefined();
  expect(judge('hub/x', { method: 'GET', acts: true })).toBeUndefined();
  expect(judge('light/x', { method: 'GET', acts: true })?.entry.name).toBe('light');
  const url = 'http://192.168.1.20:8123/api/deep/x';
  expect(judge(url, { method: 'DELETE', acts: true })?.entry.name).toBe('deep');
  expect(judge(url)?.entry.name).toBe('hub');
  expect(judge('hub/deep/x', { method: 'DELETE', acts: true })).toBeUndefined();
});

test('parameters are encoded on the box and shown decoded', () => {
  const query = [
    { name: '温度', value: 'a&b=c#d' },
    { name: 'x', value: '../..' },
  ];
  const judged = judge('hub/x?y=1', { query });
  expect(judged?.target).toBe('/api/x?y=1&%E6%B8%A9%E5%BA%A6=a%26b%3Dc%23d&x=..%2F..');
  expect(judged?.query).toEqual(['y=1', '温度=a&b=c#d', 'x=../..']);
});

test.each([
  ['url: "http://192.168.1.20:8123/api/"', undefined],
  ['url: "http://8.8.8.8/"', /no address of the local network \(public\)/],
  ['url: "http://169.254.169.254/latest"', /\(never\)/],
  ['url: "http://[fd00:ec2::254]/"', /\(never\)/],
  ['url: "http://[::ffff:192.168.1.1]/"', /write|never/],
  ['url: "http://0.0.0.0:80/"', /write|never/],
  ['url: "http://3232235777/"', /write `http:\/\/3232235777\/` as `http:\/\/192.168.1.1\/`/],
  ['url: "http://HUB.local/"', /as `http:\/\/hub.local\/`/],
  ['url: "http://me:pw@hub.local/"', /must not hold a user/],
  ['url: "http://hub.local/?x=1"', /query/],
  ['url: "ftp://hub.local/"', /http/],
  ['url: "hub.local"', /is no URL/],
  ['url: "http://hub.local/a%2fb"', /plain path/],
  ['url: "http://hub.local", headers: {Host: evil}', /`host` is set by the edge/],
  ['url: "http://hub.local", headers: {X-A: "a\\r\\nb"}', /one line of ASCII/],
  ['url: "http://hub.local", headers: {X-A: "secret://a b"}', /handle of a secret/],
  ['url: "http://hub.local", headers: {X-A: a, x-a: b}', /twice/],
  ['url: "http://hub.local", pin: "00"', /SHA-256/],
  ['url: "http://hub.local", ca: /x.pem', /https/],
  ['url: "http://hub.local", get: act, methods: [POST]', /needs `GET`/],
])('an entry with %s is %s', (text, problem) => {
  const methods = text.includes('methods') ? '' : ', methods: [GET]';
  const load = () => entriesOf(`allow: {lan: [{name: hub, ${text}${methods}}]}`);
  if (problem) expect(load).toThrow(problem);
  else expect(load()).toMatchObject([{ origin: 'http://192.168.1.20:8123', path: '/api', port: 8123 }]);
});

test('no entry is for the control plane, and no name stands twice', () => {
  const one = (name: string) => `{name: ${name}, url: "http://127.0.0.1:7420", methods: [GET]}`;
  expect(() => entriesOf(`control: http://127.0.0.1:7420\nallow: {lan: [${one('a')}]}`)).toThrow(/control plane/);
  expect(() => entriesOf(`allow: {lan: [${one('a')}, ${one('a')}]}`)).toThrow(/same name/);
});

describe('addresses', () => {
  test.each([
    ['192.168.0.1', 'private'],
    ['10.1.2.3', 'private'],
    ['172.31.255.255', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.9.9.9', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.7.7', 'link-local'],
    ['fe80::1', 'link-local'],
    ['172.32.0.1', 'public'],
    ['8.8.8.8', 'public'],
    ['2606:4700::1', 'public'],
    ['169.254.169.254', 'never'],
    ['100.100.100.200', 'never'],
    ['0.0.0.0', 'never'],
    ['255.255.255.255', 'never'],
    ['224.0.0.1', 'never'],
    ['::', 'never'],
    ['::ffff:192.168.1.1', 'never'],
    ['::192.168.1.1', 'never'],
    ['64:ff9b::c0a8:101', 'never'],
    ['2002:c0a8:101::1', 'never'],
    ['ff02::1', 'never'],
    ['fe80::1%eth0', 'never'],
    ['0x7f.1', 'never'],
    ['127.1', 'never'],
    ['', 'never'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  test('the box itself and its own cable are reached only where the entry names them', () => {
    expect(mayConnect('hub.local', '192.168.1.20')).toBe(true);
    expect(mayConnect('hub.local', '127.0.0.1')).toBe(false);
    expect(mayConnect('localhost', '127.0.0.1')).toBe(true);
    expect(mayConnect('127.0.0.1', '127.0.0.2')).toBe(false);
    expect(mayConnect('hub.local', '169.254.7.7')).toBe(false);
    expect(mayConnect('169.254.7.7', '169.254.7.7')).toBe(true);
    expect(mayConnect('hub.local', '8.8.8.8')).toBe(false);
  });
});
