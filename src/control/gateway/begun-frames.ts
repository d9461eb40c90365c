// What peers with a credential have begun to send as frames of their sessions, all together in bytes: while it is too much, whoever holds
// most makes room, by its largest frame. It counts; it reads nothing.
import { AppError } from '../../base/errors.ts';

/** Most bytes of the first frame of a session. A Hello is far smaller, also one of 8,192 slots with all their jobs. */
export const HELLO_BYTES = 2 << 20;

/** One stream, as far as it holds something. */
export interface Begun {
  /** So many bytes are held now; 0 when nothing is. */
  hold(bytes: number): void;
}

interface Held {
  readonly peer: string;
  readonly end: (error: AppError) => void;
  bytes: number;
}

export class BegunFrames {
  readonly #limit: number;
  readonly #ended: (peer: string) => void;
  readonly #held = new Set<Held>();
  #bytes = 0;

  /** @param ended told whose frame was given up */
  constructor(limit: number, ended: (peer: string) => void) {
    this.#limit = limit;
    this.#ended = ended;
  }

  /** Bytes that are counted now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param end gives up what the stream holds, at once, and ends it */
  open(peer: string, end: (error: AppError) => void): Begun {
    const held: Held = { peer, end, bytes: 0 };
    return {
      hold: (bytes) => {
        this.#set(held, bytes);
        while (this.#bytes > this.#limit && this.#held.size > 0) this.#endGreediest();
      },
    };
  }

  #set(held: Held, bytes: number): void {
    this.#bytes += bytes - held.bytes;
    held.bytes = bytes;
    if (bytes > 0) this.#held.add(held);
    else this.#held.delete(held);
  }

  #endGreediest(): void {
    const byPeer = new Map<string, number>();
    for (const { peer, bytes } of this.#held) byPeer.set(peer, (byPeer.get(peer) ?? 0) + bytes);
    const [greediest] = [...byPeer].reduce((a, b) => (b[1] > a[1] ? b : a));
    const own = [...this.#held].filter(({ peer }) => peer === greediest);
    const largest = own.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    this.#set(largest, 0);
    this.#ended(greediest);
    const what = 'bytes of frames that all sessions have begun to send';
    largest.end(new AppError('LIMIT_EXCEEDED', { what, limit: this.#limit, setting: 'BOWLINE_MAX_BEGUN_BYTES' }));
  }
}
