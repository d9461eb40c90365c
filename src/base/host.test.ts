import { expect, test } from 'vitest';
import { controlUrl } from './control-address.ts';
import { hostAndPort, isLoopback, serverUrl } from './host.ts';

test('whatever address a server listens on, its URL is one that every program takes', () => {
  for (const [host, url] of [
    ['127.0.0.1', 'http://127.0.0.1:7420'],
    ['::1', 'http://[::1]:7420'],
    ['[::1]', 'http://[::1]:7420'],
    ['0:0:0:0:0:0:0:1', 'http://[::1]:7420'],
    ['::', 'http://[::1]:7420'],
    ['0.0.0.0', 'http://127.0.0.1:7420'],
    ['localhost', 'http://localhost:7420'],
    ['::ffff:127.0.0.1', 'http://[::ffff:7f00:1]:7420'],
  ] as const) {
    expect(controlUrl(serverUrl(false, host, 7420)), host).toBe(url);
  }
  expect(controlUrl(serverUrl(true, '2001:db8::5', 443))).toBe('https://[2001:db8::5]');
  expect(controlUrl(serverUrl(true, 'bowline.example', 7420))).toBe('https://bowline.example:7420');
  expect(hostAndPort('::1', 1)).toBe('[::1]:1');
});

test('loopback is known in each form, and a name that only looks like it is not', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost']) {
    expect(isLoopback(host), host).toBe(true);
  }
  for (const host of [
    '127.evil.example',
    '127.0.0.1.nip.example',
    '::',
    '0.0.0.0',
    '::2',
    'fe80::1',
    'localhost.example',
    '',
  ]) {
    expect(isLoopback(host), host).toBe(false);
  }
});

test('an IPv6 address without brackets, or with a zone, is told how it is written', () => {
  expect(() => controlUrl('http://::1:7420')).toThrow(/in brackets.*http:\/\/\[::1\]:7420/);
  expect(() => controlUrl('https://[fe80::1%25eth0]:7420')).toThrow(/zone/);
  expect(() => controlUrl('https://fe80::1%eth0:7420')).toThrow(/zone/);
});
