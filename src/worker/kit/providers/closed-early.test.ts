// Servers that close their connection while the body of their answer still waits to be read: on raw sockets, in each framing of HTTP/1.1.
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { boundedFetch } from './bounded-fetch.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** More than undici takes in before anybody reads. */
const BODY = '绳 hello word '.repeat(8_000);

/** The head and what goes around each piece, and whether the body is whole at its end. */
const FRAMES = {
  'its length': { head: (bytes: number) => `Content-Length: ${bytes}\r\n`, chunked: false, whole: true },
  'no framing but its end': { head: () => '', chunked: false, whole: true },
  'a length that it does not reach': {
    head: (bytes: number) => `Content-Length: ${bytes + 1}\r\n`,
    chunked: false,
    whole: false,
  },
  'chunks without a last one': { head: () => 'Transfer-Encoding: chunked\r\n', chunked: true, whole: false },
};

/** Turns of the event loop in which what was sent on loopback is here. */
async function arrived(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Answers once with the body in `count` pieces that arrive one by one, and closes behind the last; `closed` is settled then. */
async function server({ head, chunked }: (typeof FRAMES)['its length' | 'no framing but its end'], count: number) {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const bytes = Buffer.from(BODY);
  const size = Math.ceil(bytes.length / count);
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', async () => {
      socket.write(`HTTP/1.1 200 OK\r\n${head(bytes.length)}Connection: close\r\n\r\n`);
      for (let at = 0; at < bytes.length; at += size) {
        await arrived();
        const piece = bytes.subarray(at, at + size);
        socket.write(chunked ? `${piece.length.toString(16)}\r\n` : '');
        socket.write(piece);
        if (chunked) socket.write('\r\n');
      }
      await arrived();
      socket.end(close);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  ends.push(() => listener.close());
  return { url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`, closed };
}

const KINDS = (Object.keys(FRAMES) as (keyof typeof FRAMES)[]).flatMap((frame) =>
  [1, 2, 3, 4].map((count) => [frame, count] as const),
);

test.each(KINDS)(
  'a body with %s in %d pieces, read after the server has closed, is whole or a failure, and never the end of the process',
  async (frame, count) => {
    const stray: unknown[] = [];
    const note = (error: unknown) => stray.push(error);
    process.on('uncaughtException', note);
    ends.push(() => process.off('uncaughtException', note));
    const { url, closed } = await server(FRAMES[frame], count);
    const answer = await boundedFetch(10_000_000, 'house')(url);
    await closed;
    await arrived();
    const read = answer.text();
    if (FRAMES[frame].whole) expect((await read) === BODY).toBe(true);
    else await expect(read).rejects.toThrow();
    expect(stray).toEqual([]);
  },
);
