// The SHA-256 chain over records: each head commits to every record before it. It knows nothing of files or messages.
import { hash } from 'node:crypto';

/** Bytes of a head. */
export const HEAD_BYTES = 32;

const GENESIS = Buffer.from('bowline.chain.genesis.v1\0', 'latin1');
const LINK = Buffer.from('bowline.chain.link.v1\0', 'latin1');

/** The head before the first record. It depends on the chain's id, so that records cannot move between chains. */
export function genesisHead(id: Uint8Array): Uint8Array {
  return sha256([GENESIS, id]);
}

/** The head after `record`, given the head before it. Previous heads are of fixed length, so the input is unambiguous. */
export function nextHead(previous: Uint8Array, record: Uint8Array): Uint8Array {
  return sha256([LINK, previous, record]);
}

/** Whether two heads are the same; lengths are compared too. Heads are public, so time is not kept constant. */
export function sameHead(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sha256(parts: Uint8Array[]): Uint8Array {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}
