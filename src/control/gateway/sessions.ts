// The live sessions of this replica: edges by device, the newest wins; workers by id.
import type { LiveEdge } from './edge-session.ts';
import type { LiveWorker } from './worker-session.ts';

export class Sessions {
  readonly #edges = new Map<string, LiveEdge>();
  readonly #workers = new Map<string, LiveWorker>();

  /** Takes a new session in; an older one of the same device is told that it is superseded. Returns how to take it out. */
  addEdge(edge: LiveEdge): () => void {
    const key = `${edge.tenant}/${edge.device}`;
    const before = this.#edges.get(key);
    if (before && before.epoch > edge.epoch) {
      edge.supersede(before.epoch);
      return () => {};
    }
    this.#edges.set(key, edge);
    before?.supersede(edge.epoch);
    return () => {
      if (this.#edges.get(key) === edge) this.#edges.delete(key);
    };
  }

  addWorker(worker: LiveWorker): () => void {
    this.#workers.set(worker.id, worker);
    return () => this.#workers.delete(worker.id);
  }

  edge(tenant: string, device: string): LiveEdge | undefined {
    return this.#edges.get(`${tenant}/${device}`);
  }

  edges(): LiveEdge[] {
    return [...this.#edges.values()];
  }

  workers(): LiveWorker[] {
    return [...this.#workers.values()];
  }
}
