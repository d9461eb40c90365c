// The workers that are connected to this replica and may be given jobs. Who stands on them hears when they change.
import type { WorkerSession } from '../session-ports.ts';

export class LocalWorkers {
  readonly #sessions = new Map<string, WorkerSession>();
  readonly #listeners = new Set<() => void>();

  all(): WorkerSession[] {
    return [...this.#sessions.values()];
  }

  add(session: WorkerSession): void {
    this.#sessions.set(session.id, session);
    this.tell();
  }

  /** Harmless for one that is not there. */
  remove(session: WorkerSession): void {
    if (this.#sessions.delete(session.id)) this.tell();
  }

  /** Hears after a worker came, left or drains. Returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something about one of them changed that its session cannot say: it drains. */
  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
