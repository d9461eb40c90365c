// The address policy of web workers, with a hole for servers of tests on this machine. Only tests and benchmarks have it.
import { AddressPolicy, type AddressPolicyOptions } from '../../src/worker/handlers/web/address-policy.ts';

export class LoopbackPolicy extends AddressPolicy {
  readonly #open: ReadonlySet<number>;

  /** @param open ports on which 127.0.0.1, and nothing else, may be dialled too */
  constructor(open: readonly number[], options: AddressPolicyOptions = {}) {
    super(options);
    this.#open = new Set(open);
  }

  override permitsPort(port: number): boolean {
    return this.#open.has(port) || super.permitsPort(port);
  }

  override permits(address: string, port: number): boolean {
    return (address === '127.0.0.1' && this.#open.has(port)) || super.permits(address, port);
  }
}
