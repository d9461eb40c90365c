// Tells connected edges when the model that would answer them changes: soon after workers come, go or drain, on this replica or on
// another, and once each interval anyway. What each was told its session knows; this only says when to look.
import type { Clock } from '../../base/clock.ts';
import type { LiveEdge } from './live-edge.ts';

export interface ModelNewsParts {
  /** The live sessions of this replica. */
  readonly edges: () => readonly Pick<LiveEdge, 'tellModel'>[];
  readonly clock: Clock;
  /** How late an edge hears of it at most, whatever was missed. */
  readonly everyMs: number;
}

/** Changes within this time are told together. */
const SOON_MS = 20;

export class ModelNews {
  readonly #parts: ModelNewsParts;
  #soon: (() => void) | undefined;
  #stopBeat: () => void = () => {};
  #stopped = false;

  constructor(parts: ModelNewsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopBeat = this.#parts.clock.after(this.#parts.everyMs, () => {
      this.#tell();
      if (!this.#stopped) this.start();
    });
  }

  /** Workers came, went or drain. */
  changed(): void {
    if (this.#stopped) return;
    this.#soon ??= this.#parts.clock.after(SOON_MS, () => {
      this.#soon = undefined;
      this.#tell();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#stopBeat();
    this.#soon?.();
  }

  #tell(): void {
    for (const edge of this.#parts.edges()) edge.tellModel();
  }
}
