// An edit of config.yaml at an edge that runs, as its own process: it counts for the next call, with the difference in the log.
import { type ChildProcess, spawn } from 'node:child_process';
import { sign } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FsService, WriteMode, WriteRequestSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ToolCallSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../gen/bowline/record/v1/record_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { withPin } from '../../src/base/pin.ts';
import { signToolCall } from '../../src/contract/tool-call.ts';
import { commandOf } from '../support/stack.ts';
import { tempHome, until } from './support/edge-parts.ts';
import { type Peer, ScriptedControl } from './support/scripted-control.ts';

const [PROGRAM = '', ...WORDS] = commandOf('edge');

let control: ScriptedControl;
let place: ReturnType<typeof tempHome>;
let child: ChildProcess | undefined;
const nonce = new Uint8Array(16).fill(7);
const home = () => join(place.home, 'home');
const config = () => join(home(), 'config.yaml');
const log = () => readFileSync(join(home(), 'logs', 'edge.log'), 'utf8');

beforeEach(async () => {
  control = await ScriptedControl.start();
  place = tempHome();
  mkdirSync(join(place.home, 'docs'));
  mkdirSync(home(), { mode: 0o700 });
});

afterEach(async () => {
  child?.kill('SIGKILL');
  await control.close();
  place.dispose();
});

/** Starts the edge, and welcomes each of its sessions. */
async function start(text: string): Promise<void> {
  writeFileSync(config(), text);
  child = spawn(PROGRAM, [...WORDS, '--home', home(), '--join'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin?.write(`${control.url} ${withPin('bwj_test-token', control.publicKey)} box\n`);
  child.stdout?.resume();
  const welcome = async () => {
    await control.welcome({ sessionNonce: nonce });
    void welcome().catch(() => {});
  };
  await welcome();
}

const writing = (confirm: string, name = 'a.txt') =>
  `allow: {write: [{path: ${join(place.home, 'docs', name)}, confirm: ${confirm}}]}\n`;

let calls = 0;
/** Sends a write, again in each session that begins meanwhile, and returns how it was answered. */
async function write(name = 'a.txt'): Promise<string> {
  const [run, now, idempotencyKey] = [newId(), Date.now(), newId()];
  const call = create(ToolCallSchema, {
    tenant: 'default',
    device: 'device-1',
    sessionNonce: nonce,
    run,
    job: `${run}/0/0`,
    epoch: 1n,
    method: `${FsService.typeName}/${FsService.method.write.name}`,
    params: toBinary(
      WriteRequestSchema,
      create(WriteRequestSchema, { path: name, text: `新 ${calls++}`, mode: WriteMode.REPLACE }),
    ),
    idempotencyKey,
    issueTime: timestampFromMs(now),
    expireTime: timestampFromMs(now + 60_000),
    timeout: { seconds: 30n },
  });
  const key = control.signing.privateKey;
  const signer = {
    id: control.keyId,
    sign: (prefix: Uint8Array, bytes: Uint8Array) => sign(null, Buffer.concat([prefix, bytes]), key),
  };
  const signed = signToolCall(call, signer);
  let sentIn: Peer | undefined;
  let result: ToolResult | undefined;
  await until(() => {
    const peer = control.peers.findLast(({ frames }) => frames.some(({ frame }) => frame.case === 'ping'));
    if (peer && peer !== sentIn) peer.send({ case: 'toolCall', value: signed });
    sentIn = peer;
    const frames = control.peers.flatMap((one) => one.frames.map(({ frame }) => frame));
    for (const frame of frames)
      if (frame.case === 'toolResult' && frame.value.idempotencyKey === idempotencyKey) result = frame.value;
    return result !== undefined;
  }, `the answer of a write of ${name}`);
  const answer = result?.answer;
  return answer?.case === 'done' ? (answer.value.failure?.reason ?? 'done') : (answer?.value?.reason ?? '');
}

/** What the last Hello allows; the control plane is told within a moment. */
const isTold = (permissions: readonly string[]) =>
  until(() => {
    const hello = control.peers.at(-1)?.frames.find(({ frame }) => frame.case === 'hello')?.frame;
    const told = hello?.case === 'hello' ? hello.value.manifest?.permissions : undefined;
    return told?.map(({ name, confirm }) => `${name} ${confirm}`).join() === permissions.join();
  }, `a Hello with ${permissions}`);

const watchers = (): number =>
  readdirSync(`/proc/${child?.pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${child?.pid}/fd/${fd}`).includes('inotify');
    } catch {
      return false;
    }
  }).length;

