// A TCP proxy that can be cut and mended: for what happens when the network or the server behind it goes away.
import { connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #silent = false;
  port = 0;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
  }

  /** Listens on loopback, on the same port as before if there was one. */
  async listen(): Promise<void> {
    this.#server = createServer((near) => this.#join(near));
    await new Promise<void>((resolve, reject) => {
      this.#server?.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (typeof address === 'object' && address) this.port = address.port;
  }

  /** Breaks every connection and takes no new ones. */
  async cut(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** While silent, answers of the target are swallowed: requests arrive, nothing comes back. */
  silence(on: boolean): void {
    this.#silent = on;
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => {
        if (!(this.#silent && from === far)) to.write(data);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
