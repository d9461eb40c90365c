// With what the last turn of a language model failed, by tenant, where only its owner can mend that: the next ask will fail the same way.
// Memory of this replica.
import { LRUCache } from 'lru-cache';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { CHAT_METHOD, packageOf } from '../../orchestrator/run/method-names.ts';
import type { Attempt } from '../attempts/attempts.ts';
import type { AttemptEnd } from './settler.ts';

/** A key that is missing or refused, a model that is not there. */
const OF_THE_OWNER: ReadonlySet<string> = new Set(['PROVIDER_KEY_MISSING', 'LLAMA_MISSING', 'MODEL_UNKNOWN']);
const CHAT_PACKAGE = packageOf(CHAT_METHOD);

export class ModelRefusals {
  readonly #last = new LRUCache<string, Failure>({ max: 10_000 });
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  of(tenant: string): Failure | undefined {
    return this.#last.get(tenant);
  }

  ended({ tenant, capability }: Pick<Attempt, 'tenant' | 'capability'>, result: AttemptEnd): void {
    if (capability !== CHAT_PACKAGE) return;
    const before = this.#last.get(tenant);
    if (result.case === 'failure' && OF_THE_OWNER.has(result.value.reason)) this.#last.set(tenant, result.value);
    else if (result.case === 'done') this.#last.delete(tenant);
    if (before !== this.#last.get(tenant)) this.#changed();
  }
}
