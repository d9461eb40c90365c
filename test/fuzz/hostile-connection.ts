// One connection of somebody hostile: any pseudo-header, header, path, method and order of frames, bytes that are no frames,
// and HTTP/1. All from the seed.
import { FLAG, FRAME, frame, headerBlock, PREFACE } from '../support/h2-frames.ts';
import type { Random } from './fuzz.ts';

type Field = readonly [string, string];

const AUTHORITIES = [
  '::1:7420',
  'x:99999',
  '[::1',
  '[fe80::1%eth0]:1',
  'a b',
  '',
  ':',
  '@',
  'user:secret@host',
  'host:port',
  '%',
  '%00',
  '\\',
  '//',
  'xn--',
  'xn--a',
  '256.256.256.256',
  '0x7f.1',
  'a'.repeat(300),
  'é',
  'host#?',
  '<>',
  '*',
];
const PATHS = ['/', '*', '', '//', '/%', '/\\', '//x:99999/', 'http://x:99999/', '/..', '/?', '/#', '/\x7f', '/é'];
const METHODS = [
  'POST',
  'GET',
  'PUT',
  'HEAD',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'DELETE',
  'post',
  '',
  'P OST',
  'PRI',
  'é',
];
const TYPES = [
  'application/grpc',
  'application/grpc+proto',
  'application/grpc+json',
  'application/grpc-web+proto',
  'application/grpc-web-text',
  'application/proto',
  'application/json',
  'application/connect+proto',
  'application/connect+json',
  'application/json; charset=utf-7',
  'text/html',
  '',
  ';',
];
const NAMES = [
  ':scheme',
  ':authority',
  ':path',
  ':method',
  ':status',
  ':protocol',
  ':',
  '',
  'host',
  'connection',
  'upgrade',
  'transfer-encoding',
  'te',
  'trailer',
  'expect',
  'content-length',
  'content-encoding',
  'content-type',
  'accept-encoding',
  'connect-protocol-version',
  'connect-timeout-ms',
  'connect-content-encoding',
  'connect-accept-encoding',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'authorization',
  'bowline-device',
  'bowline-selector',
  'bowline-idempotency-key',
  'x-bin',
  'trace-bin',
  'cookie',
  'UPPER',
  'a b',
  'é',
  '__proto__',
  'constructor',
  'toString',
  'if-none-match',
];
const VALUES = [
  '',
  ' ',
  '1',
  '-1',
  '0',
  '18446744073709551616',
  '99999999999999999999n',
  '1S',
  '1H',
  '8n',
  'NaN',
  'gzip',
  'br',
  'identity',
  'gzip, br',
  'snappy',
  '100-continue',
  'trailers',
  'chunked',
  'close',
  'websocket',
  'é',
  '\x00',
  '\r\nx: y',
  '\x7f',
  '=',
  '====',
  'AAA=',
  'Bearer',
  'Bearer ',
  'Bearer x',
  'Basic eDp5',
  '%',
  '{"a":1}',
];

/** @param paths of methods that are served @param keys credentials, valid and not */
export interface Known {
  readonly paths: readonly string[];
  readonly keys: readonly string[];
}

/** What one hostile peer sends, in pieces. */
export function hostileBytes(random: Random, known: Known): Buffer[] {
  if (random.chance(0.08)) return [http1(random, known)];
  if (random.chance(0.05)) return [Buffer.from(random.bytes(random.int(400)))];
  const pieces: Buffer[] = [PREFACE.subarray(0, random.chance(0.02) ? random.int(PREFACE.length) : PREFACE.length)];
  if (random.chance(0.95)) pieces.push(frame(FRAME.settings, 0, 0, settings(random)));
  let stream = 1;
  for (let left = 1 + random.int(6); left > 0; left--) {
    pieces.push(...(random.chance(0.7) ? call(random, known, stream) : [anyFrame(random, stream)]));
    if (random.chance(0.9)) stream += 2;
  }
  return pieces;
}

function call(random: Random, known: Known, stream: number): Buffer[] {
  const fields = request(random, known);
  const block = random.chance(0.03) ? Buffer.from(random.bytes(random.int(60))) : headerBlock(fields);
  const end = random.chance(0.2) ? FLAG.endStream : 0;
  const pieces: Buffer[] = [];
  if (random.chance(0.1)) {
    const cut = random.int(block.length + 1);
    pieces.push(frame(FRAME.headers, end, stream, block.subarray(0, cut)));
    if (random.chance(0.2)) pieces.push(anyFrame(random, stream));
    pieces.push(frame(FRAME.continuation, FLAG.endHeaders, stream, block.subarray(cut)));
  } else pieces.push(frame(FRAME.headers, FLAG.endHeaders | end, stream, block));
  for (let left = random.int(3); left > 0; left--) {
    pieces.push(frame(FRAME.data, random.chance(0.3) ? FLAG.endStream : 0, stream, body(random)));
  }
  if (random.chance(0.2)) pieces.push(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, trailers(random)));
  if (random.chance(0.25)) pieces.push(frame(FRAME.reset, 0, stream, number(random.int(20))));
  else if (random.chance(0.5)) pieces.push(frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(0)));
  return pieces;
}

