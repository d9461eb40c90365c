// Sees to it that the sessions of this replica agree with the database: all of them are looked at together each interval,
// and those that stand no more are ended; where they were heard and that they ended is written in batches.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { DeviceSessions, FallenSession, SessionRef } from '../identity/device-sessions.ts';
import type { LiveEdge } from './live-edge.ts';

export interface SessionWatchParts {
  readonly rows: DeviceSessions;
  /** The live sessions of this replica. */
  readonly edges: () => readonly LiveEdge[];
  readonly clock: Clock;
  readonly log: Logger;
  /** The heartbeat of sessions: how long one that was superseded may go on at most, if no signal told it before. */
  readonly everyMs: number;
}

/** How often `last_seen` is written. */
const SEEN_MS = 30_000;

export class SessionWatch {
  readonly #parts: SessionWatchParts;
  readonly #left = new Map<string, SessionRef>();
  readonly #doubted = new Set<LiveEdge>();
  #stopTimer: () => void = () => {};
  #stopped = false;
  #seenAt: number;
  #looking: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(parts: SessionWatchParts) {
    this.#parts = parts;
    this.#seenAt = parts.clock.monotonic();
  }

  start(): void {
    this.#next();
  }

  /** Writes what is left to write, once. Never throws. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopTimer();
    await this.#looking;
    await this.#leaving;
    await this.#writeLeft();
  }

  /** A newer session of this device is said to be there: looks at once, and resolves when it has. Never throws. */
  doubt(edge: LiveEdge): Promise<void> {
    this.#doubted.add(edge);
    this.#looking ??= this.#lookAtDoubted().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** A session ended: its device is not here any more. Never throws. */
  left(session: SessionRef): void {
    this.#left.set(keyOf(session), session);
    if (!this.#stopped) this.#writeSoon();
  }

  #next(): void {
    this.#stopTimer = this.#parts.clock.after(this.#parts.everyMs, () => {
      void this.#round().finally(() => {
        if (!this.#stopped) this.#next();
      });
    });
  }

  async #round(): Promise<void> {
    const { edges, clock, rows, log } = this.#parts;
    await this.#look(edges());
    if (this.#left.size > 0) this.#writeSoon();
    if (clock.monotonic() - this.#seenAt < SEEN_MS) return;
    try {
      await rows.seen(edges().map(refOf));
      this.#seenAt = clock.monotonic();
    } catch (error) {
      log.warn('when devices were seen could not be written', { why: String(error) });
    }
  }

  async #lookAtDoubted(): Promise<void> {
    // Those doubted in one turn of the event loop are looked at together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#doubted.size > 0) {
      const doubted = [...this.#doubted];
      this.#doubted.clear();
      await this.#look(doubted);
    }
  }

  async #look(edges: readonly LiveEdge[]): Promise<void> {
    if (edges.length === 0) return;
    const { rows, log } = this.#parts;
    try {
      const byKey = new Map(edges.map((edge) => [keyOf(refOf(edge)), edge]));
      for (const fallen of await rows.fallen(edges.map(refOf))) {
        const edge = byKey.get(keyOf(fallen));
        if (edge) endFallen(edge, fallen);
      }
    } catch (error) {
      log.warn('whether sessions still stand could not be read', { sessions: edges.length, why: String(error) });
    }
  }

  #writeSoon(): void {
    this.#leaving ??= this.#writeLeft().finally(() => {
      this.#leaving = undefined;
    });
  }

  /** What fails is written in the next round; if this process dies before, its lease says that nobody is here. */
  async #writeLeft(): Promise<void> {
    const { rows, log } = this.#parts;
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#left.size > 0) {
      const left = [...this.#left];
      try {
        await rows.ended(left.map(([, session]) => session));
        for (const [key] of left) this.#left.delete(key);
      } catch (error) {
        log.warn('the end of sessions could not be written yet', { sessions: left.length, why: String(error) });
        return;
      }
    }
  }
}

function endFallen(edge: LiveEdge, { why, newEpoch, newBoot }: FallenSession): void {
  const device = edge.deviceName;
  if (why === 'superseded') edge.supersede(newEpoch, newBoot);
  else if (why === 'recovered')
    edge.end(new AppError('CLOSED', { what: 'the session, because the database was recovered' }));
  else if (why === 'quarantined') edge.quarantine(newEpoch);
  else if (why === 'suspended') edge.end(new AppError('DEVICE_SUSPENDED', { device }));
  else edge.end(new AppError('DEVICE_REMOVED', { device }));
}

const refOf = ({ tenant, device, epoch }: LiveEdge): SessionRef => ({ tenant, id: device, epoch });
const keyOf = ({ tenant, id, epoch }: SessionRef): string => `${tenant}/${id}/${epoch}`;
