// Looks after the limits of a running isolated program and says which one it met. It ends nothing itself.
import { statfs } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { type IsolatedLimits, MAX_ENTRIES, type MetLimit } from './isolated-spec.ts';
import type { Meter, MeterReading } from './meter.ts';

/** Between two looks; shorter where the system does not bound memory by itself. */
const LOOK_MS = 50;
const LOOK_OFTEN_MS = 20;

/** So many processes that were refused are no accident any more. */
const REFUSALS = 100;

export interface Watched {
  readonly meter: Meter;
  readonly limits: IsolatedLimits;
  /** The program's file system in memory, as a path of this process. */
  readonly scratch: string;
  readonly clock: Clock;
  /** Called once at most. */
  readonly onMet: (limit: MetLimit) => void;
}

/** What was seen of a program until its end. */
export interface Seen {
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  /** Limits at which the system refused the program something, so that it may have failed for them. */
  readonly refused: readonly MetLimit[];
  /** Those that it was ended for by the system. */
  readonly ended: MetLimit | undefined;
}

export class Watch {
  readonly #parts: Watched;
  #stop: () => void = () => {};
  #ended = false;
  #looking: Promise<void> = Promise.resolve();
  #cpuMs: number | undefined;
  #peak = 0;
  #last: MeterReading | undefined;
  #full = false;
  #crowded = false;

  constructor(parts: Watched) {
    this.#parts = parts;
    this.#next();
  }

  /** After the last process has ended: the last look, and all that was seen. Never throws. */
  async end(): Promise<Seen> {
    this.#ended = true;
    this.#stop();
    await this.#looking;
    const { meter } = this.#parts;
    if (meter.bounds) await this.#look().catch(() => undefined);
    else await this.#lookAtDisk().catch(() => undefined);
    const peak = Math.max(this.#peak, (await meter.peak().catch(() => 0)) ?? 0);
    const refused: MetLimit[] = [];
    if (this.#full) refused.push('disk');
    if (this.#crowded) refused.push('processes');
    return {
      cpuMs: this.#cpuMs,
      peakMemoryBytes: peak > 0 ? peak : undefined,
      refused,
      ended: (this.#last?.killedForMemory ?? 0) > 0 ? 'memory' : undefined,
    };
  }

  #next(): void {
    if (this.#ended) return;
    const { clock, meter } = this.#parts;
    this.#stop = clock.after(meter.bounds ? LOOK_MS : LOOK_OFTEN_MS, () => {
      this.#looking = this.#look()
        .then((met) => (met === undefined || this.#ended ? undefined : this.#parts.onMet(met)))
        .catch(() => undefined)
        .then(() => this.#next());
    });
  }

  async #look(): Promise<MetLimit | undefined> {
    const { meter, limits } = this.#parts;
    const [reading, disk] = await Promise.all([meter.read(), this.#lookAtDisk()]);
    this.#last = reading;
    this.#cpuMs = reading.cpuMs === undefined ? this.#cpuMs : Math.max(reading.cpuMs, this.#cpuMs ?? 0);
    const memory = meter.bounds ? reading.memoryBytes : reading.memoryBytes + disk.bytes;
    this.#peak = Math.max(this.#peak, memory);
    if (reading.refusedProcesses > 0 || reading.processes > limits.processes) this.#crowded = true;
    if (reading.killedForMemory > 0 || (!meter.bounds && memory > limits.memoryBytes)) return 'memory';
    if ((reading.cpuMs ?? 0) > limits.cpuMs) return 'cpu';
    if (reading.refusedProcesses >= REFUSALS) return 'processes';
    if (disk.entries > MAX_ENTRIES) return 'disk';
    return undefined;
  }

  async #lookAtDisk(): Promise<{ readonly bytes: number; readonly entries: number }> {
    const { blocks, bavail, bsize, files, ffree } = await statfs(this.#parts.scratch);
    if (bavail === 0) this.#full = true;
    return { bytes: (blocks - bavail) * bsize, entries: files - ffree };
  }
}
