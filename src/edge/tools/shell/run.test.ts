import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { FsService } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { OutputStream, type RunResponse, ShellService } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { aliveWith } from '../../../../test/support/sandbox.ts';
import { systemClock } from '../../../base/clock.ts';
import { withheldWord } from '../../../contract/withheld.ts';
import { egressOf } from '../../journal/ledger-lines.ts';

const { run } = ShellService.method;
const entry = (argv: string[], more = 'output: share, isolation: none') =>
  `    - {argv: ${JSON.stringify(argv)}, confirm: never, ${more}}\n`;
const config = (...entries: string[]) => `allow:\n  execute:\n${entries.join('')}`;
const text = (messages: RunResponse[], stream: OutputStream) =>
  Buffer.concat(
    messages.flatMap(({ event }) =>
      event.case === 'output' && event.value.stream === stream ? [event.value.data] : [],
    ),
  ).toString();
const exitOf = (messages: RunResponse[]) => {
  const { event } = messages.at(-1)!;
  if (event.case !== 'exit') throw new Error('the last message is not the exit');
  return event.value;
};

test('a command streams its output and ends with its exit; every piece is in the ledger', async () => {
  const argv = ['/bin/sh', '-c', 'echo out; sleep 0.2; echo err >&2; exit 3'];
  const rig = await edgeRig(edgeFolder(), { config: config(entry(argv)) });
  const { messages, progress, result } = await rig.call(run, { argv });
  expect(text(messages, OutputStream.STDOUT)).toBe('out\n');
  expect(text(messages, OutputStream.STDERR)).toBe('err\n');
  expect(exitOf(messages)).toMatchObject({ code: 3, signal: '', truncated: false });
  // What came while it ran was sent at once; the result holds it again, and what came with the end.
  expect(progress.map(({ index }) => index)).toEqual(messages.slice(0, progress.length).map((_, i) => BigInt(i)));
  expect(progress.length).toBeGreaterThan(0);
  expect(progress.length).toBeLessThan(messages.length);
  const lines = [];
  for await (const { record } of rig.journal.entries())
    if (record.case === 'ledger') lines.push(...record.value.entries);
  const ahead = lines.filter(({ field }) => field === 'output.data');
  expect(ahead.reduce((sum, { bytes }) => sum + bytes, 0n)).toBe(BigInt(progress.length * 4));
  const last = await rig.journal.entry(Number(result.sequence));
  const kept = last?.record.case === 'toolOutcome' ? last.record.value.egress : [];
  expect(kept.find(({ field }) => field === 'output.data')).toMatchObject({ bytes: 8n, path: 'sh', sensitivity: 4 });
  expect(kept.find(({ field }) => field === 'output.data')?.grant).toMatch(/^config:execute\//);
  await rig.close();
});

test('what is sent to several jobs of one key is in the ledger and counted for each of them, also while it runs', async () => {
  const argv = ['/bin/sh', '-c', 'for i in 1 2 3; do echo piece; sleep 0.2; done'];
  const rig = await edgeRig(edgeFolder(), { config: config(entry(argv)) });
  const jobs = [0, 1, 2].map((n) => ({ run: 'r', job: `r/0/${n}`, key: 'k' }));
  const answers = await Promise.all(jobs.map((how) => rig.call(run, { argv }, how)));
  expect(answers.reduce((sum, { progress }) => sum + progress.length, 0)).toBeGreaterThan(3);
  const told = new Map<string, bigint>();
  for await (const { record } of rig.journal.entries())
    for (const { field, job, bytes } of egressOf(record))
      if (field === 'output.data') told.set(job, (told.get(job) ?? 0n) + bytes);
  for (const [n, { progress, messages }] of answers.entries())
    expect([n, told.get(`r/0/${n}`)]).toEqual([
      n,
      BigInt(6 * progress.length + text(messages, OutputStream.STDOUT).length),
    ]);
  await rig.close();
});

test('there is no shell: words stay words, the environment is clean', async () => {
  const rig = await edgeRig(edgeFolder(), {
    config: config(
      entry(['env'], 'output: share, isolation: none, env: {A: b}'),
      entry(['echo', '{word}', '$HOME;ls', '{path}']),
    ),
  });
  expect(
    text((await rig.call(run, { argv: ['env'] })).messages, OutputStream.STDOUT)
      .split('\n')
      .sort(),
  ).toEqual(['', 'A=b', 'HOME=/', 'LANG=C.UTF-8', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']);
  const { messages } = await rig.call(run, { argv: ['echo', '词', '$HOME;ls', 'docs'] });
  expect(text(messages, OutputStream.STDOUT)).toMatch(/^词 \$HOME;ls \/proc\/self\/fd\/4\n$/);
  for (const argv of [['env', '-i'], ['echo', '-n', '$HOME;ls', 'docs'], ['ls']]) {
    expect((await rig.call(run, { argv })).failure).toBe('COMMAND_NOT_ALLOWED');
  }
  await rig.close();
});

test('a path among the words is followed before the command starts and must stay inside', async () => {
  const dir = edgeFolder({ 'docs/a.md': 'inside', 'outside/b.md': 'outside' });
  symlinkSync(join(dir, 'docs/a.md'), join(dir, 'docs/in'));
  symlinkSync(join(dir, 'outside/b.md'), join(dir, 'docs/out'));
  symlinkSync(join(dir, 'outside'), join(dir, 'docs/folder'));
  const rig = await edgeRig(dir, { config: config(entry(['cat', '{path}']), entry(['pwd'])) });
  expect(text((await rig.call(run, { argv: ['cat', 'docs/in'] })).messages, OutputStream.STDOUT)).toBe('inside');
  for (const path of ['docs/out', 'docs/folder/b.md', 'docs/folder/none']) {
    expect((await rig.call(run, { argv: ['cat', path] })).failure).toBe('PATH_NOT_ALLOWED');
  }
  expect((await rig.call(run, { argv: ['pwd'], cwd: 'docs/folder' })).failure).toBe('PATH_NOT_ALLOWED');
  expect(text((await rig.call(run, { argv: ['pwd'], cwd: 'docs' })).messages, OutputStream.STDOUT)).toBe(
    `${dir}/docs\n`,
  );
  await rig.close();
});

test('what a command prints stays on the box unless its entry shares it: no text, code, size or number of pieces', async () => {
  const loud = ['/bin/sh', '-c', 'i=0; while [ $i -lt 2000 ]; do echo secret; i=$((i+1)); done; exit 7'];
  const quiet = ['/bin/true'];
  const rig = await edgeRig(edgeFolder(), {
    config: config(entry(loud, 'isolation: none'), entry(quiet, 'isolation: none')),
  });
  const answers = [await rig.call(run, { argv: loud }), await rig.call(run, { argv: quiet })];
  for (const { messages, progress, result } of answers) {
    expect(messages).toHaveLength(1);
    expect(exitOf(messages)).toMatchObject({ code: 0, signal: '', truncated: false });
    expect(progress).toHaveLength(0);
    expect(result.withheld.map(({ field, why }) => `${field} ${withheldWord(why)}`)).toEqual(
      [...['code', 'signal', 'elapsed', 'truncated'].map((field) => `exit.${field}`), 'output.data'].map(
        (field) => `${field} NO_GRANT`,
      ),
    );
  }
  expect(
    Buffer.from(JSON.stringify(answers[0]?.messages)).equals(Buffer.from(JSON.stringify(answers[1]?.messages))),
  ).toBe(true);
  await rig.close();
});

test('cancel, timeout and the limit of output end a command and all that it started', async () => {
  const dir = edgeFolder();
  const started = join(dir, 'docs/started');
  const argv = ['/bin/sh', '-c', `sh -c 'trap "" TERM; echo $$ > ${started}; while :; do sleep 1; done' & wait`];
  const flood = ['/bin/sh', '-c', 'yes | head -c 100000'];
  const rig = await edgeRig(dir, {
    config: `${config(entry(argv), entry(flood))}limits: {command_output_bytes: 1000, command_seconds: 1}\n`,
  });
  const answer = rig.call(run, { argv }, { run: 'r', deadlineMs: 60_000 });
  await vi.waitFor(() => expect(readFileSync(started, 'utf8')).toMatch(/\d+\n/), { timeout: 5000 });
  rig.runner.cancel('r/0/0', 1n);
  const { failure, messages } = await answer;
  expect(failure).toBe('CANCELED');
  expect(exitOf(messages)).toMatchObject({ code: -1, signal: 'SIGTERM' });
  const pid = Number(readFileSync(started, 'utf8'));
  await vi.waitFor(() => expect(isGone(pid)).toBe(true), { timeout: 5000 });
  expect((await rig.call(run, { argv })).failure).toBe('COMMAND_TIMED_OUT');
  const flooded = await rig.call(run, { argv: flood });
  expect(text(flooded.messages, OutputStream.STDOUT)).toHaveLength(1000);
  expect(exitOf(flooded.messages)).toMatchObject({ code: 0, truncated: true });
  await rig.close();
}, 20_000);

test('the look at what is denied below its folder is part of a command’s time, and no command begins when that is up', async () => {
  const dir = edgeFolder(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`docs/${n}.md`, ''])));
  const begun = join(dir, 'begun');
  const argv = ['/bin/sh', '-c', `touch ${begun}`, 'sh', '{path}'];
  // Time is up once a hundred files were looked at, by a clock that counts them.
  let up = () => {};
  const clock = {
    ...systemClock,
    after: (ms: number, act: () => void) => {
      if (ms !== 777) return systemClock.after(ms, act);
      up = act;
      return () => {};
    },
  };
  const rig = await edgeRig(dir, { config: config(entry(argv)), clock });
  let looks = 0;
  const isDenied = rig.allow.isDenied.bind(rig.allow);
  rig.allow.isDenied = (path) => {
    if (++looks === 100) up();
    return isDenied(path);
  };
  const timeout = { seconds: 0n, nanos: 777_000_000 };
  const { failure } = await rig.call(run, { argv: [...argv.slice(0, 4), 'docs'], timeout }, { deadlineMs: 60_000 });
  expect([failure, looks, existsSync(begun)]).toEqual(['COMMAND_TIMED_OUT', 100, false]);
  await rig.close();
});

