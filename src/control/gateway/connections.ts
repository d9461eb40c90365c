// Who is connected to the listener, and which of them are strangers: connections that have shown no valid credential. Those are at
// most so many, for a while only, and may send and ask little in all. It knows connections and that calls end, nothing more.
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';

export interface ConnectionLimits {
  /** Connections without a credential at once. */
  readonly maxStrangers: number;
  /** How long one may take to show a credential, in milliseconds. */
  readonly strangerMs: number;
  /** Calls of one that may have ended, in whatever way, without that any showed a credential. */
  readonly maxCalls: number;
  /** Bytes that one may send in all. */
  readonly maxBytes: number;
  /** Calls at once on one that is no stranger. */
  readonly maxStreams: number;
}

interface Stranger {
  ended: number;
  readonly forget: () => void;
}

/**
 * Calls at once with which every connection begins, those included whose credential is still being judged: what a client may assume
 * before it is told a number (RFC 9113, 6.5.2).
 */
export const STRANGER_STREAMS = 100;

/** How often it is looked at what strangers have sent: what they send is not told, and part of it becomes no call. */
const LOOK_MS = 250;

export class Connections {
  readonly all = new Set<ServerHttp2Session>();
  readonly #strangers = new Map<ServerHttp2Session, Stranger>();
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #log: Logger;
  #looking = false;

  constructor(limits: ConnectionLimits, clock: Clock, log: Logger) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes a connection in. Where too many are strangers, the one that is here longest makes room: who has a credential is quick. */
  add(session: ServerHttp2Session): void {
    const { maxStrangers, strangerMs, maxCalls } = this.#limits;
    if (this.#strangers.size >= maxStrangers) {
      const [oldest] = this.#strangers.keys();
      if (oldest) this.#end(oldest, 'too many have shown no credential', maxStrangers, 'BOWLINE_MAX_STRANGERS');
    }
    this.all.add(session);
    const stop = this.#clock.after(strangerMs, () => {
      this.#log.info('a connection was ended: it showed no credential in time', { ms: strangerMs });
      sendAway(session);
    });
    const count = (stream: ServerHttp2Stream) => {
      stream.once('close', () => {
        stranger.ended++;
        if (stranger.ended !== maxCalls || !this.#strangers.has(session)) return;
        this.#end(session, 'many calls and no credential', maxCalls, 'BOWLINE_MAX_STRANGER_CALLS');
      });
    };
    const stranger = {
      ended: 0,
      forget: () => {
        stop();
        session.off('stream', count);
      },
    };
    session.on('stream', count);
    this.#strangers.set(session, stranger);
    if (!this.#looking) this.#look();
    session.once('close', () => {
      this.all.delete(session);
      this.#forget(session);
    });
  }

  /** It showed a valid credential. */
  admit(session: ServerHttp2Session): void {
    const { maxStreams } = this.#limits;
    if (!this.#forget(session) || session.destroyed || maxStreams <= STRANGER_STREAMS) return;
    session.settings({ maxConcurrentStreams: maxStreams });
  }

  /** False when it was no stranger. */
  #forget(session: ServerHttp2Session): boolean {
    this.#strangers.get(session)?.forget();
    return this.#strangers.delete(session);
  }

  #look(): void {
    this.#looking = this.#strangers.size > 0;
    if (!this.#looking) return;
    const { maxBytes } = this.#limits;
    for (const session of this.#strangers.keys()) {
      if (session.destroyed || session.socket.bytesRead <= maxBytes) continue;
      this.#end(session, 'it sent much and no credential', maxBytes, 'BOWLINE_MAX_STRANGER_BYTES');
    }
    this.#clock.after(LOOK_MS, () => this.#look());
  }

  #end(session: ServerHttp2Session, why: string, limit: number, setting: string): void {
    this.#log.warn(`a connection was ended: ${why}`, { limit, setting });
    this.#forget(session);
    sendAway(session);
  }
}

/** With a code: a client whose connection ends without one may wait for its answer for ever. */
export const sendAway = (session: ServerHttp2Session): void =>
  session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
