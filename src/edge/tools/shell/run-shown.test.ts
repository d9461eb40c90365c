// What the owner is shown of a command, and that only what was shown runs.
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { CommandEffect, Effect } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { RunRequestSchema, type RunResponse } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { systemClock } from '../../../base/clock.ts';
import { Origins } from '../../egress/origins.ts';
import { type CommandIsolation, findBubblewrapIsolation, findUsers } from './isolation.ts';
import { OwnUsers } from './own-users.ts';
import { runTool } from './run.ts';

const users = process.getuid?.() === 0 ? new OwnUsers(60_700 + (process.pid % 90)) : undefined;
const KINDS: [string, CommandIsolation | undefined | 'missing'][] = [
  ['in bubblewrap', (await findBubblewrapIsolation(users)) ?? 'missing'],
  ['as a user of its own', (users && (await findUsers(users))) ?? 'missing'],
  ['not kept apart', undefined],
];
const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest();

/** The tool itself: holding a call for the owner is up to the runner. */
const prepared = (rig: EdgeRig, request: { argv: string[]; cwd?: string; stdin?: string }) => {
  const signal = new AbortController().signal;
  const call = {
    run: 'r',
    job: 'r/0/0',
    key: 'k',
    callDigest: '',
    recipient: '',
    deadlineMs: undefined,
    signal,
    origins: new Origins(),
  };
  const { change, work } = runTool(rig.parts).prepare(create(RunRequestSchema, request), call);
  const run = async (shown?: Effect) => {
    const messages: RunResponse[] = [];
    const failure = await work(async (message) => void messages.push(message as RunResponse), shown).then(
      () => '',
      (error: { reason?: string }) => error.reason ?? String(error),
    );
    const out = messages.flatMap(({ event }) => (event.case === 'output' ? [event.value.data] : []));
    return { failure, out: Buffer.concat(out).toString() };
  };
  return { run, show: () => change!.show() };
};

const command = ({ effect }: Effect): CommandEffect => {
  if (effect.case !== 'command') throw new Error('another effect');
  return effect.value;
};