test('a command that runs longer than its call still gives its output and how it ended', async () => {
  const argv = ['/bin/sh', '-c', 'echo part; exec sleep 60'];
  const rig = await edgeRig(edgeFolder(), { config: config(entry(argv)) });
  const { failure, messages } = await rig.call(run, { argv }, { deadlineMs: 1_500 });
  expect(failure).toBe('COMMAND_TIMED_OUT');
  expect(text(messages, OutputStream.STDOUT)).toBe('part\n');
  expect(exitOf(messages)).toMatchObject({ code: -1, signal: 'SIGTERM' });
  await rig.close();
});

test('a command that ended by itself while the edge stood still was not timed out', async () => {
  const argv = ['/bin/sh', '-c', 'echo on; sleep 0.2; exit 3'];
  const rig = await edgeRig(edgeFolder(), { config: config(entry(argv)) });
  const call = rig.call(run, { argv, timeout: { seconds: 1n, nanos: 0 } }, { deadlineMs: 60_000 });
  await vi.waitFor(() => expect(aliveWith('echo on; sleep 0.2; exit 3').length).toBeGreaterThan(0));
  // As a machine that was frozen: nothing of this process runs, and all is late at once afterwards.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  const { failure, messages } = await call;
  expect(failure).toBeUndefined();
  expect(exitOf(messages)).toMatchObject({ code: 3, signal: '' });
  await rig.close();
});

