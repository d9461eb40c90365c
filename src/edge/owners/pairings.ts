// Pairs keys of the owner on other machines with this box: a code that is good for ten minutes and one machine, a proof that the machine
// knows it, and the owner's word that both show the same. Only then the key is in the journal, and counts.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { OwnerNote } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type OwnerAdded, OwnerAddedSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import {
  type PairingReply,
  PairingReplySchema,
  type PairingRequest,
  PairingState,
} from '../../../gen/bowline/owner/v1/owner_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import { AppError } from '../../base/errors.ts';
import { toFailure } from '../../contract/errors.ts';
import { ownerKeyId } from '../../contract/owners/owner-messages.ts';
import {
  macReply,
  newPairingCode,
  openRequest,
  type PairingKeys,
  pairingKeys,
  pairingPlace,
  pairingWords,
  requestDigest,
} from '../../contract/owners/pairing-code.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import { MOST_OWNERS } from '../journal/owner-book.ts';
import type { OutgoingNotes } from './outgoing-notes.ts';

/** What the box says of itself. */
export interface PairingBox {
  readonly tenant: string;
  readonly device: string;
  readonly deviceName: string;
  /** Ed25519, 32 raw bytes. */
  readonly deviceKey: Uint8Array;
}

export interface PairingParts {
  readonly box: PairingBox;
  readonly journal: Pick<EdgeJournal, 'append' | 'owners' | 'now'>;
  readonly notes: OutgoingNotes;
  /** Lets a reply out: it holds names that the control plane knows, and public keys. */
  readonly release: (body: Uint8Array) => void;
  readonly refuse: (why: AppError, about: string) => Promise<void>;
  readonly clock: Clock;
}

/** What the owner at the box is told. */
export type PairingNews =
  | { readonly kind: 'joined'; readonly id: string; readonly name: string; readonly words: string }
  | { readonly kind: 'refused'; readonly why: AppError }
  | { readonly kind: 'paired'; readonly owner: OwnerAdded }
  | { readonly kind: 'ended'; readonly why: AppError };

interface Pairing {
  readonly keys: PairingKeys;
  readonly tell: (news: PairingNews) => void;
  /** By the monotonic clock, which nobody sets. */
  readonly until: number;
  readonly expiresAt: number;
  /** The machine that joined, and what was said to it last. */
  joined: { readonly digest: Buffer; readonly request: PairingRequest; reply: PairingReply } | undefined;
  /** Whether the owner still waits for it. */
  open: boolean;
  readonly stopTimer: () => void;
}

export const PAIRING_MS = 10 * 60_000;
/** Pairings that are over and whose codes are still told to be used. */
const MOST_KEPT = 8;
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u;

export class Pairings {
  readonly #parts: PairingParts;
  readonly #pairings = new Map<string, Pairing>();

  constructor(parts: PairingParts) {
    this.#parts = parts;
  }

