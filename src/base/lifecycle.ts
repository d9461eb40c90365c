// Ordered shutdown: what was started last stops first, each step and the whole within a deadline.
import type { Logger } from './logger.ts';

/** Runs registered steps in reverse order; a step that hangs is abandoned when the deadline passes. */
export class Lifecycle {
  readonly #log: Logger;
  readonly #steps: { name: string; stop: () => Promise<void> | void }[] = [];
  #stopping: Promise<boolean> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  onStop(name: string, stop: () => Promise<void> | void): void {
    this.#steps.push({ name, stop });
  }

  /** Resolves true when every step ended in time. A second call joins the first. */
  stop(deadlineMs: number): Promise<boolean> {
    this.#stopping ??= this.#run(deadlineMs);
    return this.#stopping;
  }

  async #run(deadlineMs: number): Promise<boolean> {
    let clean = true;
    const end = performance.now() + deadlineMs;
    for (const { name, stop } of this.#steps.reverse()) {
      const left = Math.max(end - performance.now(), 50);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), left);
      });
      try {
        if ((await Promise.race([stop(), late])) === 'late') {
          clean = false;
          this.#log.warn('a shutdown step did not end in time', { step: name });
        }
      } catch (error) {
        clean = false;
        this.#log.error('a shutdown step failed', error, { step: name });
      } finally {
        clearTimeout(timer);
      }
    }
    return clean;
  }
}