/** Gone, or dead and only not yet collected by init. */
function isGone(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return !existsSync(path) || / Z /.test(readFileSync(path, 'utf8'));
}

test('without isolation a command refuses to start', async () => {
  const rig = await edgeRig(edgeFolder(), { config: config(entry(['/bin/true'], 'output: share')) });
  const { failure, result } = await rig.call(run, { argv: ['/bin/true'] });
  expect(failure).toBe('COMMAND_NOT_ISOLATED');
  expect(result.answer.case).toBe('neverStarted');
  await rig.close();
});

test('what no program can be given is refused where it is written', async () => {
  for (const more of [{ argv: ['echo', 'a\0b'] }, { argv: ['echo'], env: { A: 'a\0b' } }]) {
    const written = `allow: {execute: [${JSON.stringify({ ...more, confirm: 'never' })}]}\n`;
    await expect(edgeRig(edgeFolder(), { config: written })).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  }
});

test('a program that is not there, and input that nobody allowed', async () => {
  const rig = await edgeRig(edgeFolder(), {
    config: config(entry(['no-such-program']), entry(['cat'], 'isolation: none, output: share, stdin: true')),
  });
  expect((await rig.call(run, { argv: ['no-such-program'] })).failure).toBe('COMMAND_FAILED_TO_START');
  expect(text((await rig.call(run, { argv: ['cat'], stdin: '你好' })).messages, OutputStream.STDOUT)).toBe('你好');
  expect((await rig.call(run, { argv: ['no-such-program'], stdin: 'x' })).failure).toBe('COMMAND_NOT_ALLOWED');
  expect((await rig.call(FsService.method.write, { path: 'docs/x', text: 'x' })).failure).toBe('PATH_NOT_ALLOWED');
  await rig.close();
});
