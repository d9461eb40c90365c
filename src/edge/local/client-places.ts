// How many clients the owner's socket serves at once. A connection takes its place with the first request that has the owner key, and
// leaves it when it closes; one that finds none is told so and let go.
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

export class ClientPlaces {
  readonly #taken = new Set<Http2Session>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws CLIENTS_FULL, and lets the connection go once it has its answer. */
  take(session: Http2Session): void {
    if (this.#taken.has(session)) return;
    if (this.#taken.size >= this.#limit) {
      session.close();
      throw new AppError('CLIENTS_FULL', { limit: this.#limit });
    }
    this.#taken.add(session);
    session.once('close', () => this.#taken.delete(session));
  }
}
