// A link of the chaos cluster: a TCP proxy in front of one or several targets that can be cut, delayed, and made silent in
// one direction. With several targets it is the balancer: each connection goes to the next one that takes it.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../support/free-port.ts';

type Direction = 'mute' | 'deaf';

/** One direction of one connection. */
interface Pipe {
  readonly from: Socket;
  readonly to: Socket;
  readonly silentAs: Direction;
}

export class Link {
  readonly name: string;
  readonly #targets: readonly number[];
  readonly #sockets = new Set<Socket>();
  readonly #pipes = new Set<Pipe>();
  #server: Server | undefined;
  #next: number;
  #delayMs = 0;
  #silent: Direction | undefined;
  port = 0;

  /** `targets` are ports of loopback; the first connection goes to the `first` of them. */
  constructor(name: string, targets: readonly number[], first = 0) {
    this.name = name;
    this.#targets = targets;
    this.#next = first;
  }

  /** Listens, on the same port as before if there was one. */
  async listen(): Promise<void> {
    if (this.#server) return;
    if (this.port === 0) this.port = await freePort();
    const server = createServer((near) => this.#join(near));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    });
    this.#server = server;
  }

  /** Breaks every connection and takes no new ones, until `listen`. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.reset();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Breaks every connection; new ones are taken. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The next connection goes to this target, by its place in the list. */
  prefer(target: number): void {
    this.#next = target;
  }

  /** Every byte comes so much later, in order; 0 ends it. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /**
   * mute: what the near end says stays on the way; deaf: what the far end says does. Everything stays open, and what has not
   * been given up meanwhile arrives afterwards, as packets do that are sent again.
   */
  silence(direction: Direction | undefined): void {
    this.#silent = direction;
    for (const pipe of this.#pipes) this.#flow(pipe);
  }

  #join(near: Socket): void {
    const first = this.#next++;
    this.#keep(near);
    near.pause();
    this.#dial(near, first, 0);
  }

  #dial(near: Socket, first: number, tried: number): void {
    const target = this.#targets[(first + tried) % this.#targets.length];
    if (target === undefined || tried === this.#targets.length) return void near.destroy();
    const far = connect(target, '127.0.0.1');
    let there = false;
    far.once('connect', () => {
      there = true;
      if (near.destroyed) return void far.destroy();
      this.#keep(far);
      this.#pass({ from: near, to: far, silentAs: 'mute' });
      this.#pass({ from: far, to: near, silentAs: 'deaf' });
    });
    far.once('error', () => {
      if (!there) this.#dial(near, first, tried + 1);
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #pass(pipe: Pipe): void {
    const { from, to } = pipe;
    // One line for all, as the timers of two pieces may fire in either order.
    const line: { readonly due: number; readonly act: () => void }[] = [];
    const run = () => {
      for (let first = line[0]; first; first = line[0]) {
        const left = first.due - performance.now();
        if (left > 0) return void setTimeout(run, left);
        line.shift();
        first.act();
      }
    };
    const later = (act: () => void) => {
      if (line.push({ due: performance.now() + this.#delayMs, act }) === 1) run();
    };
    from.on('data', (data) =>
      later(() => {
        if (to.destroyed) return;
        to.write(data);
        this.#flow(pipe);
      }),
    );
    to.on('drain', () => this.#flow(pipe));
    from.on('close', () => {
      this.#pipes.delete(pipe);
      later(() => to.destroy());
    });
    this.#pipes.add(pipe);
    this.#flow(pipe);
  }

  /** Reads on where it may; a slow reader is felt at the other end, as without a proxy. */
  #flow({ from, to, silentAs }: Pipe): void {
    if (this.#silent === silentAs || to.writableNeedDrain) from.pause();
    else from.resume();
  }
}
