// A port of loopback for a program that is started again and again: below the range the system gives out by itself, so that
// nobody takes it while the program is down.
import { once } from 'node:events';
import { createServer } from 'node:net';

const [FIRST, LAST] = [10_000, 29_999];

/**
 * A port from 10,000 to 29,999 that was free a moment ago.
 * @param and how far above it another one has to be free, too, of the same range
 */
export async function freePort(and = 0): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST + 1 - and - FIRST));
    if ((await isFree(port)) && (and === 0 || (await isFree(port + and)))) return port;
  }
  throw new Error('no port is free');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const bound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!bound) return false;
  server.close();
  await once(server, 'close');
  return true;
}
