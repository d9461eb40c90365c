// Every small file of a home is damaged in every way, one at a time: what reads it says which file and which field, and what to do; nothing
// is taken for missing, made anew or trusted. What rests on nothing is begun anew.
import { createHash, generateKeyPairSync } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConversationSummarySchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { IntentSchema } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { controlAddress, knownPins } from '../../src/base/control-address.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { readControlInfo, readPin, writeControlInfo } from '../../src/base/home-files.ts';
import { lockHome } from '../../src/base/home-lock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { pinText } from '../../src/base/pin.ts';
import { rawPublicKey } from '../../src/contract/tool-call.ts';
import { readOrCreateKey } from '../../src/control/identity/key-file.ts';
import { loadEdgeConfig } from '../../src/edge/config/edge-config.ts';
import {
  newDeviceKeys,
  readIdentity,
  readPendingJoin,
  writeIdentity,
  writePendingJoin,
} from '../../src/edge/identity/identity.ts';
import { ConversationSummaries } from '../../src/edge/index/conversation-summaries.ts';
import { ownerKey } from '../../src/edge/local/home-owner-key.ts';
import { InHand } from '../../src/edge/runner/in-hand.ts';
import { readModels } from '../../src/worker/models/read-models.ts';
import { workerKey } from '../../src/worker/program/worker-key.ts';

const URL_THERE = 'http://127.0.0.1:7700';

type Paths = ReturnType<typeof homePaths>;

function freshHome(): Paths {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'damaged-')));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return homePaths(home);
}

const publicKey = () => rawPublicKey(generateKeyPairSync('ed25519').publicKey);

function identity() {
  const key = publicKey();
  const keyId = createHash('sha256').update(key).digest('hex').slice(0, 16);
  const [device, tenant, name] = [`d-${keyId}`, `t-${keyId}`, `n-${keyId}`];
  const signingKey = { keyId, publicKey: key };
  return { device, tenant, name, control: URL_THERE, keys: newDeviceKeys(), signingKey, journal: newId() };
}

const secretText = (file: string, text: string) => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
};

interface Kept {
  readonly file: (paths: Paths) => string;
  /** Writes a whole one; another each time. */
  readonly write: (paths: Paths) => unknown;
  readonly read: readonly ((paths: Paths) => unknown)[];
  /** Whether an empty file is as good as none. */
  readonly mayBeEmpty?: boolean;
}

const FILES: Readonly<Record<string, Kept>> = {
  'device.json': {
    file: ({ device }) => device,
    write: ({ device }) => writeIdentity(device, identity()),
    read: [({ device }) => readIdentity(device)],
  },
  'device.json.joining': {
    file: ({ device }) => `${device}.joining`,
    write: ({ device }) => writePendingJoin(device, { control: URL_THERE, pin: publicKey(), keys: newDeviceKeys() }),
    read: [({ device }) => readPendingJoin(device)],
  },
  'control.pin': {
    file: ({ controlPin }) => controlPin,
    write: ({ controlPin }) => secretText(controlPin, `${pinText(publicKey())}\n`),
    read: [
      ({ controlPin }) => readPin(controlPin),
      (paths) => knownPins(paths),
      (paths) => {
        secretText(join(paths.control, 'worker.key'), `bww_${'a'.repeat(43)}\n`);
        return workerKey(undefined, paths.home);
      },
    ],
  },
  'control/ready.json': {
    file: ({ controlInfo }) => controlInfo,
    write: ({ controlInfo }) => writeControlInfo(controlInfo, URL_THERE),
    read: [
      ({ controlInfo }) => readControlInfo(controlInfo),
      (paths) => controlAddress({ flag: undefined, env: {}, paths, joined: true }),
      (paths) => controlAddress({ flag: undefined, env: {}, paths, joined: false }),
    ],
  },
  'owner.key': {
    file: (paths) => paths.ownerKey,
    write: (paths) => ownerKey(paths.ownerKey),
    read: [(paths) => ownerKey(paths.ownerKey), (paths) => readOrCreateKey(paths.ownerKey, 'owner')],
  },
  'control/worker.key': {
    file: ({ control }) => join(control, 'worker.key'),
    write: ({ control }) => secretText(join(control, 'worker.key'), `bww_${'k'.repeat(43)}\n`),
    read: [({ home }) => workerKey(undefined, home)],
  },
  'config.yaml': {
    file: ({ config }) => config,
    write: ({ config }) => secretText(config, 'limits:\n  parallel: 3\nallow:\n  hidden: [.github]\n'),
    read: [({ config }) => loadEdgeConfig(config)],
    mayBeEmpty: true,
  },
  'models.yaml': {
    file: ({ models }) => models,
    write: ({ models }) =>
      secretText(models, 'models:\n  a: {provider: openai, base_url: "http://127.0.0.1:1/v1", model: m}\n'),
    read: [({ home }) => readModels(home)],
    mayBeEmpty: true,
  },
};

const GARBAGE = Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x7b, 0x22, 0xc3, 0x28, 0x0a, 0x1b, 0x5b, 0x00]);

