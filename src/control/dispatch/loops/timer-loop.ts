// Fires durable timers: sleeps until the earliest due one, takes what is due and hands it to the orchestrator. A fired
// timer whose commit fails comes again, because only that commit removes its row. A replica hears of the timers that it
// commits itself and so sleeps until the earliest of those; the others find them with their scan, which matters only when
// that replica dies: then a timer is late by at most `scanMs`. So commits need not tell other replicas.
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { Timers } from '../../store/timers.ts';

/** Timers taken at a time. */
const BATCH = 200;

export class TimerLoop {
  readonly #timers: Timers;
  readonly #runs: Orchestrator;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #scanMs: number;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};
  #running: Promise<void> | undefined;
  #stopped = false;

  /** @param scanMs the longest sleep, which is the net under lost notifications */
  constructor(parts: { timers: Timers; runs: Orchestrator; clock: Clock; log: Logger; scanMs: number }) {
    this.#timers = parts.timers;
    this.#runs = parts.runs;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#scanMs = parts.scanMs;
  }

  start(): void {
    this.soon(0);
  }

  /** A timer that is due in `ms` was committed. */
  soon(ms: number): void {
    if (this.#stopped) return;
    const at = this.#clock.monotonic() + ms;
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#cancel();
    this.#cancel = this.#clock.after(ms, () => this.#fire());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
  }

  #fire(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    if (this.#stopped) return;
    if (this.#running) {
      this.soon(50);
      return;
    }
    this.#running = this.#fireDue()
      .catch((error: unknown) => {
        this.#log.warn('timers could not be read', { why: String(error) });
        return this.#scanMs;
      })
      .then((next) => {
        this.#running = undefined;
        this.soon(Math.min(next, this.#scanMs));
      });
  }

  async #fireDue(): Promise<number> {
    for (;;) {
      const due = await this.#timers.due(BATCH);
      await Promise.all(
        due.map(async ({ tenant, stream, id, kind }) => {
          try {
            await this.#runs.command(tenant, stream, { type: 'timer', id, kind }, { source: 'timer', commandId: id });
          } catch (error) {
            this.#log.warn('a timer could not be fired yet', { timer: id, why: String(error) });
          }
        }),
      );
      if (due.length < BATCH) return (await this.#timers.nextDue()) ?? this.#scanMs;
    }
  }
}
