// The owner away from the box: takes what comes in the name of paired keys, believes nothing of it before the signature, and hands on an
// answer only where key, box, approval and what was shown are those that it was given for. Removing a key holds for all that comes later.

import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Approval, type ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { OwnerNote } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { OwnerAdded } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type AnswerReceipt, AnswerReceiptSchema, type OwnerAnswer } from '../../../gen/bowline/owner/v1/owner_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { mayPass, toAppError, toFailure } from '../../contract/errors.ts';
import { challengeOf, openAnswer, shownDigest } from '../../contract/owners/owner-messages.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import { OutgoingNotes, type SendNote } from './outgoing-notes.ts';
import { type PairingBox, Pairings } from './pairings.ts';
import { RefusedNotes } from './refused-notes.ts';
import { SealedApprovals } from './sealed-approvals.ts';

export interface OwnerDeskParts {
  readonly box: PairingBox;
  /** The private key of the box. */
  readonly deviceKey: KeyObject;
  readonly journal: Pick<EdgeJournal, 'append' | 'approvals' | 'owners' | 'refusals' | 'now'>;
  /** Takes an answer as if it were given at the box; `by` is told with it. */
  readonly answer: (
    answers: readonly { readonly id: string; readonly digest: Uint8Array }[],
    allow: boolean,
    scope: ApprovalScope,
    by: string,
  ) => Promise<unknown>;
  /** Lets bytes out: what was sealed, or is of a pairing. */
  readonly release: (body: Uint8Array) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An answer is good for so long, by the clock of the machine that gave it, which may be ahead by so much. */
const FRESH_MS = 3_600_000;
const AHEAD_MS = 600_000;
/** Answers that are remembered, and receipts of one approval for one key. */
const MOST_SEEN = 4_096;
const MOST_RECEIPTS = 4;
/** Approvals whose receipts are remembered. */
const MOST_ANSWERED = 256;

export class OwnerDesk {
  readonly pairings: Pairings;
  readonly refused: RefusedNotes;
  readonly #parts: OwnerDeskParts;
  readonly #notes: OutgoingNotes;
  readonly #sealed: SealedApprovals;
  readonly #seen = new Set<string>();
  readonly #receipts = new Map<string, AnswerReceipt[]>();
  #line: Promise<unknown> = Promise.resolve();

  constructor(parts: OwnerDeskParts) {
    const { journal, box, deviceKey, release, clock, log } = parts;
    this.#parts = parts;
    this.#notes = new OutgoingNotes(() => journal.now());
    this.refused = new RefusedNotes(journal, log);
    const refuse = (why: AppError, about: string) => this.refused.add(why, about);
    this.pairings = new Pairings({ box, journal, notes: this.#notes, release, refuse, clock });
    const receipts = (key: string, approval: string) => this.#receipts.get(`${key}/${approval}`) ?? [];
    this.#sealed = new SealedApprovals({ box, deviceKey, journal, notes: this.#notes, release, receipts, log });
    const { owners } = journal;
    for (const owner of owners.list()) this.#sealed.sealFor(owner);
    for (const owner of owners.removed()) this.#sealed.removed(owner);
    if (owners.list().length + owners.removed().length > 0) this.#notes.saidBefore();
  }

  list(): OwnerAdded[] {
    return this.#parts.journal.owners.list();
  }

  /** Whether notes can be sent now. */
  get connected(): boolean {
    return this.#notes.connected;
  }

  /** A session began. Returns how to end. */
  begin(send: SendNote): () => void {
    return this.#notes.begin(send);
  }

  /** The words are the same on both machines, or not. Throws NOT_FOUND. */
  async confirm(id: string, same: boolean): Promise<void> {
    await this.#inTurn(() => this.pairings.confirm(id, same));
    const owner = this.#parts.journal.owners.get(id);
    if (owner) this.#sealed.sealFor(owner);
  }

  /** @param wanted id or name @throws NOT_FOUND */
  remove(wanted: string): Promise<OwnerAdded> {
    return this.#inTurn(async () => {
      const owner = this.list().find(({ id, name }) => id === wanted || name === wanted);
      if (!owner) throw new AppError('NOT_FOUND', { kind: 'paired key' });
      await this.#parts.journal.append([{ case: 'ownerRemoved', value: { id: owner.id } }], { ending: true });
      this.#notes.dropKey(owner.id);
      this.#sealed.removed(owner);
      return owner;
    });
  }

