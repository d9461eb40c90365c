// The link of the chaos cluster cuts, delays, silences and balances as it says: a harness that lies finds nothing.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { Link } from './link.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

/** Sends back what it hears, with its name in front. */
async function echo(name: string): Promise<{ port: number; heard: () => string }> {
  let heard = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.on('data', (data) => {
      heard += data;
      socket.write(`${name}:${data}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return { port: (server.address() as AddressInfo).port, heard: () => heard };
}

async function dial(link: Link) {
  const socket = connect(link.port, '127.0.0.1');
  const state = { socket, heard: '', closed: false };
  socket.on('data', (data) => {
    state.heard += data;
  });
  socket
    .on('error', () => undefined)
    .on('close', () => {
      state.closed = true;
    });
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return state;
}

async function linkTo(...targets: number[]): Promise<Link> {
  const link = new Link('test', targets);
  await link.listen();
  open.push({ close: () => link.cut() });
  return link;
}

const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 5_000, interval: 5 });

test('connections go to one target after the other, and past one that is down', async () => {
  const [a, b] = [await echo('a'), await echo('b')];
  const link = await linkTo(a.port, b.port);
  const heard = new Set<string>();
  for (let n = 0; n < 2; n++) {
    const one = await dial(link);
    one.socket.write('x');
    await until(() => one.heard !== '');
    heard.add(one.heard);
  }
  expect(heard).toEqual(new Set(['a:x', 'b:x']));
  const half = await linkTo(await freePort(), a.port);
  const one = await dial(half);
  one.socket.write('z');
  await until(() => one.heard === 'a:z');
});

test('a cut breaks and refuses until it listens again at the same port', async () => {
  const link = await linkTo((await echo('a')).port);
  const port = link.port;
  const one = await dial(link);
  await link.cut();
  await until(() => one.closed);
  await expect(dial(link)).rejects.toThrow(/ECONNREFUSED/);
  await link.listen();
  expect(link.port).toBe(port);
  const two = await dial(link);
  two.socket.write('y');
  await until(() => two.heard === 'a:y');
});

test('mute keeps what the near end says, deaf what the far end says, and both arrive afterwards', async () => {
  const a = await echo('a');
  const link = await linkTo(a.port);
  const one = await dial(link);
  one.socket.write('1');
  await until(() => one.heard === 'a:1');

  link.silence('deaf');
  one.socket.write('2');
  await until(() => a.heard() === '12');
  expect(one.heard).toBe('a:1');
  link.silence(undefined);
  await until(() => one.heard === 'a:1a:2');

  link.silence('mute');
  one.socket.write('3');
  const two = await dial(link);
  two.socket.write('4');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(a.heard()).toBe('12');
  link.silence(undefined);
  await until(() => one.heard.endsWith('a:3') && two.heard === 'a:4');
});

test('a delay keeps the order', async () => {
  const link = await linkTo((await echo('')).port);
  const one = await dial(link);
  link.delay(40);
  one.socket.write('a');
  await new Promise((resolve) => setTimeout(resolve, 10));
  link.delay(0);
  one.socket.write('b');
  await until(() => one.heard.replaceAll(':', '') === 'ab');
});
