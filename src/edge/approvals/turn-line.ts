// Where calls wait for their turn to be asked about. Whoever is let on looks for itself whether it is its turn.
export class TurnLine {
  readonly #waiting = new Set<() => void>();

  /** Until anything may have changed, or `signal` aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      this.#waiting.add(go);
      if (signal.aborted) go();
      else signal.addEventListener('abort', go, { once: true });
    });
  }

  /** Something has changed. */
  move(): void {
    for (const go of [...this.#waiting]) go();
  }
}
