// A TCP proxy that can be cut and mended: for what happens when the network or the server behind it goes away.
import { connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #silent: 'answers' | 'both' | undefined;
  /** Sockets whose other side closed while both directions were silent. */
  readonly #halves: Socket[] = [];
  /** Bytes that may still pass before everything is cut, in the middle of whatever is under way. */
  #budget = Number.POSITIVE_INFINITY;
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

  /** Breaks every connection and goes on taking new ones. */
  reset(): void {
    this.#budget = Number.POSITIVE_INFINITY;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks every connection after so many more bytes, wherever in a frame or a letter that is; then as `reset`. */
  resetAfter(bytes: number): void {
    this.#budget = bytes;
  }

  /**
   * While silent, answers of the target are swallowed: requests arrive, nothing comes back. With `both`, nothing arrives
   * either, also not that the other side closed: every connection stays open, and new ones are taken. What was swallowed is
   * gone; connections whose other side went away meanwhile are broken when it ends.
   */
  silence(on: boolean | 'both'): void {
    this.#silent = on === 'both' ? 'both' : on ? 'answers' : undefined;
    if (this.#silent !== 'both') for (const socket of this.#halves.splice(0)) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => {
        if (this.#silent === 'both' || (this.#silent && from === far)) return;
        to.write(data.subarray(0, this.#budget));
        this.#budget -= data.length;
        if (this.#budget < 0) this.reset();
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        if (this.#silent === 'both') this.#halves.push(to);
        else to.destroy();
      });
    }
  }
}
