// How many clients the owner's socket serves at once. A connection takes its place with the first request that has the owner key, and
// leaves it when it closes; one that finds none is told so and let go. Those that have shown no key yet are few: the oldest of them makes
// room, because who is honest shows it at once.
import type { Http2Session } from 'node:http2';
import { createContextKey, type Interceptor } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';

/** Takes the place of the connection that a request came on. Throws CLIENTS_FULL. */
export const placeKey = createContextKey<() => void>(() => {}, { description: 'takes the place of the connection' });

/** Behind the check of the credential: who has none takes no place. */
export const takesPlace: Interceptor = (next) => (request) => {
  request.contextValues.get(placeKey)();
  return next(request);
};

/** Connections beyond those with a place: on their way to one, or about to be told that there is none. */
const WITHOUT_PLACE = 32;

export class ClientPlaces {
  /** In the order in which they came. */
  readonly #without = new Set<Http2Session>();
  readonly #taken = new Set<Http2Session>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Knows a new connection, which has shown no key. Ends the oldest such one where there are too many. */
  enter(session: Http2Session): void {
    this.#without.add(session);
    session.once('close', () => this.#without.delete(session));
    const [oldest] = this.#without;
    if (oldest === undefined || this.#without.size <= WITHOUT_PLACE) return;
    this.#without.delete(oldest);
    oldest.destroy();
  }

  /** Throws CLIENTS_FULL, and lets the connection go once it has its answer. */
  take(session: Http2Session): void {
    if (this.#taken.has(session)) return;
    if (this.#taken.size >= this.#limit) {
      session.close();
      throw new AppError('CLIENTS_FULL', { limit: this.#limit });
    }
    this.#without.delete(session);
    this.#taken.add(session);
    session.once('close', () => this.#taken.delete(session));
  }
}
