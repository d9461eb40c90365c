// Errors that nobody caught, told apart by whose work they come from: that of a request ends the request, any other the process.
// It catches nothing that a caller could still handle.
import { AsyncLocalStorage } from 'node:async_hooks';
import { endNow } from './end-process.ts';
import type { Logger } from './logger.ts';
import { EXIT } from './status-codes.ts';

/** Whose work it is: told of an error that its work let escape. Never throws. */
export type Owner = (error: unknown) => void;

const owners = new AsyncLocalStorage<Owner>();

/** Runs `work` and all that it starts as work of `owner`. */
export const ownedBy = <T>(owner: Owner, work: () => T): T => owners.run(owner, work);

/** From now on an error that escapes is told to its owner; one without an owner is logged and ends the process. Returns how to end that. */
export function watchStrayErrors(log: Logger): () => void {
  const escaped = (error: unknown) => {
    const owner = owners.getStore();
    if (owner) return owner(error);
    log.error('the program ends: an error was not expected', error);
    console.error(error);
    endNow(EXIT.failed);
  };
  process.on('uncaughtException', escaped);
  return () => void process.off('uncaughtException', escaped);
}

/** Counts and logs what requests let escape. */
export class RequestFaults {
  readonly #log: Logger;
  #count = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  add(error: unknown, method: string): void {
    this.#count += 1;
    this.#log.error('a request failed in a way that was not expected; the others go on', error, { method });
  }
}