  /** Throws PAIRING_OPEN, OWNERS_FULL. */
  begin(tell: (news: PairingNews) => void): { readonly code: string; readonly expiresAt: number; end(): void } {
    const { journal, clock } = this.#parts;
    if ([...this.#pairings.values()].some(({ open }) => open)) throw new AppError('PAIRING_OPEN');
    if (journal.owners.list().length >= MOST_OWNERS) throw new AppError('OWNERS_FULL', { limit: MOST_OWNERS });
    const code = newPairingCode();
    const keys = pairingKeys(code)!;
    const expiresAt = journal.now() + PAIRING_MS;
    const pairing: Pairing = {
      keys,
      tell,
      until: clock.monotonic() + PAIRING_MS,
      expiresAt,
      joined: undefined,
      open: true,
      stopTimer: clock.after(PAIRING_MS, () => this.#end(pairing, new AppError('PAIRING_OVER'))),
    };
    this.#pairings.set(keys.id, pairing);
    dropOldest(this.#pairings, MOST_KEPT);
    // By this the other machine finds the box.
    this.#say(pairing, 'box', this.#reply({}));
    return { code, expiresAt, end: () => this.#end(pairing, new AppError('PAIRING_OVER')) };
  }

  /** Whether this is a note of a pairing. */
  knows(key: string): boolean {
    return this.#pairings.has(key);
  }

  /** Another machine asks to be paired. */
  async take({ key, body }: OwnerNote): Promise<void> {
    const { refuse, clock } = this.#parts;
    const pairing = this.#pairings.get(key)!;
    const request = openRequest(pairing.keys, body);
    if (!request) return refuse(new AppError('PAIRING_FORGED'), key);
    const digest = requestDigest(request.bytes);
    // It was not sure that it was heard.
    if (pairing.joined?.digest.equals(digest)) return;
    const why = pairing.joined
      ? new AppError('PAIRING_USED')
      : clock.monotonic() >= pairing.until || !pairing.open
        ? new AppError('PAIRING_OVER')
        : wrongRequest(request.message);
    if (!why) return this.#joined(pairing, request.message, request.bytes);
    this.#say(pairing, pairingPlace(digest), this.#reply({ requestSha256: digest, ...refusedBy(why) }));
    pairing.tell({ kind: 'refused', why });
    await refuse(why, key);
  }

  /** The owner has compared the words. Throws NOT_FOUND. */
  async confirm(id: string, same: boolean): Promise<void> {
    const pairing = [...this.#pairings.values()].find(({ joined, open }) => open && joined?.reply.key === id);
    if (!pairing?.joined) throw new AppError('NOT_FOUND', { kind: 'pairing' });
    if (!same) return this.#end(pairing, new AppError('PAIRING_REFUSED'));
    const { journal } = this.#parts;
    const { request, reply, digest } = pairing.joined;
    pairing.open = false;
    const createTime = timestampFromMs(journal.now());
    const { signingKey, sealingKey } = request;
    const owner = create(OwnerAddedSchema, { id, name: reply.name, signingKey, sealingKey, createTime });
    try {
      await journal.append([{ case: 'ownerAdded', value: owner }]);
    } catch (error) {
      pairing.open = true;
      throw error;
    }
    pairing.stopTimer();
    pairing.joined.reply = this.#reply({ ...reply, state: PairingState.PAIRED });
    this.#say(pairing, pairingPlace(digest), pairing.joined.reply);
    pairing.tell({ kind: 'paired', owner });
  }

  #joined(pairing: Pairing, request: PairingRequest, bytes: Uint8Array): void {
    const digest = requestDigest(bytes);
    const key = ownerKeyId(request.signingKey);
    const name = this.#freeName(request.name);
    const reply = this.#reply({ requestSha256: digest, state: PairingState.CONFIRM, key, name });
    pairing.joined = { digest, request, reply };
    this.#say(pairing, pairingPlace(digest), reply);
    pairing.tell({ kind: 'joined', id: key, name, words: pairingWords(pairing.keys, bytes, reply) });
  }

  #end(pairing: Pairing, why: AppError): void {
    if (!pairing.open) return;
    pairing.open = false;
    pairing.stopTimer();
    this.#parts.notes.drop(pairing.keys.id, 'box');
    const { joined } = pairing;
    if (joined) {
      joined.reply = this.#reply({ ...joined.reply, ...refusedBy(why) });
      this.#say(pairing, pairingPlace(joined.digest), joined.reply);
    }
    pairing.tell({ kind: 'ended', why });
  }

  #reply(fields: Parameters<typeof create<typeof PairingReplySchema>>[1]): PairingReply {
    return create(PairingReplySchema, { ...this.#parts.box, ...fields });
  }

  #say({ keys, expiresAt }: Pairing, id: string, reply: PairingReply): void {
    const body = macReply(keys, reply);
    this.#parts.release(body);
    this.#parts.notes.put(keys.id, id, body, expiresAt);
  }

  /** No two keys have the same name: answers are told by it. */
  #freeName(wanted: string): string {
    const taken = new Set(this.#parts.journal.owners.list().map(({ name }) => name));
    for (let n = 1; ; n++) {
      const name = n === 1 ? wanted : `${wanted}-${n}`;
      if (!taken.has(name)) return name;
    }
  }
}

const refusedBy = (why: AppError) => ({ state: PairingState.REFUSED, refused: toFailure(why) });

function wrongRequest({ name, signingKey, sealingKey, nonce }: PairingRequest): AppError | undefined {
  const wellFormed = signingKey.length === 32 && sealingKey.length === 32 && nonce.length === 16 && NAME.test(name);
  return wellFormed ? undefined : new AppError('PAIRING_FORGED');
}