describe.each(KINDS)('%s', (_, isolation) => {
  const start = async (entry: string, files = {}) => {
    const dir = edgeFolder({ 'docs/say.sh': 'echo first\n', ...files });
    chmodSync(dir, 0o755);
    const how = isolation === undefined ? 'isolation: none, ' : '';
    const rig = await edgeRig(dir, {
      config: `allow:\n  execute:\n    - {confirm: always, output: share, ${how}${entry}}\n`,
      isolation: async () => (isolation === 'missing' ? undefined : isolation),
    });
    onTestFinished(() => rig.close());
    return { rig, script: join(dir, 'docs/say.sh'), dir };
  };

  beforeEach((context) => {
    if (isolation === 'missing') return context.skip('this machine does not offer it');
  });

  test('it is shown with its program, words, folder, environment, input, limits and the script among its words', async () => {
    const { rig, script, dir } = await start('argv: [sh, "{path}", "你好"], env: {A: b}, stdin: true');
    const stdin = '你'.repeat(2000);
    const { show, run } = prepared(rig, { argv: ['sh', 'docs/say.sh', '你好'], cwd: 'docs', stdin });
    const shown = await show();
    const effect = command(shown);
    const program = realpathSync('/bin/sh');
    expect(effect).toMatchObject({ argv: ['sh', script, '你好'], program, cwd: join(dir, 'docs'), env: ['A=b'] });
    expect(Buffer.from(effect.programSha256)).toEqual(sha256(readFileSync(program)));
    expect(effect.stdin).toBe('你'.repeat(1365));
    expect(Buffer.from(effect.stdinSha256)).toEqual(sha256(stdin));
    const { dev, ino } = statSync(script, { bigint: true });
    expect(effect.files).toMatchObject([{ path: script, device: dev, inode: ino }]);
    expect(Buffer.from(effect.files[0]!.sha256)).toEqual(sha256('echo first\n'));
    expect(effect.limits).toContain(isolation === undefined ? 'may use the network' : 'no network');
    expect(await run(shown)).toEqual({ failure: '', out: 'first\n' });
  });

  test('a script that its own words name by its folder is held too, and a changed one does not start', async () => {
    const { rig, script } = await start('argv: [sh, say.sh], cwd: DIR/docs');
    const { show, run } = prepared(rig, { argv: ['sh', 'say.sh'] });
    const shown = await show();
    expect(command(shown).files).toMatchObject([{ path: script }]);
    // In place, as long as before; then another of this name; then back to what was shown, which is another inode.
    writeFileSync(script, 'echo other\n');
    expect(await run(shown)).toEqual({ failure: 'APPROVAL_CHANGED', out: '' });
    writeFileSync(`${script}.new`, 'echo first\n');
    renameSync(`${script}.new`, script);
    expect(await run(shown)).toEqual({ failure: 'APPROVAL_CHANGED', out: '' });
    expect(await run(await show())).toEqual({ failure: '', out: 'first\n' });
  });

  test('a file is held wherever in a word or in the environment it stands', async () => {
    for (const [entry, argv] of [
      [
        'argv: [dd, if=DIR/docs/say.sh, status=none], cwd: DIR/docs',
        (dir: string) => ['dd', `if=${dir}/docs/say.sh`, 'status=none'],
      ],
      [
        'argv: [grep, -hfDIR/docs/say.sh, DIR/docs/say.sh], cwd: DIR/docs',
        (dir: string) => ['grep', `-hf${dir}/docs/say.sh`, `${dir}/docs/say.sh`],
      ],
      ['argv: [grep, -fsay.sh, /dev/null], cwd: DIR/docs', () => ['grep', '-fsay.sh', '/dev/null']],
      ['argv: [sh, -c, ". ./say.sh;:"], cwd: DIR/docs', () => ['sh', '-c', '. ./say.sh;:']],
      ['argv: [sh, -c, \'. "$X"\'], env: {X: DIR/docs/say.sh}, cwd: DIR/docs', () => ['sh', '-c', '. "$X"']],
    ] as const) {
      const { rig, script, dir } = await start(entry);
      const { show, run } = prepared(rig, { argv: argv(dir) });
      const shown = await show();
      expect(command(shown).files, entry).toMatchObject([{ path: script }]);
      writeFileSync(script, 'echo other\n');
      expect(await run(shown), entry).toEqual({ failure: 'APPROVAL_CHANGED', out: '' });
    }
  });

  test('another program, other limits, another environment: none of it runs for the yes to the first', async () => {
    const { rig, dir } = await start('argv: [DIR/tool], cwd: DIR/docs', {});
    const tool = join(dir, 'tool');
    writeFileSync(tool, '#!/bin/sh\necho one\n', { mode: 0o755 });
    const { show, run } = prepared(rig, { argv: [tool] });
    const shown = await show();
    expect(await run(shown)).toEqual({ failure: '', out: 'one\n' });
    for (const change of [
      (effect: CommandEffect) => {
        effect.cwd = '/';
      },
      (effect: CommandEffect) => effect.env.push('A=c'),
      (effect: CommandEffect) => effect.limits.pop(),
      (effect: CommandEffect) => effect.argv.push('more'),
    ]) {
      const other = structuredClone(shown);
      change(command(other));
      expect(await run(other)).toEqual({ failure: 'APPROVAL_CHANGED', out: '' });
    }
    writeFileSync(tool, '#!/bin/sh\necho two\n');
    expect(await run(shown)).toEqual({ failure: 'APPROVAL_CHANGED', out: '' });
  });

  test('what changes between the last look of the edge and the start does not run either', async (context) => {
    if (isolation === undefined) return context.skip('there is no launcher that looks once more');
    const { rig, script } = await start('argv: [sh, say.sh], cwd: DIR/docs');
    const { show } = prepared(rig, { argv: ['sh', 'say.sh'] });
    // The time is asked when the command's own begins, and once more when all is looked at.
    let asked = 0;
    const monotonic = () => {
      if (++asked === 2) writeFileSync(script, 'echo another\n');
      return systemClock.monotonic();
    };
    const parts = { ...rig.parts, clock: { ...systemClock, monotonic } };
    const { run } = prepared({ ...rig, parts }, { argv: ['sh', 'say.sh'] });
    expect(await run(await show())).toEqual({ failure: 'APPROVAL_CHANGED', out: '' });
    expect(asked).toBe(2);
  });
});
