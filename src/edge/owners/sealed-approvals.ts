// What waits for the owner, sealed for each paired key as soon as it waits, and again when it is over. What lies sealed at the control
// plane is signed by this box inside, so that nobody else can make one. The line of the ledger is in the journal before anything is sent.
import type { KeyObject } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Approval, ApprovalSchema, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { OwnerAdded } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type AnswerReceipt, SealedApprovalSchema } from '../../../gen/bowline/owner/v1/owner_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { Logger } from '../../base/logger.ts';
import { challengeOf, REMOVED_NOTE, signSealed } from '../../contract/owners/owner-messages.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { OutgoingNotes } from './outgoing-notes.ts';

export interface SealParts {
  readonly box: { readonly tenant: string; readonly device: string };
  /** Signs what is sealed. */
  readonly deviceKey: KeyObject;
  readonly journal: Pick<EdgeJournal, 'append' | 'approvals' | 'owners' | 'now'>;
  readonly notes: OutgoingNotes;
  /** Lets sealed bytes out, once their line is in the ledger. */
  readonly release: (body: Uint8Array) => void;
  /** What came of the answers of a key to an approval. */
  readonly receipts: (key: string, approval: string) => readonly AnswerReceipt[];
  readonly log: Logger;
}

/** How long the end of an approval can be seen from afar. */
const ENDED_MS = 3_600_000;
/** How long a removed key can see that it is: as long as a control plane keeps a note. */
const REMOVED_MS = 8 * 86_400_000;

export class SealedApprovals {
  readonly #parts: SealParts;
  /** One after the other: the newest state is sealed last. */
  #line: Promise<void> = Promise.resolve();

  constructor(parts: SealParts) {
    this.#parts = parts;
    parts.journal.approvals.onChange((approval) => this.changed(approval));
  }

  /** All that waits, for a key that was paired just now or before this start. */
  sealFor(owner: OwnerAdded): void {
    for (const { approval } of this.#parts.journal.approvals.pending()) this.#later(approval, owner);
  }

  /** Seals an approval as it is now for every key. Of one that is over only those hear that heard of it before. */
  changed(approval: Approval): void {
    const { journal, notes } = this.#parts;
    for (const owner of journal.owners.list())
      if (approval.state === ApprovalState.PENDING || notes.has(owner.id, approval.id)) this.#later(approval, owner);
  }

  /** Resolves when all of that is sealed. */
  async settled(): Promise<void> {
    await this.#line;
  }

  /** Tells a key that it counts no more: else it would see that nothing waits. */
  removed(owner: OwnerAdded): void {
    this.#next(() => this.#sealRemoved(owner));
  }

  #later(approval: Approval, owner: OwnerAdded): void {
    this.#next(() => this.#seal(approval, owner));
  }

  #next(task: () => Promise<void>): void {
    const { log } = this.#parts;
    this.#line = this.#line
      .then(task)
      .catch((error: unknown) => log.error('a note could not be sealed for a paired key', error));
  }

  async #seal(approval: Approval, owner: OwnerAdded): Promise<void> {
    const { journal, notes } = this.#parts;
    const pending = approval.state === ApprovalState.PENDING;
    const expiresAt = pending && approval.expireTime ? timestampMs(approval.expireTime) : journal.now() + ENDED_MS;
    const body = await this.#sealed(owner, approval.id, this.#signed(approval, owner.id), approval);
    // It may have been removed meanwhile.
    if (journal.owners.get(owner.id)) notes.put(owner.id, approval.id, body, expiresAt);
  }

  async #sealRemoved(owner: OwnerAdded): Promise<void> {
    const { box, deviceKey, journal, notes } = this.#parts;
    const time = timestampFromMs(journal.now());
    const told = create(SealedApprovalSchema, { ...box, key: owner.id, removed: true, time });
    const body = await this.#sealed(owner, REMOVED_NOTE, signSealed(told, deviceKey), { run: '', job: '' });
    notes.put(owner.id, REMOVED_NOTE, body, journal.now() + REMOVED_MS);
  }

  /** Once its line is in the ledger. */
  async #sealed(
    { id: key, sealingKey, name }: OwnerAdded,
    id: string,
    plain: Uint8Array,
    { run, job }: Pick<Approval, 'run' | 'job'>,
  ): Promise<Uint8Array> {
    const { box, journal, release } = this.#parts;
    const { seal } = await import('../../contract/owners/seal.ts');
    const body = await seal(sealingKey, plain, { ...box, key, id });
    const entry = {
      field: 'sealed_note.body',
      sensitivity: Sensitivity.CONTENT,
      bytes: BigInt(body.length),
      grant: `owner:${key}`,
      run,
      job,
      createTime: timestampFromMs(journal.now()),
      recipients: [`key ${name}`],
    };
    await journal.append([{ case: 'ledger', value: { entries: [entry] } }], { ending: true });
    release(body);
    return body;
  }

  /** Of one that is over the effect was shown before. */
  #signed(approval: Approval, key: string): Uint8Array {
    const { box, deviceKey, journal, receipts } = this.#parts;
    const { effect, ...bare } = approval;
    const shown = create(ApprovalSchema, approval.state === ApprovalState.PENDING && effect ? approval : bare);
    const sealed = create(SealedApprovalSchema, {
      tenant: box.tenant,
      device: box.device,
      key,
      approval: shown,
      challenge: challengeOf(deviceKey, approval.id, key),
      time: timestampFromMs(journal.now()),
      receipts: [...receipts(key, approval.id)],
    });
    return signSealed(sealed, deviceKey);
  }
}
