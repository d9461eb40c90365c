// No spelling of an address that is not public is permitted, whatever its range.
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { AddressPolicy } from './address-policy.ts';
import { judgeUrl } from './judge-url.ts';

const DENIED_4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4', '255.255.255.255/32', '168.63.129.16/32'],
];
const DENIED_6 = [
  ...[
    '::/96',
    '::1/128',
    '::ffff:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/32',
    '2001:2::/48',
    '2001:10::/28',
  ],
  ...['2001:db8::/32', '2002::/16', '3fff::/20', '5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
];
const policy = new AddressPolicy();

/** Bytes of some address of a range. */
const inRange = (range: string) => {
  const [address, bits] = ipaddr.parseCIDR(range);
  const base = address.toByteArray();
  return fc.uint8Array({ minLength: base.length, maxLength: base.length }).map((random) =>
    base.map((byte, i) => {
      const free = Math.min(8, Math.max(0, (i + 1) * 8 - bits));
      const mask = (1 << free) - 1;
      return (byte & ~mask) | (random[i]! & mask);
    }),
  );
};

const spellings4 = ([a, b, c, d]: number[]): string[] => {
  const whole = ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0;
  const hex = (n: number) => `0x${n.toString(16)}`;
  const octal = (n: number) => `0${n.toString(8)}`;
  return [
    [a, b, c, d].join('.'),
    `${[a, b, c, d].join('.')}.`,
    [a!, b!, c!, d!].map(hex).join('.'),
    [a!, b!, c!, d!].map(octal).join('.'),
    String(whole),
    hex(whole),
    `${a}.${whole & 0xffffff}`,
    `${a}.${b}.${whole & 0xffff}`,
    `[::ffff:${[a, b, c, d].join('.')}]`,
    `[::${[a, b, c, d].join('.')}]`,
    `[64:ff9b::${[a, b, c, d].join('.')}]`,
    `[2002:${hex((a! << 8) | b!).slice(2)}:${hex((c! << 8) | d!).slice(2)}::1]`,
    `${a}%2e${b}%2e${c}%2e${d}`,
    [a, b, c, d].join('\u3002'),
  ];
};

describe('an address of a range that is not public', () => {
  test.each(DENIED_4)('%s is refused in every spelling', (range) => {
    fc.assert(
      fc.property(inRange(range), (bytes) => {
        expect(policy.permits(bytes.join('.'), 80)).toBe(false);
        for (const host of spellings4([...bytes]))
          expect(() => judgeUrl(`http://${host}/`, policy)).toThrow(/not read/);
      }),
      { numRuns: 60 },
    );
  });

  test.each(DENIED_6)('%s is refused in every spelling', (range) => {
    fc.assert(
      fc.property(inRange(range), (bytes) => {
        const address = new ipaddr.IPv6([...bytes]);
        for (const text of [address.toString(), address.toNormalizedString(), address.toRFC5952String()]) {
          expect(policy.permits(text, 443)).toBe(false);
          expect(() => judgeUrl(`https://[${text.toUpperCase()}]/`, policy)).toThrow(/not read/);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
  '%s is public',
  (address) => {
    expect(policy.permits(address, 443)).toBe(true);
    expect(policy.permits(address, 6379)).toBe(false);
  },
);

test('what is no address is refused', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!ipaddr.isValid(text));
      expect(policy.permits(text, 80)).toBe(false);
    }),
  );
  expect(policy.permits('fe80::1%eth0', 80)).toBe(false);
});

test('exactly the host and port that the operator names is exempt', () => {
  const own = new AddressPolicy({ privateHosts: ['Pages:8080', '10.0.0.7:81', '[::1]:9000', 'wiki.corp:80'] });
  const allowed = (text: string) => {
    try {
      judgeUrl(text, own);
      return true;
    } catch {
      return false;
    }
  };
  const yes = ['http://pages:8080/x', 'http://10.0.0.7:81/', 'http://[0:0::1]:9000/', 'http://wiki.corp/'];
  const no = ['http://pages/', 'http://pages:8081/', 'http://a.pages:8080/', 'http://10.0.0.7/', 'http://10.0.0.8:81/'];
  no.push('http://[::1]/', 'https://wiki.corp/', 'http://u:p@pages:8080/', 'ftp://pages:8080/');
  expect(yes.filter((text) => !allowed(text))).toEqual([]);
  expect(no.filter(allowed)).toEqual([]);
  // A name that leads to the address of one that is allowed is not allowed by that.
  expect(own.permits('10.0.0.7', 81)).toBe(false);
});
