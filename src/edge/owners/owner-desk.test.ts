// What the box believes of notes that claim to come from its owner: the real journal, desk of approvals, seals and gate, and in the place of
// the control plane a hand that may keep, change, swap and repeat whatever passes.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { ConnectRequestSchema, SealedNoteSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { PairingState } from '../../../gen/bowline/owner/v1/owner_pb.ts';
import {
  answerTo,
  heldApproval,
  OLD,
  ownerBox,
  PATH,
  pairedMachine,
  pairingRequest,
  receiptOf,
  sealedFor,
  seenApproval,
  TITLE,
} from '../../../test/support/owner-box.ts';
import { openReply, pairingWords } from '../../contract/owners/pairing-code.ts';
import { checkpointRecords } from '../journal/checkpoint.ts';
import { MOST_OWNERS } from '../journal/owner-book.ts';
import { REFUSALS_AN_HOUR } from '../journal/refusal-book.ts';
import { PAIRING_MS, type PairingNews } from './pairings.ts';

test('a yes from a paired machine runs the call, and the box alone says that it arrived; nothing passes in clear', async () => {
  const at = await ownerBox();
  const laptop = await pairedMachine(at);
  const call = await heldApproval(at);
  const sealed = await sealedFor(at, laptop, call.id);
  expect(sealed.approval?.effect?.effect.value).toMatchObject({ realPath: PATH });
  expect(sealed.approval?.title).toBe(TITLE);
  const body = answerTo(at, laptop, sealed);
  expect(receiptOf(sealed, body)).toBeUndefined();
  await at.take(laptop.key, call.id, body);
  expect(await call.asked).toEqual({ kind: 'ready' });
  const after = await sealedFor(at, laptop, call.id);
  expect(receiptOf(after, body)).toBeDefined();
  expect([receiptOf(after, body)?.refused, after.approval?.effect]).toEqual([undefined, undefined]);
  expect(after.approval).toMatchObject({ state: ApprovalState.ALLOWED, answeredBy: 'key laptop' });
  expect(at.taken).toContain(call.id);
  expect(at.refusals()).toEqual([]);
  const sent = Buffer.concat(at.frames);
  expect(sent.length).toBeGreaterThan(1_000);
  for (const clear of [PATH, '灯塔', OLD, 'the lantern is blue', TITLE, 'FsService', call.digest])
    expect(sent.includes(Buffer.from(clear as string)), String(clear)).toBe(false);
  const lines = await at.journal.ledger({ limit: 100 });
  expect(lines.map(({ egress }) => [egress.field, egress.recipients])).toContainEqual([
    'sealed_note.body',
    ['key laptop'],
  ]);
});

test('what is altered, foreign, for something else, late or sent again answers nothing, is counted and journaled', async () => {
  const at = await ownerBox();
  const [laptop, phone] = [await pairedMachine(at), await pairedMachine(at, 'phone')];
  const [call, other] = [await heldApproval(at), await heldApproval(at, 'the lantern is red')];
  const [sealed, ofPhone] = [await sealedFor(at, laptop, call.id), await sealedFor(at, phone, call.id)];
  const [ofOther, good] = [await sealedFor(at, laptop, other.id), answerTo(at, laptop, sealed)];
  const stranger = { ...laptop, signing: generateKeyPairSync('ed25519').privateKey };
  const bent = Buffer.from(good);
  bent[20] = bent[20]! ^ 1;
  const hour = 3_700_000;
  const bad: [string, string, string, Uint8Array][] = [
    ['OWNER_SIGNATURE', laptop.key, call.id, bent],
    ['OWNER_SIGNATURE', laptop.key, call.id, answerTo(at, stranger, sealed)],
    ['OWNER_SIGNATURE', laptop.key, call.id, answerTo(at, phone, ofPhone)],
    ['OWNER_SIGNATURE', laptop.key, call.id, randomBytes(200)],
    ['OWNER_UNKNOWN', 'f'.repeat(16), call.id, good],
    ['OWNER_ANSWER_OTHER', laptop.key, other.id, good],
    ['OWNER_ANSWER_OTHER', laptop.key, call.id, answerTo(at, laptop, sealed, { device: 'e' })],
    ['OWNER_ANSWER_OTHER', laptop.key, call.id, answerTo(at, laptop, sealed, { tenant: 'u' })],
    ['OWNER_ANSWER_OTHER', laptop.key, call.id, answerTo(at, laptop, sealed, { key: phone.key })],
    [
      'OWNER_ANSWER_STALE',
      laptop.key,
      call.id,
      answerTo(at, laptop, sealed, { time: timestampFromMs(at.clock.now() - hour) }),
    ],
    [
      'OWNER_ANSWER_STALE',
      laptop.key,
      call.id,
      answerTo(at, laptop, sealed, { time: timestampFromMs(at.clock.now() + hour) }),
    ],
    ['APPROVAL_CHANGED', laptop.key, call.id, answerTo(at, laptop, sealed, { shownSha256: ofOther.challenge })],
    ['APPROVAL_CHANGED', laptop.key, call.id, answerTo(at, laptop, { ...sealed, challenge: ofPhone.challenge })],
    ['APPROVAL_CHANGED', laptop.key, call.id, answerTo(at, laptop, sealed, { shownSha256: call.digest })],
    ['NOT_FOUND', laptop.key, laptop.key, answerTo(at, laptop, sealed, { approval: laptop.key })],
  ];
  for (const [reason, key, id, body] of bad) {
    await at.take(key, id, body);
    expect((await at.journaled()).at(-1), reason).toBe(reason);
  }
  expect([call.came(), other.came()]).toEqual([undefined, undefined]);
  expect(at.journal.approvals.pending()).toHaveLength(2);
  await at.take(laptop.key, call.id, good);
  await at.take(laptop.key, call.id, good);
  expect((await at.journaled()).at(-1)).toBe('OWNER_ANSWER_REPLAYED');
  const late = answerTo(at, phone, ofPhone, { allow: false });
  await at.take(phone.key, call.id, late);
  expect((await at.journaled()).at(-1)).toBe('APPROVAL_ENDED');
  await expect
    .poll(async () => receiptOf(await seenApproval(at, phone, call.id), late)?.refused?.reason)
    .toBe('APPROVAL_ENDED');
  expect(at.journal.approvals.ended(call.id)?.approval ?? at.journal.approvals.get(call.id)?.approval).toMatchObject({
    state: ApprovalState.ALLOWED,
    answeredBy: 'key laptop',
  });
  expect(at.refusals()).toContain('OWNER_SIGNATURE 4');
  expect(at.journal.approvals.pending()).toHaveLength(1);
});

