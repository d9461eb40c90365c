// A command with a preview on a real overlay, in real bubblewrap, for the tests of previews.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { onTestFinished } from 'vitest';
import type { Effect as ApprovalEffect, CommandEffect } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { RunRequestSchema, type RunResponse } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { Origins } from '../../src/edge/egress/origins.ts';
import { findBubblewrapIsolation } from '../../src/edge/tools/shell/isolation.ts';
import { OwnUsers } from '../../src/edge/tools/shell/own-users.ts';
import { findPreviewProblem } from '../../src/edge/tools/shell/preview/find-preview.ts';
import { runTool } from '../../src/edge/tools/shell/run.ts';
import { type EdgeRig, edgeFolder, edgeRig } from './edge-rig.ts';

export const root = process.getuid?.() === 0;
const FIRST = 60_600 + (process.pid % 90);
export const OWNER = 61_234;
export const isolation = await findBubblewrapIsolation(root ? new OwnUsers(FIRST) : undefined);
export const problem = await findPreviewProblem(isolation);

/** What is in a folder, byte for byte, with what the system says of each file but the time of its last read. */
export function tree(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below)).flatMap((name) => {
    const path = join(below, name);
    const { mode, mtimeMs, uid, ino } = lstatSync(join(dir, path));
    const is = lstatSync(join(dir, path));
    const held = is.isFile()
      ? readFileSync(join(dir, path), 'base64')
      : is.isSymbolicLink()
        ? readlinkSync(join(dir, path))
        : '';
    return [
      `${path} ${mode.toString(8)} ${uid} ${ino} ${mtimeMs} ${held}`,
      ...(is.isDirectory() ? tree(dir, path) : []),
    ];
  });
}

export function giveAway(path: string): void {
  if (root) chownSync(path, OWNER, OWNER);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) giveAway(join(path, name));
}

const FILES = {
  'work/a.txt': 'one\ntwo\n',
  'work/你好.txt': '旧\n',
  'work/gone.txt': 'away\n',
  'work/old/x.txt': 'x\n',
  'work/old/deep/y.txt': 'y\n',
  'work/kept.txt': 'kept\n',
  'work/.env': 'SECRET=1\n',
};

export const VALUE = 'hunter2-Correct/Horse+Battery'.replaceAll('/', '_');

export async function start(script: string, more = '') {
  const dir = edgeFolder(FILES);
  chmodSync(dir, 0o755);
  const work = join(dir, 'work');
  giveAway(work);
  writeFileSync(join(dir, 'run.sh'), script);
  const config = `allow:\n  read: [${work}]\n  execute:\n    - {argv: [sh, ${dir}/run.sh], cwd: ${work}, writes: [${work}], preview: true, env: {SECRET: 'secret://pass'}, confirm: always, output: share${more}}\n`;
  mkdirSync(join(dir, 'home/secrets'), { mode: 0o700 });
  writeFileSync(join(dir, 'home/secrets/pass'), VALUE, { mode: 0o600 });
  const rig = await edgeRig(dir, { config, isolation: async () => isolation });
  let open = true;
  const close = async () => {
    if (open) await rig.close();
    open = false;
  };
  onTestFinished(close);
  return { dir, work, rig, config, close, ...prepared(rig, ['sh', join(dir, 'run.sh')]) };
}

export function prepared(rig: EdgeRig, argv: string[]) {
  const call = {
    run: 'r',
    job: 'r/0/0',
    key: 'k',
    callDigest: '',
    recipient: '',
    deadlineMs: undefined,
    signal: new AbortController().signal,
    origins: new Origins(),
  };
  const { change, work: act } = runTool(rig.parts).prepare(create(RunRequestSchema, { argv }), call);
  const run = async (shown?: ApprovalEffect) => {
    const messages: RunResponse[] = [];
    const failure = await act(async (message) => void messages.push(message as RunResponse), shown).then(
      () => '',
      (error: { reason?: string }) => error.reason ?? String(error),
    );
    const exit = messages.flatMap(({ event }) => (event.case === 'exit' ? [event.value.code] : []))[0];
    const out = messages.flatMap(({ event }) => (event.case === 'output' ? [event.value.data] : []));
    return { failure, exit, out: Buffer.concat(out).toString() };
  };
  return { run, show: () => change!.show(), discard: (shown: ApprovalEffect) => change!.discard!(shown) };
}

export const command = ({ effect }: ApprovalEffect): CommandEffect => {
  if (effect.case !== 'command') throw new Error('another effect');
  return effect.value;
};

/** Without inode and time: what was taken back is made anew. */
export const whatIsThere = (line: string): string => {
  const [path, mode, uid, , , held] = line.split(' ');
  return [path, mode, uid, held].join(' ');
};
