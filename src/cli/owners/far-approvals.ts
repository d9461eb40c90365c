// Approvals of boxes elsewhere, as this home may see and answer them: opens what the boxes sealed for its keys, believes only what they
// signed, and sends answers that its keys sign. What an answer came to only the box can say.
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Approval, type ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { ApprovalService } from '../../../gen/bowline/control/v1/approval_service_pb.ts';
import { OwnerAnswerSchema, type SealedApproval } from '../../../gen/bowline/owner/v1/owner_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fromFailure } from '../../contract/errors.ts';
import {
  answerDigest,
  openSigned,
  REMOVED_NOTE,
  shownDigest,
  signAnswer,
  signedBytesOf,
  signingKeyOf,
} from '../../contract/owners/owner-messages.ts';
import { unseal } from '../../contract/owners/seal.ts';
import type { Side } from '../client.ts';
import type { PairedBox } from './paired-boxes.ts';

/** An approval as a box sealed it. */
export interface FarApproval {
  readonly box: PairedBox;
  readonly sealed: SealedApproval;
  readonly approval: Approval;
}

/** An answer on its way. */
export interface SentAnswer {
  readonly far: FarApproval;
  /** Of its signed bytes. */
  readonly digest: Buffer;
}

/** An approval as the box told it last. */
export interface FarOutcome {
  readonly approval: Approval;
  /** Why the answer does not count, or is not known to. */
  readonly problem?: AppError | undefined;
}

const POLL_MS = 500;
/** How long it is waited for the word of the box. */
const CONFIRM_MS = 30_000;

export class FarApprovals {
  readonly #boxes: readonly PairedBox[];
  readonly #controlOf: (box: PairedBox) => Side;
  readonly #onRemoved: (box: PairedBox) => void;

  /** @param onRemoved called when a box says that this home is paired with it no more */
  constructor(boxes: readonly PairedBox[], controlOf: (box: PairedBox) => Side, onRemoved: (box: PairedBox) => void) {
    this.#boxes = boxes;
    this.#controlOf = controlOf;
    this.#onRemoved = onRemoved;
  }

  /**
   * All that the boxes sealed for this home, oldest first. What was not sealed or signed as it must be is left out, and what boxes
   * have that removed this home. Throws OWNER_REMOVED when all of them did.
   */
  async all(): Promise<FarApproval[]> {
    const told = await Promise.all(
      this.#boxes.map((box) =>
        this.#of(box).catch((error: unknown) => {
          if (error instanceof AppError && error.reason === 'OWNER_REMOVED') return undefined;
          throw error;
        }),
      ),
    );
    const found = told.filter((each) => each !== undefined);
    if (found.length === 0 && told.length > 0) throw removedBy(this.#boxes);
    const askedAt = ({ approval: { createTime } }: FarApproval) => (createTime ? timestampMs(createTime) : 0);
    return found.flat().sort((one, other) => askedAt(one) - askedAt(other));
  }

  /** What was shown under these ids. Throws APPROVAL_CHANGED, NOT_FOUND. */
  async shown(answers: readonly { readonly id: string; readonly digest: Uint8Array }[]): Promise<FarApproval[]> {
    const all = await this.all();
    return answers.map(({ id, digest }) => {
      const far = all.find(({ approval }) => approval.id === id);
      if (!far) throw new AppError('NOT_FOUND', { kind: 'approval' });
      if (Buffer.compare(far.approval.digest, digest) !== 0) throw new AppError('APPROVAL_CHANGED');
      return far;
    });
  }

  /** Signs and sends an answer for what was shown. */
  async send(far: FarApproval, allow: boolean, scope: ApprovalScope): Promise<SentAnswer> {
    const { box, sealed, approval } = far;
    const answer = create(OwnerAnswerSchema, {
      tenant: box.tenant,
      device: box.device,
      key: box.key,
      approval: approval.id,
      shownSha256: shownDigest(sealed.challenge, approval.digest),
      allow,
      scope,
      nonce: randomBytes(16),
      time: timestampFromMs(Date.now()),
    });
    const body = signAnswer(answer, signingKeyOf(box.signingKey));
    await this.#notes(box).sendOwnerNote({ device: box.device, key: box.key, id: approval.id, body });
    return { far, digest: answerDigest(signedBytesOf(body)) };
  }

  /** What became of it, once the box has said what came of the answer, or after a while. */
  async outcome({ far, digest }: SentAnswer): Promise<FarOutcome> {
    const { box, approval } = far;
    let last = approval;
    for (let waited = 0; waited < CONFIRM_MS; waited += POLL_MS) {
      const now = (await this.#of(box, approval.id)).find((each) => each.approval.id === approval.id);
      // The effect is in what was shown before.
      if (now) last = { ...now.approval, ...(approval.effect && { effect: approval.effect }) };
      const receipt = now?.sealed.receipts.find(({ answerSha256 }) => digest.equals(answerSha256));
      if (receipt) return { approval: last, problem: receipt.refused && fromFailure(receipt.refused) };
      await wait(POLL_MS);
    }
    return { approval: last, problem: new AppError('ANSWER_UNCONFIRMED', { box: box.deviceName }) };
  }

  /** Throws OWNER_REMOVED. */
  async #of(box: PairedBox, only?: string): Promise<FarApproval[]> {
    if (box.removed) throw removedBy([box]);
    const found: FarApproval[] = [];
    const notes = this.#notes(box);
    let pageToken = '';
    do {
      const page = await notes.listSealedNotes({ key: box.key, device: box.device, pageToken });
      for (const { id, body } of page.notes) {
        if (only !== undefined && id !== only && id !== REMOVED_NOTE) continue;
        const sealed = await opened(box, id, body);
        if (sealed?.removed && id === REMOVED_NOTE) {
          this.#onRemoved(box);
          throw removedBy([box]);
        }
        if (sealed?.approval?.id === id) found.push({ box, sealed, approval: asOfNow(sealed.approval) });
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return found;
  }

  #notes(box: PairedBox) {
    return this.#controlOf(box).client(ApprovalService);
  }
}

/** What a box sealed under this id for its key; undefined where it did not. */
async function opened(box: PairedBox, id: string, body: Uint8Array): Promise<SealedApproval | undefined> {
  const { tenant, device, key, sealingKey, deviceKey } = box;
  const plain = await unseal(Buffer.from(sealingKey, 'base64'), body, { tenant, device, key, id });
  const sealed = plain && openSigned(plain, Buffer.from(deviceKey, 'base64'));
  return sealed?.tenant === tenant && sealed.device === device && sealed.key === key ? sealed : undefined;
}

const removedBy = (boxes: readonly PairedBox[]): AppError =>
  new AppError('OWNER_REMOVED', { boxes: boxes.map(({ deviceName }) => deviceName).join(', ') });

/** Whoever holds a seal back cannot make it wait longer than it does. */
const asOfNow = (approval: Approval): Approval =>
  approval.state === ApprovalState.PENDING && approval.expireTime && timestampMs(approval.expireTime) < Date.now()
    ? { ...approval, state: ApprovalState.EXPIRED }
    : approval;
