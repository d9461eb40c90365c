// What a box and a paired machine say to each other: nobody between them can read it, make it, or turn it into something else.
import { randomBytes as bufferOf, generateKeyPairSync } from 'node:crypto';
import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  OwnerAnswerSchema,
  PairingReplySchema,
  PairingRequestSchema,
  SealedApprovalSchema,
  SignedMessageSchema,
} from '../../../gen/bowline/owner/v1/owner_pb.ts';
import { rawPublicKey } from '../tool-call.ts';
import { challengeOf, openAnswer, openSigned, shownDigest, signAnswer, signSealed } from './owner-messages.ts';
import {
  macReply,
  macRequest,
  newPairingCode,
  openReply,
  openRequest,
  pairingKeys,
  pairingWords,
} from './pairing-code.ts';
import { newSealingKeys, seal, unseal } from './seal.ts';

const randomBytes = (bytes: number) => Uint8Array.from(bufferOf(bytes));

/** Every copy of these bytes with one bit changed, at some places. */
const altered = (bytes: Uint8Array) =>
  Array.from({ length: 24 }, (_, n) => {
    const copy = Buffer.from(bytes);
    const at = Math.floor((n * bytes.length) / 24);
    copy[at] = copy[at]! ^ (1 << (n % 8));
    return copy;
  });

test('a code has 160 bits, is read however it is typed, and a wrong letter makes another', () => {
  const code = newPairingCode();
  expect(code).toMatch(/^(?:[0-9a-hjkmnp-tv-z]{4}-){7}[0-9a-hjkmnp-tv-z]{4}$/);
  const keys = pairingKeys(code)!;
  expect(
    pairingKeys(` ${code.toUpperCase().replaceAll('-', ' ').replaceAll('0', 'O').replaceAll('1', 'l')}\n`),
  ).toEqual(keys);
  const other = (code[0] === 'a' ? 'b' : 'a') + code.slice(1);
  expect(pairingKeys(other)?.id).not.toBe(keys.id);
  for (const none of ['', code.slice(1), `${code}0`, code.replace(code[0]!, 'u'), '灯塔'.repeat(16)])
    expect(pairingKeys(none), none).toBeUndefined();
  expect(new Set(Array.from({ length: 50 }, newPairingCode)).size).toBe(50);
});

test('who does not know the code can neither make nor change a message of a pairing, nor tell one way as the other', () => {
  const [keys, others] = [pairingKeys(newPairingCode())!, pairingKeys(newPairingCode())!];
  const request = create(PairingRequestSchema, { name: 'laptop', signingKey: randomBytes(32), nonce: randomBytes(16) });
  const note = macRequest(keys, request);
  expect(openRequest(keys, note)?.message).toEqual(request);
  expect(openRequest(others, note)).toBeUndefined();
  expect(openReply(keys, note)).toBeUndefined();
  for (const bytes of altered(note))
    expect(equals(PairingRequestSchema, openRequest(keys, bytes)?.message ?? request, request)).toBe(true);
  expect(altered(note).filter((bytes) => !openRequest(keys, bytes)).length).toBeGreaterThan(20);
  const reply = create(PairingReplySchema, { device: 'd', tenant: 't', key: 'k', deviceKey: randomBytes(32) });
  expect(openReply(keys, macReply(keys, reply))?.message).toEqual(reply);
  expect(openReply(others, macReply(keys, reply))).toBeUndefined();
});

