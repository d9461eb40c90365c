// Whether the other end of an HTTP/2 connection is there now: it answers a ping that was sent after the lookup began. Every HTTP/2
// peer does so by itself, and what it had sent before its answer (a reset of a stream among it) has arrived before its answer.
// Lookups of one moment share a ping.
import type { Http2Session } from 'node:http2';

type Pinged = Pick<Http2Session, 'ping' | 'destroyed' | 'closed'>;

interface Asking {
  readonly answer: Promise<boolean>;
  /** A ping for those who asked after the one under way was sent. */
  next?: Promise<boolean>;
}

export class LivePeers {
  readonly #asking = new WeakMap<Pinged, Asking>();

  /** False when the connection is gone. Never throws; waits for as long as the connection lasts. */
  isLive(session: Pinged): Promise<boolean> {
    const known = this.#asking.get(session);
    if (!known) return this.#ask(session);
    known.next ??= known.answer.then((live) => live && this.#ask(session));
    return known.next;
  }

  #ask(session: Pinged): Promise<boolean> {
    const answer = pinged(session);
    const asking: Asking = { answer };
    this.#asking.set(session, asking);
    void answer.then(() => {
      if (this.#asking.get(session) === asking && !asking.next) this.#asking.delete(session);
    });
    return answer;
  }
}

function pinged(session: Pinged): Promise<boolean> {
  return new Promise((resolve) => {
    if (session.destroyed) return resolve(false);
    try {
      // After the turn in which it was read: what came before it has had its effect by then.
      session.ping((error) => setImmediate(() => resolve(!error && !session.destroyed)));
    } catch {
      resolve(false);
    }
  });
}
