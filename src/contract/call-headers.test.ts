import { expect, test } from 'vitest';
import { settleHeaders } from './call-headers.ts';

const settled = (name: string, value: string) => settleHeaders(new Headers({ [name]: value })).get(name);

test.each([
  ['Application/gRPC', 'application/grpc'],
  ['APPLICATION/GRPC+PROTO', 'application/grpc+proto'],
  ['application/JSON ; Charset="UTF-8"', 'application/json'],
  ['application/grpc+json;charset=utf8;x=1', 'application/grpc+json'],
  ['application/json; charset=utf-16', 'application/json;charset=utf-16'],
  ['application/json, application/grpc', 'application/json, application/grpc'],
])('the content type %s is %s', (given, type) => {
  expect(settled('content-type', given)).toBe(type);
});

test.each(['content-encoding', 'grpc-encoding', 'connect-content-encoding'])('%s ignores case', (name) => {
  expect(settled(name, 'GZip')).toBe('gzip');
  expect(settled(name, 'Identity')).toBeNull();
  expect(settled(name, 'identity, gzip')).toBe('identity, gzip');
});

test('what is accepted stays, in small letters', () => {
  expect(settled('grpc-accept-encoding', 'Identity')).toBe('identity');
});

test.each([
  ['grpc-timeout', '596H', '596H'],
  ['grpc-timeout', '597H', '2147483S'],
  ['grpc-timeout', '99999999H', '2147483S'],
  ['grpc-timeout', '99999999m', '99999999m'],
  ['grpc-timeout', '99999999n', '99999999n'],
  ['grpc-timeout', '1h', '1h'],
  ['connect-timeout-ms', '2147483647', '2147483647'],
  ['connect-timeout-ms', '2147483648', '2147483647'],
  ['connect-timeout-ms', '99999999999', '99999999999'],
])('%s: %s is %s, which a timer can run', (name, given, kept) => {
  expect(settled(name, given)).toBe(kept);
});

test('nothing is added', () => {
  expect([...settleHeaders(new Headers({ te: 'Trailers' }))]).toEqual([['te', 'Trailers']]);
});
