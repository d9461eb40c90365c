// Whether programs can be isolated is found out at the start, by trying; where they cannot nothing opens.
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { whyNotIsolated } from '../../../test/support/bubblewrap.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { findCgroup } from './find-cgroup.ts';
import { FOLDER } from './isolated-spec.ts';
import { openIsolation } from './open-isolation.ts';

const lacks = await whyNotIsolated();
const here = test.skipIf(lacks !== undefined);
const why = lacks === undefined ? '' : ` (skipped: ${lacks})`;
const parts = { clock: systemClock, log: silentLogger };
const never = new AbortController().signal;
const LIMITS = {
  wallMs: 20_000,
  cpuMs: 20_000,
  memoryBytes: 256 << 20,
  processes: 32,
  outputBytes: 10_000,
  diskBytes: 1 << 20,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bowline-test-isolation-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fake(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  chmodSync(folder, 0o755);
  return path;
}

test.each([
  ['there is none', () => '/nowhere/bwrap', /there is no bubblewrap \(\/nowhere\/bwrap\); install bubblewrap 0\.8/],
  ['it is too old', () => fake('old', 'echo bubblewrap 0.6.1'), /is version 0\.6\.1; install bubblewrap 0\.8/],
  ['it does not run', () => fake('broken', 'exit 3'), /does not run; install/],
  [
    'the system does not let it',
    () =>
      fake('refused', '[ "$1" = --version ] && echo bubblewrap 0.8.0 || { echo "bwrap: No permissions" >&2; exit 1; }'),
    /bwrap: No permissions; allow unprivileged user namespaces/,
  ],
  [
    'it ends without having run anything',
    () => fake('liar', '[ "$1" = --version ] && echo bubblewrap 0.8.0; exit 0'),
    /bubblewrap ended without a word; allow/,
  ],
])('nothing opens where %s', async (_, program, message) => {
  const opened = openIsolation({ ...parts, bubblewrap: program() });
  await expect(opened).rejects.toMatchObject({
    reason: 'SANDBOX_UNAVAILABLE',
    message: expect.stringMatching(message),
  });
});

here(`a program gets its arguments, files, input and environment, and nothing else${why}`, async () => {
  const isolation = await openIsolation(parts);
  let out = '';
  const end = await isolation.run(
    {
      argv: [
        '/bin/sh',
        '-c',
        'printf "%s|" "$@"; cat; cat data/x; env | sort | tr "\\n" " "',
        'sh',
        '$(id)',
        'a b',
        '',
      ],
      env: { GIVEN: '数' },
      files: [{ path: `${FOLDER}/data/x`, data: Buffer.from('file ') }],
      stdin: 'input ',
      limits: LIMITS,
      onOutput: (_, data) => {
        out += data.toString();
      },
    },
    never,
  );
  expect(end).toMatchObject({ code: 0, signal: '', limit: undefined, truncated: false });
  expect(out).toBe(
    `$(id)|a b||input file GIVEN=数 HOME=${FOLDER} LANG=C.UTF-8 PATH=/opt/bin:/usr/bin:/bin PWD=${FOLDER} `,
  );
});

here(`how it ended is told: code, signal, core dumps off${why}`, async () => {
  const isolation = await openIsolation(parts);
  const ended = async (code: string) => {
    const { code: exit, signal } = await isolation.run({ argv: ['/bin/sh', '-c', code], limits: LIMITS }, never);
    return [exit, signal];
  };
  expect(await ended('exit 7')).toEqual([7, '']);
  expect(await ended('kill -ABRT $$')).toEqual([-1, 'SIGABRT']);
  expect(await ended('kill -TERM $$')).toEqual([-1, 'SIGTERM']);
  expect(await ended('exit 200')).toEqual([200, '']);
});

here(`its folder is looked at after its end, and is gone then${why}`, async () => {
  const isolation = await openIsolation(parts);
  let seen: string[] = [];
  let path = '';
  await isolation.run(
    {
      argv: ['/bin/sh', '-c', 'echo x > left; (sleep 60; echo y > late) &'],
      limits: LIMITS,
      afterwards: async (at) => {
        path = at;
        seen = readdirSync(at);
      },
    },
    never,
  );
  expect(seen).toEqual(['left']);
  expect(existsSync(join(path, 'left'))).toBe(false);
});

here(`many at once do not meet, and leave no cgroup behind${why}`, async () => {
  const isolation = await openIsolation({ ...parts, withoutCgroup: 4 });
  const one = async (n: number) => {
    let out = '';
    await isolation.run(
      {
        argv: ['/bin/sh', '-c', `echo ${n} > mine; sleep 0.05; cat mine; ls`],
        limits: LIMITS,
        onOutput: (_, data) => {
          out += data.toString();
        },
      },
      never,
    );
    return out;
  };
  const numbers = Array.from({ length: 8 }, (_, n) => n);
  expect(await Promise.all(numbers.map(one))).toEqual(numbers.map((n) => `${n}\nmine\n`));
  const place = await findCgroup();
  const parents = 'why' in place ? [] : Object.values(place.parents);
  const left = parents.flatMap((parent) => readdirSync(parent)).filter((name) => name.includes(`-${process.pid}-`));
  expect(left).toEqual([]);
});

here(`without a cgroup one runs at a time, and who waits may give up${why}`, async () => {
  const isolation = await openIsolation({ ...parts, cgroups: false });
  const argv = ['/bin/sh', '-c', 'sleep 60'];
  const stop = new AbortController();
  let begun: () => void = () => {};
  const beginning = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const first = isolation.run(
    { argv: ['/bin/sh', '-c', 'echo; sleep 60'], limits: LIMITS, onOutput: begun },
    stop.signal,
  );
  await beginning;
  const bored = new AbortController();
  const second = isolation.run({ argv, limits: LIMITS }, bored.signal);
  const third = isolation.run({ argv: ['/bin/true'], limits: LIMITS }, never);
  bored.abort(new Error('bored'));
  await expect(second).rejects.toThrow('bored');
  stop.abort(new Error('stopped'));
  await expect(first).rejects.toThrow('stopped');
  expect(await third).toMatchObject({ code: 0 });
});
