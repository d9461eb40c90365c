// How many sessions may begin at once on this replica. Those beyond wait in line for as long as their peers are patient; the
// rest is told when to come again, each at a moment of its own, so that a herd is served at the pace of this replica.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';

export interface AdmissionOptions {
  /** Sessions that begin at once. */
  readonly atOnce: number;
  /** The longest wait in line, in milliseconds; a peer takes it for silence if it is longer. */
  readonly patienceMs: number;
  readonly clock: Clock;
}

/** Starts of sessions by which the pace is measured. */
const MEASURED = 64;
/** Before any was measured. */
const FIRST_PACE_MS = 5;
/** The longest time to wait that is told. */
const LONGEST_MS = 60_000;

interface Waiting {
  readonly admit: () => void;
  readonly signal: AbortSignal;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #line: Waiting[] = [];
  /** When the last ones had begun. */
  readonly #begun: number[] = [];
  #starting = 0;
  /** The moment given to the last one that was sent away. */
  #given = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the session may begin, to what to call when it has begun or failed. Throws HELLO_PACED with the time to wait,
   * CANCELED when its peer left the line.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new AppError('CANCELED');
    if (this.#starting < this.#options.atOnce && this.#line.length === 0) return this.#begin();
    const { patienceMs, clock } = this.#options;
    const pace = this.#paceMs();
    const waits = (this.#line.length + 1) * pace;
    if (waits > patienceMs) {
      const now = clock.monotonic();
      this.#given = Math.max(this.#given, now + waits) + pace;
      throw new AppError('HELLO_PACED', { ms: Math.min(Math.ceil(this.#given - now), LONGEST_MS) });
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { admit: () => resolve(this.#begin()), signal };
      this.#line.push(waiting);
      signal.addEventListener(
        'abort',
        () => {
          const at = this.#line.indexOf(waiting);
          if (at < 0) return;
          this.#line.splice(at, 1);
          reject(new AppError('CANCELED'));
        },
        { once: true },
      );
    });
  }

  #begin(): () => void {
    this.#starting++;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#starting--;
      this.#begun.push(this.#options.clock.monotonic());
      if (this.#begun.length > MEASURED) this.#begun.shift();
      this.#line.shift()?.admit();
    };
  }

  /** Milliseconds from one start to the next while all places are taken. */
  #paceMs(): number {
    const [first] = this.#begun;
    if (first === undefined || this.#begun.length < 2) return FIRST_PACE_MS;
    const span = this.#options.clock.monotonic() - first;
    // A long pause before the herd says nothing of its pace.
    return Math.min(Math.max(span / this.#begun.length, 0.2), 4 * FIRST_PACE_MS);
  }
}
