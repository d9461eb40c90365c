// What workers are preferred by: the labels of the routing rules, and that one answered a conversation before, so that its model has that in
// its memory. Memory of this replica, and a hint: what is forgotten costs a little time.
import { LRUCache } from 'lru-cache';
import type { RouteRules } from '../../../contract/routes/rules.ts';
import type { Liking } from '../../routing/worker-view.ts';
import type { Attempt } from '../attempts/attempts.ts';
import type { RelayRow } from './relay.ts';

export interface WarmWorkersParts {
  readonly rules: () => RouteRules | undefined;
  /** The conversation of a run, as far as it is known here without asking; empty otherwise. */
  readonly conversationOf: (tenant: string, run: string) => string;
}

/** Conversations that are remembered. */
const MOST = 50_000;

export class WarmWorkers {
  readonly #parts: WarmWorkersParts;
  readonly #last = new LRUCache<string, string>({ max: MOST });

  constructor(parts: WarmWorkersParts) {
    this.#parts = parts;
  }

  /** A worker brought the result of an attempt. */
  ended({ tenant, conversation, capability, session }: Attempt): void {
    if (conversation === '' || !session || !this.#isWarm) return;
    this.#last.set(keyOf(tenant, conversation, capability), session.id);
  }

  /** Undefined where nothing makes one worker better than another. */
  likingFor({ tenant, run, capability, conversation: said }: RelayRow): Liking | undefined {
    const rules = this.#parts.rules();
    if (!rules || (rules.prefer.length === 0 && rules.warm === 0)) return undefined;
    const conversation = rules.warm === 0 ? '' : (said ?? this.#parts.conversationOf(tenant, run));
    const worker = conversation === '' ? undefined : this.#last.get(keyOf(tenant, conversation, capability));
    return { labels: rules.prefer, warm: worker === undefined ? undefined : { worker, weight: rules.warm } };
  }

  get #isWarm(): boolean {
    return (this.#parts.rules()?.warm ?? 0) !== 0;
  }
}

const keyOf = (...parts: readonly string[]): string => parts.join('\0');