  /** What the control plane says that a key says. Resolves when it is taken, whatever came of it; throws what may pass. */
  async take(note: OwnerNote): Promise<void> {
    await this.#inTurn(() => (this.pairings.knows(note.key) ? this.pairings.take(note) : this.#answer(note)));
    this.#notes.taken(note.key, note.id, createHash('sha256').update(note.body).digest());
  }

  async #answer({ key, id, body }: OwnerNote): Promise<void> {
    const owner = this.#parts.journal.owners.get(key);
    if (!owner) return this.refused.add(new AppError('OWNER_UNKNOWN'), id);
    const opened = openAnswer(body, owner.signingKey);
    if (!opened) return this.refused.add(new AppError('OWNER_SIGNATURE'), id);
    const { message: answer, digest } = opened;
    const { tenant, device } = this.#parts.box;
    if (answer.tenant !== tenant || answer.device !== device || answer.key !== key || answer.approval !== id)
      return this.refused.add(new AppError('OWNER_ANSWER_OTHER'), id);
    if (this.#seen.has(digest.toString('hex'))) return this.refused.add(new AppError('OWNER_ANSWER_REPLAYED'), id);
    const why = await this.#judged(owner, answer);
    this.#remember(digest);
    if (why) await this.refused.add(why, id);
    this.#receipt(key, id, digest, why);
    const approval = this.#approval(id);
    if (approval) this.#sealed.changed(approval);
    await this.#sealed.settled();
  }

  /** Why it does not count; undefined when it was taken. Throws what may pass. */
  async #judged(owner: OwnerAdded, answer: OwnerAnswer): Promise<AppError | undefined> {
    const { journal, deviceKey, answer: hand } = this.#parts;
    const given = answer.time ? timestampMs(answer.time) : 0;
    const now = journal.now();
    if (now - given > FRESH_MS || given - now > AHEAD_MS) return new AppError('OWNER_ANSWER_STALE');
    const approval = this.#approval(answer.approval);
    if (!approval) return new AppError('NOT_FOUND', { kind: 'approval' });
    const shown = shownDigest(challengeOf(deviceKey, approval.id, owner.id), approval.digest);
    if (!shown.equals(answer.shownSha256)) return new AppError('APPROVAL_CHANGED');
    const by = `key ${owner.name}`;
    // It was taken before this start, and the word of that was lost; or somebody sends it again.
    if (approval.state !== ApprovalState.PENDING && approval.answeredBy === by && isSame(approval, answer.allow))
      return undefined;
    try {
      await hand([{ id: approval.id, digest: approval.digest }], answer.allow, answer.scope, by);
      return undefined;
    } catch (error) {
      const why = toAppError(error);
      if (mayPass(toFailure(why))) throw why;
      return why;
    }
  }

  #approval(id: string): Approval | undefined {
    const { approvals } = this.#parts.journal;
    return approvals.get(id)?.approval ?? approvals.ended(id)?.approval;
  }

  #receipt(key: string, approval: string, digest: Buffer, why: AppError | undefined): void {
    const place = `${key}/${approval}`;
    const refused = why && toFailure(why);
    const receipt = create(AnswerReceiptSchema, { answerSha256: digest, ...(refused && { refused }) });
    const all = [...(this.#receipts.get(place) ?? []), receipt].slice(-MOST_RECEIPTS);
    this.#receipts.delete(place);
    this.#receipts.set(place, all);
    dropOldest(this.#receipts, MOST_ANSWERED);
  }

  #remember(digest: Buffer): void {
    this.#seen.add(digest.toString('hex'));
    dropOldest(this.#seen, MOST_SEEN);
  }

  /** One after the other, so that what was removed is removed for all that comes after it. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#line.then(task);
    this.#line = done.catch(() => {});
    return done;
  }
}

const isSame = ({ state }: Approval, allow: boolean): boolean =>
  state === (allow ? ApprovalState.ALLOWED : ApprovalState.DENIED);
