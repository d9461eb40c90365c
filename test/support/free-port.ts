// A port of loopback for a program that is started again and again: below the range the system gives out by itself, so that
// nobody takes it while the program is down.
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port from 10,000 to 29,999 that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const bound = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!bound) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port is free');
}