/** Ways in which a whole file is damaged. */
const WHOLE: Readonly<Record<string, (text: string) => string | Buffer>> = {
  empty: () => '',
  'binary garbage': () => GARBAGE,
  truncated: (text) => text.slice(0, Math.floor(text.length / 2)),
  'of another kind': () => '[1, 2, 3]\n',
};

async function problemOf(read: () => unknown): Promise<AppError | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  }
}

/** What is said has the file, and something to do. */
function mustHelp(error: AppError | undefined, file: string, field?: string): void {
  expect(error?.message).toContain(file);
  if (field !== undefined) expect(error?.message).toContain(field);
  expect(error?.message).toMatch(/restore|remove|copy|start|make|:\d+:\d+: /i);
  expect(error?.reason).not.toBe('INTERNAL');
}

describe.each(Object.entries(FILES))('%s', (_, { file, write, read, mayBeEmpty }) => {
  test.each(Object.entries(WHOLE))('%s', async (kind, damage) => {
    for (const look of read) {
      const paths = freshHome();
      await write(paths);
      expect(await problemOf(() => look(paths))).toBeUndefined();
      const bad = damage(readFileSync(file(paths), 'utf8'));
      writeFileSync(file(paths), bad, { mode: 0o600 });
      const error = await problemOf(() => look(paths));
      if (kind === 'empty' && mayBeEmpty) expect(error).toBeUndefined();
      else mustHelp(error, basename(file(paths)));
      expect(readFileSync(file(paths))).toEqual(Buffer.from(bad));
    }
  });

  test('a folder in its place', async () => {
    const paths = freshHome();
    mkdirSync(file(paths), { recursive: true, mode: 0o700 });
    const [look] = read;
    mustHelp(await problemOf(() => look!(paths)), file(paths).split('/').at(-1)!);
  });
});

/** Ways in which a field of JSON is damaged; `other` is the same field of another box. */
const FIELD: Readonly<Record<string, (value: string, other: string) => unknown>> = {
  missing: () => undefined,
  empty: () => '',
  'a number': () => 42,
  null: () => null,
  'a list': (value) => [value],
  truncated: (value) => value.slice(0, -1 - Math.floor(value.length / 3)),
  'binary garbage': (value) => `\u0000\ufffd${value.slice(2)}`,
  'one letter wrong': (value) =>
    `${value.slice(0, 5) === 'http:' ? '!' : value[0] === 'A' ? 'B' : 'A'}${value.slice(1)}`,
  'of another box': (_value, other) => other,
};

describe.each([
  [
    'device.json',
    [
      'device',
      'tenant',
      'name',
      'control',
      'signingKeyId',
      'signingKey',
      'secret',
      'privateKey',
      'publicKey',
      'journal',
    ],
  ],
  ['device.json.joining', ['control', 'pin', 'secret', 'privateKey', 'publicKey']],
  ['control/ready.json', ['control']],
] as const)('each field of %s', (name, fields) => {
  const { file, write, read } = FILES[name]!;
  test.each(fields.flatMap((field) => Object.keys(FIELD).map((way) => [field, way] as const)))(
    '%s: %s',
    async (field, way) => {
      const [paths, others] = [freshHome(), freshHome()];
      await write(paths);
      await write(others);
      const content = JSON.parse(readFileSync(file(paths), 'utf8'));
      const other = JSON.parse(readFileSync(file(others), 'utf8'));
      content[field] = FIELD[way]!(content[field], other[field]);
      writeFileSync(file(paths), JSON.stringify(content));
      for (const look of read) {
        const error = await problemOf(() => look(paths));
        // The address may be changed by hand, and one that is an address is taken.
        const address = field === 'control' && /^https?:/.test(String(content[field])) && way !== 'a list';
        if (address) expect(error?.reason ?? 'none').toMatch(/^(none|INSECURE_CONTROL)$/);
        else mustHelp(error, basename(file(paths)), field);
      }
    },
  );
});

test('a file of an earlier version has no sums; keys that do not belong together are told all the same', async () => {
  for (const field of ['publicKey', 'privateKey', 'signingKey', 'signingKeyId']) {
    const [paths, others] = [freshHome(), freshHome()];
    await writeIdentity(paths.device, identity());
    await writeIdentity(others.device, identity());
    const { sums: _, ...content } = JSON.parse(readFileSync(paths.device, 'utf8'));
    writeFileSync(paths.device, JSON.stringify(content));
    expect(await readIdentity(paths.device)).toMatchObject({ device: content.device });
    content[field] = JSON.parse(readFileSync(others.device, 'utf8'))[field];
    writeFileSync(paths.device, JSON.stringify(content));
    mustHelp(await problemOf(() => readIdentity(paths.device)), 'device.json', field);
  }
});

