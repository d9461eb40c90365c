// The live sessions of this replica: edges by device, the newest wins; workers by id. Of the workers of other replicas it
// knows what they tell.
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { ConnectedWorker } from '../dispatch/session-ports.ts';
import { CHAT_METHOD, packageOf } from '../orchestrator/run/method-names.ts';
import { serves } from '../routing/worker-view.ts';
import type { LiveEdge } from './live-edge.ts';
import type { LiveWorker } from './live-worker.ts';

const CHAT_PACKAGE = packageOf(CHAT_METHOD);

export class Sessions {
  readonly #edges = new Map<string, LiveEdge>();
  readonly #workers = new Map<string, LiveWorker>();
  readonly #elsewhere: () => readonly ConnectedWorker[];
  readonly #listeners = new Set<() => void>();

  /** @param elsewhere the workers that are connected to other replicas */
  constructor(elsewhere: () => readonly ConnectedWorker[]) {
    this.#elsewhere = elsewhere;
  }

  /** Hears after a worker came to this replica or left it. Returns how to stop. */
  onWorkers(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a new session in; an older one of the same device is told that it is superseded. Returns how to take it out. */
  addEdge(edge: LiveEdge): () => void {
    const key = `${edge.tenant}/${edge.device}`;
    const before = this.#edges.get(key);
    if (before && before.epoch > edge.epoch) {
      edge.supersede(before.epoch, before.bootId);
      return () => {};
    }
    this.#edges.set(key, edge);
    before?.supersede(edge.epoch, edge.bootId);
    return () => {
      if (this.#edges.get(key) === edge) this.#edges.delete(key);
    };
  }

  addWorker(worker: LiveWorker): () => void {
    this.#workers.set(worker.id, worker);
    this.#tell();
    return () => {
      if (this.#workers.delete(worker.id)) this.#tell();
    };
  }

  edge(tenant: string, device: string): LiveEdge | undefined {
    return this.#edges.get(`${tenant}/${device}`);
  }

  edges(): LiveEdge[] {
    return [...this.#edges.values()];
  }

  /** Workers of all replicas that may work for the tenant, those longest here first; of others it is told nothing. */
  workersFor(tenant: string): ConnectedWorker[] {
    return [...this.#workers.values(), ...this.#elsewhere()]
      .filter((worker) => serves(worker.view(), tenant))
      .sort((a, b) => a.connectedAt - b.connectedAt || (a.id < b.id ? -1 : 1));
  }

  /** The model that would answer the tenant now: that of the worker that is here longest and takes jobs. */
  modelFor(tenant: string): ModelInfo | undefined {
    const serves = ({ hello, draining }: ConnectedWorker) =>
      !draining &&
      hello.models.length > 0 &&
      hello.manifest?.capabilities.some((each) => each.package === CHAT_PACKAGE);
    return this.workersFor(tenant).find(serves)?.hello.models[0];
  }

  /** The workers of this replica. */
  workers(): LiveWorker[] {
    return [...this.#workers.values()];
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
