import { execFileSync } from 'node:child_process';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '../base/logger.ts';
import { RequestFaults } from '../base/stray-errors.ts';
import { answer, answerExpecting, contained } from './serve-requests.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A listener whose paths fail each in its own way. */
async function listener(ways: Readonly<Record<string, Parameters<typeof contained>[1]>>) {
  const faults = new RequestFaults(silentLogger);
  const server = createServer(
    contained(faults, (request, response) => ways[request.url]?.(request, response) ?? answer(response, 200)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  closing.push(
    () => client.destroy(),
    () => server.close(),
  );
  const get = (path: string) =>
    new Promise<{ status: number; reset: number }>((resolve) => {
      const stream = client.request({ ':path': path });
      let status = 0;
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
      });
      stream.on('error', () => {});
      stream.on('close', () => resolve({ status, reset: stream.rstCode ?? 0 }));
      stream.resume();
    });
  return { faults, get };
}

test('whatever the handling of a request throws or rejects with, its stream alone ends, and it is counted', async () => {
  const { faults, get } = await listener({
    '/throws': () => {
      throw new TypeError('Invalid URL');
    },
    '/rejects': async () => {
      await Promise.resolve();
      throw new Error('later');
    },
    '/after-head': async (_request, response) => {
      response.writeHead(200);
      response.write('half');
      await Promise.resolve();
      throw new Error('half-way');
    },
    '/odd-head': (_request, response) => {
      response.writeHead(7);
    },
  });
  expect((await get('/throws')).status).toBe(500);
  expect((await get('/rejects')).status).toBe(500);
  expect(await get('/after-head')).toMatchObject({ status: 200, reset: 2 });
  expect((await get('/odd-head')).status).toBe(500);
  expect(faults.count).toBe(4);
  expect((await get('/well')).status).toBe(200);
  expect(faults.count).toBe(4);
});

/** A program that takes one request whose work fails as `fails` says, beside `outside`, and prints what it counted. */
function program(fails: string, outside = ''): string {
  const script = `
    import { connect, createServer } from 'node:http2';
    import { RequestFaults, watchStrayErrors } from '${new URL('../base/stray-errors.ts', import.meta.url)}';
    import { contained, universalRequest } from '${new URL('./serve-requests.ts', import.meta.url)}';
    const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
    const faults = new RequestFaults(log);
    watchStrayErrors(log);
    const server = createServer(contained(faults, (request, response) => { ${fails} }));
    ${outside}
    server.listen(0, '127.0.0.1', () => {
      const client = connect('http://127.0.0.1:' + server.address().port);
      const stream = client.request({ ':path': '/', ':method': 'POST' });
      stream.on('error', () => {}).resume().write('x');
      const leave = setInterval(() => stream.close(8), 20);
      const counted = setInterval(() => {
        if (faults.count === 0) return;
        clearInterval(counted);
        clearInterval(leave);
        console.log('lives', faults.count);
        client.destroy();
        server.close();
      }, 5);
    });`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('a request that expects something is answered like any other, also when it is gone before anyone looks', async () => {
  const faults = new RequestFaults(silentLogger);
  const answers = contained(faults, (_request, response) => answer(response, 200));
  const server = createServer(answers);
  answerExpecting(server, answers);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  closing.push(
    () => client.destroy(),
    () => server.close(),
  );
  const ask = (expected: string) =>
    new Promise<number>((resolve) => {
      const stream = client.request({ ':path': '/', expect: expected });
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('error', () => {});
    });
  expect(await ask('100-continue')).toBe(200);
  expect(await ask('a miracle')).toBe(200);
  const stray: unknown[] = [];
  const note = (error: unknown) => stray.push(error);
  process.on('uncaughtException', note);
  closing.push(() => process.off('uncaughtException', note));
  for (let n = 0; n < 50; n++) {
    const stream = client.request({ ':path': '/', expect: '100-continue' });
    stream.on('error', () => {});
    // Its headers and its end are in one packet.
    stream.close(8);
  }
  expect(await ask('100-continue')).toBe(200);
  expect([stray, faults.count]).toEqual([[], 0]);
});

test('an error that nobody can catch ends the process only if it came from no request', () => {
  expect(program("setImmediate(() => { throw new Error('in a later turn') })")).toBe('lives 1\n');
  expect(program("void Promise.reject(new Error('for nobody'))")).toBe('lives 1\n');
  const listens =
    "universalRequest(request, response).signal.addEventListener('abort', () => { throw new Error('x') })";
  expect(program(listens)).toBe('lives 1\n');
  expect(() => program('', "setTimeout(() => { throw new Error('of no request') }, 1)")).toThrow(/of no request/);
});
