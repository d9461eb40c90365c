// User ids for commands of an edge that is root: each command has one for itself, and everything that runs under it ends with the command.
import { spawn } from 'node:child_process';

/** As many as calls can run at once. */
const USERS = 64;

export interface OwnUser {
  readonly uid: number;
  /** Ends whatever runs as this user and gives the id back. Never throws. */
  release(): Promise<void>;
}

export class OwnUsers {
  readonly first: number;
  readonly #free: number[];
  readonly #used = new Set<number>();

  /** @param first user ids from here on belong to nobody else on this machine */
  constructor(first: number) {
    this.first = first;
    this.#free = Array.from({ length: USERS }, (_, i) => first + i);
  }

  /** Undefined when all are taken. */
  async reserve(): Promise<OwnUser | undefined> {
    const uid = this.#free.shift();
    if (uid === undefined) return undefined;
    // What an edge that was killed has left.
    if (!this.#used.has(uid)) await endAllOf(uid);
    this.#used.add(uid);
    const release = async () => {
      await endAllOf(uid);
      this.#free.push(uid);
    };
    return { uid, release };
  }
}

/** The kernel sends to all that this user may send to, in one go; the sender itself is spared. */
function endAllOf(uid: number): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', 'kill -9 -1'], { uid, gid: uid, stdio: 'ignore', cwd: '/', env: {} });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