/** A request that would be served, with some of it changed. */
function request(random: Random, { paths, keys }: Known): Field[] {
  const odd = () => random.chance(0.2);
  const fields: Field[] = [
    [':method', odd() ? random.pick(METHODS) : 'POST'],
    [':scheme', odd() ? random.pick(['http', 'https', '', 'x', 'é', 'javascript']) : 'http'],
    [':path', odd() ? random.pick(PATHS) : random.pick(paths) + (random.chance(0.2) ? random.pick(PATHS) : '')],
    [':authority', random.chance(0.5) ? random.pick(AUTHORITIES) : 'localhost'],
    ['content-type', odd() ? random.pick(VALUES) : random.pick(TYPES)],
    ['te', 'trailers'],
  ];
  if (random.chance(0.6)) fields.push(['authorization', `Bearer ${random.pick(keys)}`]);
  for (let left = random.int(4); left > 0; left--) fields.push([random.pick(NAMES), value(random)]);
  if (random.chance(0.1)) fields.splice(random.int(fields.length), 1);
  if (random.chance(0.05)) fields.push(fields[random.int(fields.length)]!);
  if (random.chance(0.03)) fields.reverse();
  return fields;
}

const value = (random: Random): string =>
  random.chance(0.8)
    ? random.pick([...VALUES, ...AUTHORITIES])
    : Buffer.from(random.bytes(random.int(20))).toString('latin1');

const trailers = (random: Random): Buffer =>
  headerBlock(Array.from({ length: random.int(3) }, () => [random.pick(NAMES), value(random)] as const));

/** Messages as gRPC frames them, JSON, and bytes that are neither. */
function body(random: Random): Buffer {
  const bytes = Buffer.from(random.bytes(random.int(40)));
  if (random.chance(0.3)) return bytes;
  if (random.chance(0.3))
    return Buffer.from(random.pick(['{}', '{', '[]', 'null', '"x"', '{"service":"x"}', '{"__proto__":1}']));
  const head = Buffer.alloc(5);
  head.writeUInt8(random.pick([0, 0, 0, 1, 2, 3, 128, 255]));
  head.writeUInt32BE(random.chance(0.7) ? bytes.length : random.pick([0, 1, 0xffffffff, 0x7fffffff, 1 << 24]), 1);
  return Buffer.concat([head, bytes]);
}

function anyFrame(random: Random, stream: number): Buffer {
  const bytes = random.chance(0.5)
    ? Buffer.from(random.bytes(random.int(30)))
    : random.pick([
        number(random.int(30)),
        number(0),
        number(0xffffffff),
        Buffer.alloc(8),
        Buffer.alloc(5),
        Buffer.alloc(0),
      ]);
  const type = random.chance(0.9) ? random.int(11) : random.int(256);
  const where = random.pick([0, stream, stream, 1, 2, 0x7fffffff, 0xffffffff]);
  return frame(
    type,
    random.int(random.chance(0.5) ? 2 : 64),
    where,
    bytes,
    random.chance(0.9) ? bytes.length : random.int(20_000),
  );
}

function settings(random: Random): Buffer {
  const rows = Array.from({ length: random.int(4) }, () => {
    const row = Buffer.alloc(6);
    row.writeUInt16BE(random.int(10));
    row.writeUInt32BE(random.pick([0, 1, 100, 16_384, 65_535, 0x7fffffff, 0xffffffff]), 2);
    return row;
  });
  return Buffer.concat(rows);
}

function http1(random: Random, { paths }: Known): Buffer {
  const line = `${random.pick(METHODS)} ${random.chance(0.5) ? random.pick(paths) : random.pick(PATHS)} HTTP/${random.pick(['1.1', '1.0', '2.0', '9', ''])}`;
  const headers = Array.from({ length: random.int(4) }, () => `${random.pick(NAMES)}: ${value(random)}`);
  return Buffer.from([line, `host: ${random.pick(AUTHORITIES)}`, ...headers, '', '{}'].join('\r\n'), 'latin1');
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