test('six words differ when any key, device or tenant differs', () => {
  const keys = pairingKeys(newPairingCode())!;
  const request = randomBytes(80);
  const reply = { device: 'd', tenant: 't', key: 'k', deviceKey: randomBytes(32) };
  const words = (change = {}, asked = request, of = keys) =>
    pairingWords(of, asked, create(PairingReplySchema, { ...reply, ...change }));
  expect(words()).toMatch(/^[a-z]{5}(?: [a-z]{5}){5}$/);
  expect(words()).toBe(words());
  const all = [
    words(),
    words({ device: 'e' }),
    words({ tenant: 'u' }),
    words({ deviceKey: randomBytes(32) }),
    words({}, randomBytes(80)),
    words({}, request, pairingKeys(newPairingCode())!),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test('what is sealed opens for one key and one note, whole or not at all', async () => {
  const [mine, theirs] = [await newSealingKeys(), await newSealingKeys()];
  const context = { tenant: 't', device: 'd', key: 'k', id: 'a' };
  const plain = Buffer.from('/home/ana/会议记录.md');
  const body = await seal(mine.publicKey, plain, context);
  expect(Buffer.from(body).includes('ana')).toBe(false);
  expect(Buffer.from((await unseal(mine.privateKey, body, context))!)).toEqual(plain);
  expect(await unseal(theirs.privateKey, body, context)).toBeUndefined();
  for (const change of [{ tenant: 'u' }, { device: 'e' }, { key: 'l' }, { id: 'b' }])
    expect(await unseal(mine.privateKey, body, { ...context, ...change })).toBeUndefined();
  for (const bytes of [...altered(body), Buffer.alloc(0), body.subarray(0, 32)])
    expect(await unseal(mine.privateKey, bytes, context)).toBeUndefined();
  expect(Buffer.from(await seal(mine.publicKey, plain, context))).not.toEqual(Buffer.from(body));
});

test('what the box signs for a key is as long as many others, for each length, and opens without its padding too', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = rawPublicKey(publicKey);
  const saying = (shown: number) => create(SealedApprovalSchema, { challenge: new Uint8Array(shown).fill(7) });
  const lengthOf = (shown: number) => signSealed(saying(shown), privateKey).length;
  for (const shown of [0, 3_850, 3_990]) {
    const bytes = signSealed(saying(shown), privateKey);
    expect(openSigned(bytes, raw)).toEqual(saying(shown));
    const bare = create(SignedMessageSchema, { ...fromBinary(SignedMessageSchema, bytes), padding: [] });
    expect(openSigned(toBinary(SignedMessageSchema, bare), raw)).toEqual(saying(shown));
  }
  // Around the places where a class ends, and where the length of the length of the padding grows.
  for (const [from, to] of [
    [3_760, 4_020],
    [16_200, 16_310],
    [48_950, 49_100],
  ] as const)
    for (let shown = from; shown < to; shown++) expect([shown, Math.log2(lengthOf(shown)) % 1]).toEqual([shown, 0]);
  expect([0, 1, 700, 4_100, 70_000].map(lengthOf)).toEqual([4_096, 4_096, 4_096, 8_192, 131_072]);
  // The largest class is what a note may hold, with room for the seal.
  expect(lengthOf(600_000)).toBeLessThanOrEqual((1 << 20) - 48);
});

test('an answer counts as signed, and only as an answer', () => {
  const [mine, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
  const answer = create(OwnerAnswerSchema, { tenant: 't', device: 'd', key: 'k', approval: 'a', allow: true });
  const note = signAnswer(answer, mine.privateKey);
  expect(openAnswer(note, rawPublicKey(mine.publicKey))?.message).toEqual(answer);
  expect(openAnswer(note, rawPublicKey(theirs.publicKey))).toBeUndefined();
  expect(openSigned(note, rawPublicKey(mine.publicKey))).toBeUndefined();
  // What lies around the signed bytes may differ; they may not.
  const opened = altered(note).map((bytes) => openAnswer(bytes, rawPublicKey(mine.publicKey))?.message);
  expect(opened.filter((message) => message === undefined).length).toBeGreaterThan(20);
  for (const message of opened) expect(equals(OwnerAnswerSchema, message ?? answer, answer)).toBe(true);
  const sealed = create(SealedApprovalSchema, { tenant: 't', device: 'd', key: 'k' });
  const told = signSealed(sealed, mine.privateKey);
  expect(openSigned(told, rawPublicKey(mine.publicKey))).toEqual(sealed);
  expect(openAnswer(told, rawPublicKey(mine.publicKey))).toBeUndefined();
});

test('bytes of any kind are refused without an exception', () => {
  const keys = pairingKeys(newPairingCode())!;
  const key = rawPublicKey(generateKeyPairSync('ed25519').publicKey);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(openRequest(keys, bytes)).toBeUndefined();
      expect(openAnswer(bytes, key)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('what stands in an answer for what was shown tells nothing without the seal', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const digest = randomBytes(32);
  const challenge = challengeOf(privateKey, 'a', 'k');
  expect(challengeOf(privateKey, 'a', 'k')).toEqual(challenge);
  const shown = [
    shownDigest(challenge, digest),
    shownDigest(challengeOf(privateKey, 'b', 'k'), digest),
    shownDigest(challengeOf(privateKey, 'a', 'l'), digest),
    shownDigest(challengeOf(generateKeyPairSync('ed25519').privateKey, 'a', 'k'), digest),
    shownDigest(challenge, randomBytes(32)),
  ];
  expect(new Set(shown.map((each) => each.toString('hex'))).size).toBe(shown.length);
});
