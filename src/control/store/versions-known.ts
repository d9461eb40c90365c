// Whether every live replica knows what this build writes, as of the last look; false until the first. For what is written only then, and
// may do without an answer of the moment.
import { EVENT_VERSION } from './event-version.ts';
import type { Leases } from './leases.ts';

export class VersionsKnown {
  readonly #leases: Pick<Leases, 'allKnow'>;
  #all = false;

  constructor(leases: Pick<Leases, 'allKnow'>) {
    this.#leases = leases;
  }

  get all(): boolean {
    return this.#all;
  }

  /** Throws when the store does not answer; then nothing is taken for known. */
  async look(): Promise<void> {
    const known = this.#leases.allKnow(EVENT_VERSION);
    this.#all = await known.catch((error: unknown) => {
      this.#all = false;
      throw error;
    });
  }
}
