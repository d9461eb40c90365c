// Who is connected to the listener: at most so many, of them at most so many that have not shown a credential, and those
// only for a while. It knows connections, no calls.
import { constants, type ServerHttp2Session } from 'node:http2';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';

export interface ConnectionLimits {
  /** Connections without a credential at once. */
  readonly maxStrangers: number;
  /** How long one may take to show a credential, in milliseconds. */
  readonly strangerMs: number;
}

export class Connections {
  readonly all = new Set<ServerHttp2Session>();
  readonly #strangers = new Map<ServerHttp2Session, () => void>();
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(limits: ConnectionLimits, clock: Clock, log: Logger) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes a connection in. Where too many are strangers, the one that is here longest makes room: who has a credential is quick. */
  add(session: ServerHttp2Session): void {
    const { maxStrangers, strangerMs } = this.#limits;
    if (this.#strangers.size >= maxStrangers) {
      this.#log.warn('a connection was ended: too many have shown no credential', {
        limit: maxStrangers,
        setting: 'BOWLINE_MAX_STRANGERS',
      });
      const [oldest] = this.#strangers.keys();
      if (oldest) {
        this.admit(oldest);
        sendAway(oldest);
      }
    }
    this.all.add(session);
    const stop = this.#clock.after(strangerMs, () => {
      this.#log.info('a connection was ended: it showed no credential in time', { ms: strangerMs });
      sendAway(session);
    });
    this.#strangers.set(session, stop);
    session.once('close', () => {
      this.all.delete(session);
      this.admit(session);
    });
  }

  /** It showed a valid credential, or is gone. */
  admit(session: ServerHttp2Session): void {
    this.#strangers.get(session)?.();
    this.#strangers.delete(session);
  }
}

/** With a code: a client whose connection ends without one may wait for its answer for ever. */
export const sendAway = (session: ServerHttp2Session): void =>
  session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
