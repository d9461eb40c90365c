// Heads and bodies of a hostile web server: each request ends with a page or with an error of the table, in time, and the next one works.
import { gzipSync } from 'node:zlib';
import { AppError } from '../../src/base/errors.ts';
import { rawSite, WebRig } from '../support/web-rig.ts';
import type { Fuzz, Random } from './fuzz.ts';

const MOST_MS = 5_000;
const STATUS = [
  '200 OK',
  '204 No',
  '206 Part',
  '301 Moved',
  '302 Found',
  '304 Same',
  '404 No',
  '429 Slow',
  '503 Busy',
  '99 x',
  '200',
];
const FIELDS: readonly (readonly [string, readonly string[]])[] = [
  [
    'content-type',
    ['text/html', 'text/plain; charset=gbk', 'application/pdf', 'image/png', ';;;', 'text/html; charset="', '\xff'],
  ],
  ['content-encoding', ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip, gzip', 'identity', 'x', ',,,']],
  [
    'location',
    ['/größe', '//x', 'http://[::1]/', '/a b', '\xe5\x9b\xbe', 'http://user@x/', '/'.repeat(5000), '', '/self'],
  ],
  ['cache-control', ['max-age=99999999999999', 'no-store', 'max-age=-1', ','.repeat(900), 'private', 'max-age=abc']],
  ['retry-after', ['5', '99999999999', '-1', 'Fri, 31 Dec 9999 23:59:59 GMT', 'x', '1e9']],
  ['expires', ['0', 'Fri, 31 Dec 9999 23:59:59 GMT', 'x'.repeat(3000)]],
  ['age', ['1', '-5', 'x', '1e300']],
  ['etag', ['"a"', 'W/"x"', '"'.repeat(2000)]],
  ['vary', ['*', 'a, b', '']],
  ['content-length', ['0', '5', '99999999999', '-1', 'x', '5, 5']],
  ['transfer-encoding', ['chunked', 'gzip, chunked', 'x']],
  ['x-odd', ['a'.repeat(9000), '\x01', ' ', '\x80\x81']],
];

export const parseHeadsFuzz: Fuzz = {
  name: 'parse-heads',
  open: async () => {
    let answer: Buffer = Buffer.alloc(0);
    const where = await rawSite((socket) => {
      socket.once('data', () => socket.end(answer));
    });
    const settings = { silenceMs: 300, requestMs: 1_000, robotsForFetch: false };
    const parser = { isolation: 'process' } as never;
    const web = await WebRig.open({ ports: [where.port], settings: { ...settings, parser } });
    const good = Buffer.from(
      'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngood',
    );
    let round = 0;
    const read = async (bytes: Buffer) => {
      answer = bytes;
      // A host that asked for a pause is left alone: each round is of another host.
      round++;
      const page = await web.fetch(`http://h${round}.example:${where.port}/`, { noCache: true });
      return page.markdown;
    };
    return {
      round: async (random) => {
        const began = performance.now();
        await read(answerOf(random)).catch((error: unknown) => {
          if (!(error instanceof AppError) || error.reason === 'INTERNAL') throw error;
        });
        if (performance.now() - began > MOST_MS) throw new Error('it took too long');
        // On a machine at work even a good page may once be late.
        const next = await read(good).catch((error: unknown) => {
          if (error instanceof AppError && error.reason === 'WEB_TOO_SLOW') return read(good);
          throw error;
        });
        if (next !== 'good') throw new Error('the next page is not read');
      },
      close: async () => {
        await web.close();
        await where.close();
      },
    };
  },
};

function answerOf(random: Random): Buffer {
  const fields = Array.from({ length: random.int(8) }, () => {
    const [name, values] = random.pick(FIELDS);
    return `${name}: ${random.pick(values)}\r\n`;
  });
  const plain = Buffer.from(random.pick(['', 'hello', '<p>x', '5\r\nhello\r\n0\r\n\r\n', '-1\r\n']));
  const body = random.chance(0.3) ? gzipSync(plain) : random.chance(0.2) ? Buffer.from(random.bytes(40)) : plain;
  const head = Buffer.from(
    `HTTP/1.1 ${random.pick(STATUS)}\r\n${fields.join('')}\r\n`,
    random.chance(0.5) ? 'latin1' : 'utf8',
  );
  const whole = Buffer.concat([head, body]);
  return random.chance(0.1) ? whole.subarray(0, random.int(whole.length + 1)) : whole;
}
