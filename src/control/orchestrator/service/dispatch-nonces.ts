// Makes the nonces in dispatch ids: no other decision has one of them, of this replica or another, also after a restart.
import { randomBytes } from 'node:crypto';

export class DispatchNonces {
  readonly #process = randomBytes(6).toString('hex');
  #next = 0;

  /** Small letters and digits. */
  next(): string {
    return `${this.#process}${(this.#next++).toString(36)}`;
  }
}