test('an entry that comes and one that goes count at once, by whatever way the file was saved, and the control plane is told', async () => {
  await start(writing('never'));
  expect(await write()).toBe('done');
  writeFileSync(config(), '');
  expect(await write()).toBe('PATH_NOT_ALLOWED');
  await isTold([]);

  writeFileSync(join(home(), '.config.yaml.swp'), writing('never', 'b.txt'));
  renameSync(join(home(), '.config.yaml.swp'), config());
  expect(await write()).toBe('PATH_NOT_ALLOWED');
  expect(await write('b.txt')).toBe('done');
  await isTold(['b.txt false']);

  const kept = join(place.home, 'kept.yaml');
  writeFileSync(kept, writing('never'));
  rmSync(config());
  symlinkSync(kept, config());
  expect(await write()).toBe('done');
  await isTold(['a.txt false']);
  const said = log();
  for (const text of ['removed: allow.write', 'added: allow.write'])
    expect(said.split('\n').filter((line) => line.includes(`config.yaml: ${text}`)).length).toBeGreaterThan(1);
  expect(said).toContain(`${join(place.home, 'docs', 'b.txt')} (confirm never)`);

  const server = '{name: hub, url: "http://127.0.0.1:9", methods: [GET], headers: {Token: "Bearer secret://none"}}';
  writeFileSync(kept, `allow: {lan: [${server}]}\n`);
  expect(await write()).toBe('PATH_NOT_ALLOWED');
  expect(log()).toMatch(/"server":"hub","problem":"the secret none [^\n]*requests to a server are refused until/);
});

test('what cannot be used allows nothing and says why, until the next save; edits in a row leave nothing behind', async () => {
  await start(writing('never'));
  expect(await write()).toBe('done');
  const save = () => writeFileSync(config(), writing('never'));
  const bad: [string, () => void][] = [
    ['unknown key `rite`', () => writeFileSync(config(), writing('never').replace('write', 'rite'))],
    ['config.yaml:1:', () => writeFileSync(config(), writing('never').slice(0, 30))],
    [
      'is a folder',
      () => {
        rmSync(config());
        mkdirSync(config());
      },
    ],
    [
      'can be written by other users',
      () => {
        rmSync(config(), { recursive: true });
        save();
        chmodSync(config(), 0o666);
      },
    ],
  ];
  for (const [why, spoil] of bad) {
    spoil();
    expect(await write(), why).toBe('PERMISSIONS_UNKNOWN');
    expect(log()).toContain(why);
  }
  chmodSync(config(), 0o600);
  expect(await write()).toBe('done');
  expect(log()).toContain('config.yaml can be used again');
  // What is told is as it was, so there is no other session.
  expect(control.peers).toHaveLength(1);

  for (let n = 0; n < 30; n++) {
    writeFileSync(config(), writing(n % 2 ? 'never' : 'always', n % 3 ? 'a.txt' : 'b.txt'));
    if (n % 10 === 0) expect(await write('none.txt')).toBe('PATH_NOT_ALLOWED');
  }
  writeFileSync(config(), '');
  expect(await write()).toBe('PATH_NOT_ALLOWED');
  await isTold([]);
  expect(watchers()).toBe(0);
});
