// Tells connected edges when the model that would answer them changes, or what stands in the way of answers: soon after workers come, go or drain, on this replica or on
// another, and once each interval anyway. What each was told its session knows; this only says when to look.
import type { Clock } from '../../base/clock.ts';
import { every } from '../../base/every.ts';
import type { LiveEdge } from './live-edge.ts';

export interface ModelNewsParts {
  /** The live sessions of this replica. */
  readonly edges: () => readonly Pick<LiveEdge, 'tellModel' | 'tellConditions'>[];
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
    const { clock, everyMs } = this.#parts;
    const look = async () => this.#tell();
    // Telling only puts a frame into a queue: it does not fail.
    this.#stopBeat = every(clock, everyMs, look, () => {});
  }

  /** Workers came, went or drain, or something else that edges are told of changed. */
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
    for (const edge of this.#parts.edges()) {
      edge.tellModel();
      edge.tellConditions();
    }
  }
}
