// Pairs this machine with a box whose code the owner typed: makes the keys, proves that it knows the code, and waits for the owner's word
// at the box. What the box says counts only if it knows the code too.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { ApprovalService } from '../../../gen/bowline/control/v1/approval_service_pb.ts';
import { PairingRequestSchema, PairingState } from '../../../gen/bowline/owner/v1/owner_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fromFailure } from '../../contract/errors.ts';
import {
  macRequest,
  openReply,
  openRequest,
  type PairingKeys,
  pairingKeys,
  pairingPlace,
  pairingWords,
  requestDigest,
} from '../../contract/owners/pairing-code.ts';
import { newSealingKeys } from '../../contract/owners/seal.ts';
import { rawPublicKey } from '../../contract/tool-call.ts';
import type { Side } from '../client.ts';
import { forgetPairedBox, keepPairedBox, type PairedBox } from './paired-boxes.ts';

export interface JoinBoxParts {
  readonly control: Side;
  /** Where the keys are kept. */
  readonly file: string;
  readonly code: string;
  /** What this machine is to be called. */
  readonly name: string;
  /** Told when the owner can compare: six words. */
  readonly compare: (words: string, box: PairedBox) => void;
}

const POLL_MS = 700;
/** A code is good for ten minutes. */
const PATIENCE_MS = 11 * 60_000;

type Notes = Client<typeof ApprovalService>;

/** Throws PAIRING_CODE_INVALID, PAIRING_UNKNOWN, what the box refused with. */
export async function joinBox({ control, file, code, name, compare }: JoinBoxParts): Promise<PairedBox> {
  const keys = pairingKeys(code);
  if (!keys) throw new AppError('PAIRING_CODE_INVALID');
  const notes = control.client(ApprovalService);
  const device = await findBox(notes, keys);
  const [signing, sealing] = [generateKeyPairSync('ed25519'), await newSealingKeys()];
  const request = create(PairingRequestSchema, {
    name,
    signingKey: rawPublicKey(signing.publicKey),
    sealingKey: sealing.publicKey,
    nonce: randomBytes(16),
  });
  const body = macRequest(keys, request);
  const { bytes } = openRequest(keys, body)!;
  const place = pairingPlace(requestDigest(bytes));
  await notes.sendOwnerNote({ device, key: keys.id, id: place, body });
  let kept: PairedBox | undefined;
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    const reply = await replyAt(notes, keys, place, bytes);
    if (reply?.state === PairingState.REFUSED || (reply && reply.device !== device)) {
      if (kept) forgetPairedBox(file, kept.key);
      throw reply.refused ? fromFailure(reply.refused) : new AppError('PAIRING_FORGED');
    }
    if (reply && !kept) {
      kept = {
        key: reply.key,
        name: reply.name,
        tenant: reply.tenant,
        device: reply.device,
        deviceName: reply.deviceName,
        control: control.where,
        deviceKey: Buffer.from(reply.deviceKey).toString('base64'),
        signingKey: signing.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
        sealingKey: Buffer.from(sealing.privateKey).toString('base64'),
      };
      // Before the owner says yes: a key that counts there is never lost here.
      keepPairedBox(file, kept);
      compare(pairingWords(keys, bytes, reply), kept);
    }
    if (reply?.state === PairingState.PAIRED && kept) return kept;
    await wait(POLL_MS);
  }
  if (kept) forgetPairedBox(file, kept.key);
  throw new AppError('PAIRING_OVER');
}

/** The box that made the code, proven by it. */
async function findBox(notes: Notes, keys: PairingKeys): Promise<string> {
  const { notes: found } = await notes.listSealedNotes({ key: keys.id });
  for (const { id, body, device } of found)
    if (id === 'box' && openReply(keys, body)?.message.device === device) return device;
  throw new AppError('PAIRING_UNKNOWN');
}

async function replyAt(notes: Notes, keys: PairingKeys, place: string, request: Uint8Array) {
  const { notes: found } = await notes.listSealedNotes({ key: keys.id });
  const note = found.find(({ id }) => id === place);
  const reply = note && openReply(keys, note.body)?.message;
  return reply && requestDigest(request).equals(reply.requestSha256) ? reply : undefined;
}