test('a signing key that was lost is written again from the pin of the control plane', async () => {
  const paths = freshHome();
  const own = identity();
  await writeIdentity(paths.device, own);
  const content = JSON.parse(readFileSync(paths.device, 'utf8'));
  writeFileSync(paths.device, JSON.stringify({ ...content, signingKey: 'lost' }));
  expect((await problemOf(() => readIdentity(paths.device)))?.message).toMatch(/control\.pin.* without `bwp_`/);
  const signingKey = pinText(own.signingKey.publicKey).slice('bwp_'.length);
  writeFileSync(paths.device, JSON.stringify({ ...content, signingKey }));
  expect(Buffer.from((await readIdentity(paths.device))!.signingKey.publicKey)).toEqual(
    Buffer.from(own.signingKey.publicKey),
  );
});

test('of two words about the control plane one is enough for the owner’s commands', async () => {
  const paths = freshHome();
  const own = identity();
  await writeIdentity(paths.device, own);
  secretText(paths.controlPin, pinText(own.signingKey.publicKey));
  expect(knownPins(paths)).toHaveLength(2);
  writeFileSync(paths.device, '{"signingKey": 4}');
  expect(knownPins(paths).map((pin) => Buffer.from(pin))).toEqual([Buffer.from(own.signingKey.publicKey)]);
  rmSync(paths.controlPin);
  mustHelp(await problemOf(() => knownPins(paths)), 'device.json', 'signingKey');
});

test('a lock that is no lock is named, and may be removed', async () => {
  const { home } = freshHome();
  const lock = join(home, 'edge.lock');
  writeFileSync(lock, Buffer.alloc(8192, 'x'));
  mustHelp(await problemOf(() => lockHome(home, 'edge')), lock);
  rmSync(lock);
  lockHome(home, 'edge').release();
});

test.each(['', 'x', GARBAGE, Buffer.alloc(10_000, 0xff)])(
  'calls in hand of a damaged file are none, and that is told: %o',
  (bytes) => {
    const { inHand } = freshHome();
    writeFileSync(inHand, bytes);
    const room = new InHand(inHand, 'boot');
    expect([room.left, room.damaged]).toEqual([[], bytes.length > 0]);
    room.close();
  },
);

test('a flipped bit anywhere in the calls in hand is told; what another start of the machine left is not looked at', () => {
  const { inHand } = freshHome();
  const before = new InHand(inHand, 'boot');
  before.begin(create(IntentSchema, { idempotencyKey: 'one' }));
  before.begin(create(IntentSchema, { idempotencyKey: 'two' }))();
  const whole = readFileSync(inHand);
  before.close();
  const judged = (bytes: Buffer, boot = 'boot') => {
    writeFileSync(inHand, bytes);
    const room = new InHand(inHand, boot);
    room.close();
    return [room.left.map(({ idempotencyKey }) => idempotencyKey), room.damaged];
  };
  expect(judged(whole)).toEqual([['one'], false]);
  expect(judged(whole, 'later')).toEqual([[], false]);
  const at = 4096;
  const placeBytes = 4 + whole.readUInt32LE(at) + 4;
  for (const offset of [...Array(9).keys(), ...Array.from({ length: placeBytes }, (_, n) => at + n)]) {
    for (const bit of [0, 3, 7]) {
      const bad = Buffer.from(whole);
      bad[offset]! ^= 1 << bit;
      expect([offset, bit, ...judged(bad)]).toEqual([offset, bit, [], true]);
    }
  }
});

test('calls in hand of an earlier version, which had no sums, are taken', () => {
  const { inHand } = freshHome();
  const call = toBinary(IntentSchema, create(IntentSchema, { idempotencyKey: 'old' }));
  const file = Buffer.alloc(4096 + 4 + call.length);
  file[0] = 4;
  file.write('boot', 1);
  file.writeUInt32LE(call.length, 4096);
  file.set(call, 4100);
  for (const [bytes, keys] of [
    [file, ['old']],
    [file.subarray(0, 5), []],
  ] as const) {
    writeFileSync(inHand, bytes);
    const room = new InHand(inHand, 'boot');
    expect([room.left.map(({ idempotencyKey }) => idempotencyKey), room.damaged]).toEqual([keys, false]);
    room.close();
  }
});

test('calls in hand that cannot be opened are named', async () => {
  const { inHand } = freshHome();
  mkdirSync(inHand);
  mustHelp(await problemOf(() => new InHand(inHand, 'boot')), inHand);
});

test.each(['', '{', '[{"conversation": 4}]', GARBAGE])(
  'summaries of a damaged file are begun anew: %o',
  async (bytes) => {
    const { summaries, home } = freshHome();
    writeFileSync(summaries, bytes);
    const kept = new ConversationSummaries({ path: summaries, log: silentLogger });
    await kept.put(create(ConversationSummarySchema, { conversation: 'c', text: 'about' }));
    expect((await new ConversationSummaries({ path: summaries, log: silentLogger }).get('c'))?.text).toBe('about');
    expect(readdirSync(home)).toEqual(['summaries.json']);
  },
);

test('where the control plane listens is written whole, and readable by its owner only', () => {
  const { controlInfo, control } = freshHome();
  writeControlInfo(controlInfo, URL_THERE);
  writeControlInfo(controlInfo, URL_THERE);
  expect(readdirSync(control)).toEqual(['ready.json']);
  expect(statSync(controlInfo).mode & 0o777).toBe(0o600);
});
