// `doctor` tells of each server of the network whether requests would reach it, and sends it none.
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lan } from './lan.ts';

test('one that listens, one that does not, one that is not local, one whose secret is missing, and one that proves nothing', async () => {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      socket.end('no TLS');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-lan-')));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const entries = [
    `{name: hub, url: "http://127.0.0.1:${port}", methods: [GET]}`,
    '{name: off, url: "http://127.0.0.1:1", methods: [GET]}',
    '{name: away, url: "http://away.example", methods: [GET]}',
    `{name: token, url: "http://127.0.0.1:${port}", methods: [GET], headers: {Authorization: "Bearer secret://none"}}`,
  ];
  const config = (lines: readonly string[]) =>
    writeFileSync(join(home, 'config.yaml'), `allow:\n  lan:\n${lines.map((line) => `    - ${line}\n`).join('')}`);
  config(entries);
  const found = async () => (await lan(home, async () => ['8.8.8.8'])).map(({ state, text }) => `${state} ${text}`);
  expect(await found()).toEqual([
    `ok hub: 127.0.0.1 port ${port} answers, unproven`,
    expect.stringMatching(/^warning off: .*ECONNREFUSED/),
    expect.stringMatching(/^warning away: /),
    expect.stringMatching(/^warning token: the secret none cannot be used/),
  ]);
  expect(heard).toBe('');
  config([`{name: tls, url: "https://127.0.0.1:${port}", methods: [GET]}`]);
  expect(await found()).toEqual([expect.stringMatching(/^warning tls: /)]);
  expect(heard).not.toContain('GET');
  writeFileSync(join(home, 'config.yaml'), 'allow: {}\n');
  expect(await found()).toEqual([]);
});