test('a removed key is sealed for no more and answers nothing, also what it signed before', async () => {
  const at = await ownerBox();
  const [laptop, phone] = [await pairedMachine(at), await pairedMachine(at, 'phone')];
  const call = await heldApproval(at);
  const body = answerTo(at, laptop, await sealedFor(at, laptop, call.id));
  await sealedFor(at, phone, call.id);
  const [removed] = await Promise.all([at.desk.remove('laptop'), at.take(laptop.key, call.id, body)]);
  expect(removed.id).toBe(laptop.key);
  expect((await at.journaled()).at(-1)).toBe('OWNER_UNKNOWN');
  // It is told that it is removed, also after a restart, and nothing else.
  const ofLaptop = (at: { readonly notes: ReadonlyMap<string, unknown> }) =>
    [...at.notes.keys()].filter((place) => place.startsWith(laptop.key));
  await expect.poll(() => ofLaptop(at)).toEqual([`${laptop.key}/removed`]);
  expect(await seenApproval(at, laptop, 'removed')).toMatchObject({ removed: true, key: laptop.key });
  await sealedFor(at, phone, (await heldApproval(at)).id);
  expect(ofLaptop(at)).toEqual([`${laptop.key}/removed`]);
  expect(call.came()).toBeUndefined();
  await expect(at.desk.remove('laptop')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  await at.stop();
  const again = await ownerBox(at.dir, at.clock);
  await expect.poll(() => ofLaptop(again)).toEqual([`${laptop.key}/removed`]);
});

test('a restart keeps keys and what waits; an answer that was taken before is not asked again, nor refused to who gave it', async () => {
  const at = await ownerBox();
  const laptop = await pairedMachine(at);
  const call = await heldApproval(at);
  const sealed = await sealedFor(at, laptop, call.id);
  const body = answerTo(at, laptop, sealed);
  await at.take(laptop.key, call.id, body);
  await call.asked;
  const open = await heldApproval(at, 'the lantern is red');
  await at.stop();
  const again = await ownerBox(at.dir, at.clock);
  expect(again.desk.list().map(({ name }) => name)).toEqual(['laptop']);
  const { challenge } = await sealedFor(again, laptop, open.id);
  expect(Buffer.from(challenge).equals(Buffer.from(sealed.challenge))).toBe(false);
  // The word that it was taken was lost, so it comes again.
  await again.take(laptop.key, call.id, body);
  expect(again.refusals()).toEqual([]);
  await again.take(
    laptop.key,
    open.id,
    answerTo(again, laptop, await sealedFor(again, laptop, open.id), { allow: false }),
  );
  expect(again.journal.approvals.pending()).toEqual([]);
});

test('what pruned segments leave behind has the keys that are paired, and not those that were removed', async () => {
  const at = await ownerBox();
  const laptop = await pairedMachine(at);
  await pairedMachine(at, 'phone');
  await at.desk.remove('phone');
  const [checkpoint] = await checkpointRecords(at.journal, at.journal.head);
  expect(checkpoint?.owners.map(({ id }) => id)).toEqual([laptop.key]);
});

test('whoever sends a thousand notes fills neither the journal nor the memory of the box', async () => {
  const at = await ownerBox();
  const before = at.journal.head.sequence;
  for (let i = 0; i < 1_000; i++) await at.take('f'.repeat(16), `a${i}`, randomBytes(100));
  expect(at.journal.head.sequence - before).toBeLessThanOrEqual(REFUSALS_AN_HOUR);
  expect(at.refusals()).toEqual(['OWNER_UNKNOWN 1000']);
});

test('who does not know the code pairs nothing, whatever of a pairing passes there', async () => {
  const at = await ownerBox();
  const news: PairingNews[] = [];
  const { code, end } = at.desk.pairings.begin((each) => news.push(each));
  const { keys, body, place, bytes } = await pairingRequest(code, 'laptop');
  const swapped = await pairingRequest((await ownerBox()).desk.pairings.begin(() => {}).code, 'thief');
  await at.take(keys.id, place, swapped.body);
  const bent = Buffer.from(body);
  bent[bent.length - 40] = bent[bent.length - 40]! ^ 1;
  await at.take(keys.id, place, bent);
  expect(await at.journaled()).toEqual(['PAIRING_FORGED', 'PAIRING_FORGED']);
  expect(news).toEqual([]);
  await at.take(keys.id, place, body);
  await at.take(keys.id, place, body);
  const reply = openReply(keys, at.notes.get(`${keys.id}/${place}`)!.body)!.message;
  expect(news).toEqual([{ kind: 'joined', id: reply.key, name: 'laptop', words: pairingWords(keys, bytes, reply) }]);
  expect(at.desk.list()).toEqual([]);
  const second = await pairingRequest(code, 'other');
  await at.take(keys.id, second.place, second.body);
  const told = openReply(keys, at.notes.get(`${keys.id}/${second.place}`)!.body)!.message;
  expect([told.state, told.refused?.reason]).toEqual([PairingState.REFUSED, 'PAIRING_USED']);
  expect(news.at(-1)).toMatchObject({ kind: 'refused', why: { reason: 'PAIRING_USED' } });
  await at.desk.confirm(reply.key, false);
  expect(news.at(-1)).toMatchObject({ kind: 'ended', why: { reason: 'PAIRING_REFUSED' } });
  await expect(at.desk.confirm(reply.key, true)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  expect(at.desk.list()).toEqual([]);
  expect(at.notes.has(`${keys.id}/box`)).toBe(false);
  end();
});

test('a code is good for ten minutes, and for as long as the owner waits', async () => {
  const at = await ownerBox();
  const news: PairingNews[] = [];
  const first = at.desk.pairings.begin((each) => news.push(each));
  expect(() => at.desk.pairings.begin(() => {})).toThrow(expect.objectContaining({ reason: 'PAIRING_OPEN' }));
  const asked = await pairingRequest(first.code, 'laptop');
  at.clock.advance(PAIRING_MS + 1);
  expect(news).toMatchObject([{ kind: 'ended', why: { reason: 'PAIRING_OVER' } }]);
  await at.take(asked.keys.id, asked.place, asked.body);
  const left = at.desk.pairings.begin(() => {});
  left.end();
  const late = await pairingRequest(left.code, 'laptop');
  await at.take(late.keys.id, late.place, late.body);
  expect(await at.journaled()).toEqual(['PAIRING_OVER', 'PAIRING_OVER']);
  expect(at.desk.list()).toEqual([]);
});

test('there are so many keys and no more, each with a name of its own in any language', async () => {
  const at = await ownerBox();
  for (let i = 0; i < MOST_OWNERS; i++) await pairedMachine(at, '我的电脑');
  expect(new Set(at.desk.list().map(({ name }) => name)).size).toBe(MOST_OWNERS);
  expect(at.desk.list()[1]?.name).toBe('我的电脑-2');
  expect(() => at.desk.pairings.begin(() => {})).toThrow(expect.objectContaining({ reason: 'OWNERS_FULL' }));
});

test('the gate lets out no note that was not sealed', async () => {
  const { gate } = await ownerBox();
  const value = create(SealedNoteSchema, { key: 'k', id: 'a', body: Buffer.from(PATH) });
  const frame = gate.frame(create(ConnectRequestSchema, { frame: { case: 'sealedNote', value } }));
  expect(frame.frame.value).toMatchObject({ key: 'k', id: 'a', body: new Uint8Array() });
});
