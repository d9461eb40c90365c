// A box with its desk for paired keys: the real journal, desk of approvals, seals and gate; and machines that pair and answer. In the place of
// the control plane stands a test that may keep, change, swap and repeat whatever passes.
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, onTestFinished } from 'vitest';
import { ApprovalScope, EffectSchema, FileAction } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { ConnectRequestSchema, OwnerNoteSchema, type SealedNote } from '../../gen/bowline/edge/v1/edge_pb.ts';
import {
  type OwnerAnswer,
  OwnerAnswerSchema,
  PairingRequestSchema,
  type SealedApproval,
} from '../../gen/bowline/owner/v1/owner_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import {
  answerDigest,
  openSigned,
  shownDigest,
  signAnswer,
  signedBytesOf,
} from '../../src/contract/owners/owner-messages.ts';
import {
  macRequest,
  openReply,
  openRequest,
  pairingKeys,
  pairingPlace,
  requestDigest,
} from '../../src/contract/owners/pairing-code.ts';
import { newSealingKeys, unseal } from '../../src/contract/owners/seal.ts';
import { rawPublicKey } from '../../src/contract/tool-call.ts';
import { ApprovalDesk, type AskedCall } from '../../src/edge/approvals/approval-desk.ts';
import { CallGrants } from '../../src/edge/approvals/call-grants.ts';
import { Gate } from '../../src/edge/egress/gate.ts';
import { openEdgeJournal } from '../../src/edge/journal/edge-journal.ts';
import type { NoteFrame } from '../../src/edge/owners/outgoing-notes.ts';
import { OwnerDesk } from '../../src/edge/owners/owner-desk.ts';
import { ManualClock } from './manual-clock.ts';
import { roomyDay } from './roomy-day.ts';

export const PATH = '/home/ana/日记/灯塔.md';
export const OLD = 'the lantern was green';
export const TITLE = '整理我的日记';
const device = generateKeyPairSync('ed25519');
export const BOX = { tenant: 't', device: 'd', deviceName: 'pi', deviceKey: rawPublicKey(device.publicKey) };

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'owner-desk-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A box, and all that it sent through the gate. Starting over the same folder is a restart. */
export async function ownerBox(dir = folder(), clock = new ManualClock()) {
  const journal = await openEdgeJournal(join(dir, 'journal'), { clock, log: silentLogger, onFatal: () => {} });
  const approvals = new ApprovalDesk({
    journal,
    grants: new CallGrants({ journal, clock, log: silentLogger }),
    shares: () => [],
    titleOf: () => TITLE,
    limits: () => ({ approval_hours: 24, approvals: 3 }),
    problem: () => undefined,
    clock,
    log: silentLogger,
  });
  approvals.start();
  const gate = new Gate({ covers: () => 'NO_GRANT', spend: () => false, spendAgain: () => undefined }, roomyDay());
  const desk = new OwnerDesk({
    box: BOX,
    deviceKey: device.privateKey,
    journal,
    answer: (answers, allow, scope, by) => approvals.answer(answers, allow, scope, by),
    release: (body) => gate.admitNote(body),
    clock,
    log: silentLogger,
  });
  const notes = new Map<string, SealedNote>();
  const frames: Uint8Array[] = [];
  const taken: string[] = [];
  const send = async (frame: NoteFrame) => {
    const passed = gate.frame(create(ConnectRequestSchema, { frame }));
    frames.push(toBinary(ConnectRequestSchema, passed));
    const { case: kind, value } = passed.frame;
    if (kind === 'ownerNoteTaken') taken.push(value.id);
    if (kind !== 'sealedNote') return true;
    if (value.first) notes.clear();
    if (value.body.length === 0) notes.delete(`${value.key}/${value.id}`);
    else notes.set(`${value.key}/${value.id}`, value);
    return true;
  };
  const end = desk.begin(send);
  onTestFinished(() => journal.close());
  return {
    dir,
    clock,
    journal,
    approvals,
    gate,
    desk,
    notes,
    frames,
    taken,
    end,
    take: (key: string, id: string, body: Uint8Array) => desk.take(create(OwnerNoteSchema, { key, id, body })),
    refusals: () => desk.refused.counts.list().map(({ why, count }) => `${why.reason} ${count}`),
    journaled: async () => {
      const found: string[] = [];
      for await (const { record } of journal.entries())
        if (record.case === 'toolRefused') found.push(record.value.failure?.reason ?? '');
      return found;
    },
    stop: async () => {
      end();
      approvals.stop();
      await journal.close();
    },
  };
}

