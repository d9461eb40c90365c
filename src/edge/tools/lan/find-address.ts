// The address that a request goes to: looked up once, judged, and then connected to as it is.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { AppError } from '../../../base/errors.ts';
import type { LanEntry } from '../../config/lan-entry.ts';
import { mayConnect } from '../../config/local-address.ts';

/** The addresses of a name. */
export type LookUp = (host: string) => Promise<readonly string[]>;

export const systemLookUp: LookUp = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/**
 * @param before the address that was shown: only that one will do
 * @throws HOST_UNREACHABLE, HOST_NOT_LOCAL; APPROVAL_CHANGED when it is none of its addresses any more; why `signal` aborted
 */
export async function findAddress(
  { host, name }: LanEntry,
  lookUp: LookUp,
  signal: AbortSignal,
  before?: string,
): Promise<string> {
  const all = isIP(host) === 0 ? await addressesOf(host, name, lookUp, signal) : [host];
  const local = all.filter((address) => mayConnect(host, address));
  if (before !== undefined) {
    if (local.includes(before)) return before;
    throw new AppError('APPROVAL_CHANGED');
  }
  if (local[0] === undefined) throw new AppError('HOST_NOT_LOCAL', { entry: name });
  return local[0];
}

async function addressesOf(
  host: string,
  name: string,
  lookUp: LookUp,
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // The system's own search goes on after that; nobody waits for it.
    const left = () => reject(signal.reason);
    signal.addEventListener('abort', left, { once: true });
    lookUp(host)
      .then(resolve, (cause: unknown) => {
        reject(new AppError('HOST_UNREACHABLE', { entry: name, problem: 'its name is not known' }, { cause }));
      })
      .finally(() => signal.removeEventListener('abort', left));
  });
}
