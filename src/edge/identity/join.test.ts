import { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { controlUrl } from '../../base/control-address.ts';
import { withPin } from '../../base/pin.ts';
import { defaultDeviceName, deviceName, parseJoinLine, readJoinLine } from './join.ts';

const TOKEN = `bwj_${'a'.repeat(43)}`;

test('a join line is URL TOKEN [NAME] or JSON', () => {
  expect(parseJoinLine(`  http://127.0.0.1:7700/ ${TOKEN}\r\n`)).toEqual({
    url: 'http://127.0.0.1:7700',
    token: TOKEN,
  });
  expect(parseJoinLine(`https://bowline.example ${TOKEN} kitchen-pi`)).toMatchObject({ name: 'kitchen-pi' });
  expect(parseJoinLine(JSON.stringify({ url: 'http://[::1]:1', token: TOKEN, name: 'pi' }))).toEqual({
    url: 'http://[::1]:1',
    token: TOKEN,
    name: 'pi',
  });
});

test('the pin of the control plane stands behind the token, and is not sent with it', () => {
  const pin = new Uint8Array(32).fill(7);
  for (const line of [
    `http://[::1]:1 ${withPin(TOKEN, pin)} pi`,
    JSON.stringify({ url: 'http://[::1]:1', token: withPin(TOKEN, pin) }),
  ]) {
    expect(parseJoinLine(line)).toMatchObject({ token: TOKEN, pin });
  }
});

test.each([
  '',
  'http://127.0.0.1',
  '{"url":',
  '{"url":"http://127.0.0.1"}',
  `http://127.0.0.1 ${TOKEN} a b`,
  'http://127.0.0.1 short',
])('a bad join line is refused without repeating it: %j', (line) => {
  expect(() => parseJoinLine(line)).toThrow(expect.objectContaining({ reason: 'JOIN_LINE_INVALID' }));
});

test.each(['http://example.org', 'http://192.168.1.4:7700', 'http://127.0.0.1.evil.example', 'http://0.0.0.0'])(
  'no secret goes to %s without TLS',
  (url) => {
    expect(() => controlUrl(url)).toThrow(expect.objectContaining({ reason: 'INSECURE_CONTROL' }));
  },
);

test('a URL has no user, query or other scheme', () => {
  for (const url of ['https://a:b@example.org', 'https://example.org?x=1', 'ftp://example.org', 'nonsense'])
    expect(() => controlUrl(url)).toThrow(expect.objectContaining({ reason: 'USAGE' }));
  expect(controlUrl('https://example.org/bowline/')).toBe('https://example.org/bowline');
});

test('only the first line of the input is read, and a person is asked for it', async () => {
  const asked: string[] = [];
  const prompt = new Writable({
    write: (chunk, _encoding, done) => {
      asked.push(String(chunk));
      done();
    },
  });
  expect(await readJoinLine(Readable.from(['http://127.0', '.0.1 x\nmore\n']), prompt)).toBe('http://127.0.0.1 x');
  expect(asked).toEqual([]);
  await readJoinLine(Object.assign(Readable.from(['a\n']), { isTTY: true }), prompt);
  expect(asked).toHaveLength(1);
  await expect(readJoinLine(Readable.from(['x'.repeat(10_000)]), prompt)).rejects.toMatchObject({
    reason: 'JOIN_LINE_INVALID',
  });
});

test('a machine name becomes a device name', () => {
  expect(defaultDeviceName('Küche_Pi.local')).toBe('k-che-pi');
  expect(defaultDeviceName('---')).toBe('edge');
  expect(() => deviceName('-pi')).toThrow(expect.objectContaining({ reason: 'USAGE' }));
});