type Box = Awaited<ReturnType<typeof ownerBox>>;

interface Machine {
  readonly key: string;
  readonly signing: KeyObject;
  readonly sealing: Uint8Array;
}

/** What a machine sends that pairs. */
export async function pairingRequest(code: string, name: string) {
  const keys = pairingKeys(code)!;
  const [signing, sealing] = [generateKeyPairSync('ed25519'), await newSealingKeys()];
  const request = create(PairingRequestSchema, {
    name,
    signingKey: rawPublicKey(signing.publicKey),
    sealingKey: sealing.publicKey,
    nonce: randomBytes(16),
  });
  const body = macRequest(keys, request);
  const { bytes } = openRequest(keys, body)!;
  return { keys, signing, sealing, body, bytes, place: pairingPlace(requestDigest(bytes)) };
}

export async function pairedMachine(at: Box, name = 'laptop'): Promise<Machine> {
  const { code } = at.desk.pairings.begin(() => {});
  const { keys, signing, sealing, body, bytes, place } = await pairingRequest(code, name);
  await at.take(keys.id, place, body);
  const reply = openReply(keys, at.notes.get(`${keys.id}/${place}`)!.body)!.message;
  expect(requestDigest(bytes).equals(reply.requestSha256)).toBe(true);
  await at.desk.confirm(reply.key, true);
  return { key: reply.key, signing: signing.privateKey, sealing: sealing.privateKey };
}

/** A call that waits for the owner; `came` is what came of it. */
export async function heldApproval(at: Box, text = 'the lantern is blue', signal = new AbortController().signal) {
  const run = newId();
  const effect = create(EffectSchema, {
    effect: {
      case: 'file',
      value: { action: FileAction.CHANGE, path: '日记/灯塔.md', realPath: PATH, diff: `-${OLD}\n+${text}\n` },
    },
  });
  let came: AskedCall | undefined;
  const waits = Promise.withResolvers<void>();
  const asked = at.approvals.ask({
    run,
    job: `${run}/0/0`,
    key: newId(),
    method: 'bowline.capability.fs.v1.FsService/Write',
    params: randomBytes(32),
    entry: 'write 1',
    taints: [],
    reason: 'a test',
    cover: 'none',
    show: async () => effect,
    signal,
    waits: () => waits.resolve(),
  });
  void asked.then((each) => {
    came = each;
  });
  await waits.promise;
  const { approval } = at.journal.approvals.pending().at(-1)!;
  return { id: approval.id, digest: approval.digest, asked, came: () => came };
}

/** What a machine reads of an approval. */
export async function seenApproval(
  at: Box,
  { key, sealing }: Machine,
  id: string,
): Promise<SealedApproval | undefined> {
  const note = at.notes.get(`${key}/${id}`);
  const plain = note && (await unseal(sealing, note.body, { tenant: 't', device: 'd', key, id }));
  return plain && openSigned(plain, BOX.deviceKey);
}

export const sealedFor = async (at: Box, machine: Machine, id: string): Promise<SealedApproval> => {
  await expect.poll(() => seenApproval(at, machine, id)).toBeDefined();
  return (await seenApproval(at, machine, id))!;
};

/** An answer as the other machine makes it. */
export function answerTo(
  at: Box,
  { key, signing }: Machine,
  sealed: SealedApproval,
  change: Partial<OwnerAnswer> = {},
) {
  const answer = create(OwnerAnswerSchema, {
    tenant: 't',
    device: 'd',
    key,
    approval: sealed.approval!.id,
    shownSha256: shownDigest(sealed.challenge, sealed.approval!.digest),
    allow: true,
    scope: ApprovalScope.ONCE,
    nonce: randomBytes(16),
    time: timestampFromMs(at.clock.now()),
    ...change,
  });
  return signAnswer(answer, signing);
}

export const receiptOf = (sealed: SealedApproval | undefined, body: Uint8Array) =>
  sealed?.receipts.find(({ answerSha256 }) => answerDigest(signedBytesOf(body)).equals(answerSha256));
