// What a command can reach, in each way in which a machine keeps it apart: files, other commands, descriptors, the network, its own end.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ShellService } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { aliveWith } from '../../../../test/support/sandbox.ts';
import { EACH, WRITE_EVERYWHERE, whatItWrote } from '../../../../test/support/write-everywhere.ts';
import { type CommandIsolation, findBubblewrapIsolation, findIsolation, findUsers } from './isolation.ts';
import { OwnUsers } from './own-users.ts';

const { run } = ShellService.method;
const root = process.getuid?.() === 0;
/** Beside the default, so that a program of this machine is not met. */
const FIRST = 60_900 + (process.pid % 200);
const users = root ? new OwnUsers(FIRST) : undefined;
const withNamespaces = users && (await findUsers(users));
const inBubblewrap = await findBubblewrapIsolation(users);
/** As inside an ordinary container: no /proc, and only the filter refuses further user namespaces. */
const asInContainer = inBubblewrap?.filter && {
  ...inBubblewrap,
  options: inBubblewrap.options
    .filter((word) => word !== '--disable-userns')
    .map((word) => (word === '--proc' ? '--dir' : word)),
};
const KINDS: [string, CommandIsolation | undefined][] = [
  ['in bubblewrap', inBubblewrap],
  ['in bubblewrap as in a container', asInContainer],
  ['as a user of its own with namespaces', withNamespaces?.namespaces ? withNamespaces : undefined],
  ['as a user of its own', withNamespaces && { ...withNamespaces, namespaces: false }],
];

test('the best way is found, and none without a closed home where there is only a user of its own', async () => {
  const dir = edgeFolder();
  const found = await findIsolation(join(dir, 'home'), FIRST);
  expect(found?.kind).toBe(KINDS.find(([, isolation]) => isolation)?.[1]?.kind);
});

describe.each(KINDS)('%s', (name, isolation) => {
  const mark = `shell-${process.pid}-${name.length}-${Math.random().toString(36).slice(2)}`;
  const hasView = isolation?.kind === 'bubblewrap';
  const apart = hasView || (isolation?.kind === 'user' && isolation.namespaces);
  let dir: string;
  let entries: string[];

  beforeEach((context) => {
    if (!isolation) return context.skip('this machine does not offer it');
    dir = edgeFolder({ 'docs/a.md': 'inside' });
    chmodSync(dir, 0o755);
    entries = [];
  });

  // Nothing that a command started goes on after it.
  afterEach(async () => {
    await vi.waitFor(() => expect(aliveWith(mark)).toEqual([]), { timeout: 10_000 });
  });

  /** A script that an entry allows. */
  const script = (file: string, lines: string, more = ''): string => {
    const path = join(dir, file);
    writeFileSync(path, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
    entry([path], `${more}cwd: /`);
    return path;
  };
  // Where the network cannot be kept away an entry without it is refused, which has a test of its own.
  const entry = (argv: readonly string[], more = '') => {
    const network = apart || more.includes('network') ? '' : 'network: true, ';
    entries.push(`    - {argv: ${JSON.stringify(argv)}, confirm: never, output: share, ${network}${more}}\n`);
  };
  const start = (limits = ''): Promise<EdgeRig> =>
    edgeRig(dir, { config: `allow:\n  execute:\n${entries.join('')}${limits}`, isolation: async () => isolation });
  const go = async (rig: EdgeRig, argv: readonly string[], more = {}) => {
    const { messages, failure } = await rig.call(run, { argv: [...argv], ...more });
    const out = messages.flatMap(({ event }) => (event.case === 'output' ? [event.value.data] : []));
    const exit = messages.flatMap(({ event }) => (event.case === 'exit' ? [event.value] : []))[0];
    return { out: Buffer.concat(out).toString(), failure, exit };
  };

  test('it does not read the home, and its own home is empty', async () => {
    const spy = script(
      'spy',
      `cat ${dir}/home/config.yaml 2>/dev/null || echo kept out; ls -A "$HOME" 2>/dev/null; id -G`,
    );
    const rig = await start();
    const { out } = await go(rig, [spy]);
    expect(out.split('\n')[0]).toBe('kept out');
    if (root) expect(Number(out.split('\n')[1])).toBeGreaterThanOrEqual(FIRST);
    await rig.close();
  });

  test('its user, its processes and its descriptors are its own', async () => {
    const secret = join(dir, 'secret');
    writeFileSync(secret, 'inherited', { mode: 0o600 });
    const seen = script(
      'seen',
      `for f in /proc/self/fd/*; do readlink "$f"; done; for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done 2>/dev/null`,
    );
    const long = script('long', `sh -c 'sleep 60 # ${mark}-secret'`);
    const rig = await start();
    const other = rig.call(run, { argv: [long] }, { run: 'r' });
    await vi.waitFor(() => expect(aliveWith(`${mark}-secret`)).not.toEqual([]), { timeout: 5000 });
    const { out } = await go(rig, [seen]);
    expect(out).not.toContain(secret);
    if (apart) expect(out).not.toContain(`${mark}-secret`);
    rig.runner.cancel('r/0/0', 1n);
    expect((await other).failure).toBe('CANCELED');
    await rig.close();
  });

  test.runIf(root)('each of those that run at once has a user of its own', async () => {
    const who = script('who', 'id -u; sleep 0.5');
    const rig = await start();
    const seen = await Promise.all([0, 1, 2].map(async () => Number((await go(rig, [who])).out)));
    expect(new Set(seen).size).toBe(3);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(FIRST);
    await rig.close();
  });

  test('two at a time cannot end or trace each other', async () => {
    const over = join(dir, 'over');
    const long = script(
      'long',
      `trap 'echo hit' TERM; until [ -e ${over}/it ]; do sleep 0.1; done; echo whole # ${mark}`,
      `read: [${over}], `,
    );
    mkdirSync(over);
    const killer = script(
      'killer',
      'kill -9 -1 2>/dev/null; for p in /proc/[0-9]*; do kill -9 $(basename $p) 2>/dev/null; done; echo tried',
    );
    const rig = await start();
    const first = go(rig, [long]);
    await vi.waitFor(() => expect(aliveWith(long).length).toBeGreaterThan(0), { timeout: 5000 });
    await go(rig, [killer]);
    writeFileSync(join(over, 'it'), '');
    expect((await first).out).toBe('whole\n');
    await rig.close();
  }, 20_000);

  const LEAVE = `setsid sh -c 'trap "" TERM INT HUP; while :; do sleep 1; done # MARK' </dev/null >/dev/null 2>&1 &`;

  test('what it leaves behind in a session of its own ends with its end, its cancel and its time-out', async () => {
    const leaves = script('leaves', `${LEAVE.replace('MARK', mark)}\nsleep 0.3; echo done`);
    const [canceled, late] = ['canceled', 'late'].map((end) =>
      script(end, `${LEAVE.replace('MARK', `${mark}-${end}`)}\ntrap '' TERM; while :; do sleep 1; done`),
    ) as [string, string];
    const rig = await start();
    expect((await go(rig, [leaves])).out).toBe('done\n');
    await vi.waitFor(() => expect(aliveWith(mark)).toEqual([]), { timeout: 5000 });
    const timed = go(rig, [late], { timeout: { seconds: 1n, nanos: 0 } });
    const stopped = rig.call(run, { argv: [canceled] }, { run: 'r' });
    await vi.waitFor(() => expect(aliveWith(`${mark}-canceled`)).not.toEqual([]), { timeout: 5000 });
    rig.runner.cancel('r/0/0', 1n);
    const ended = async (end: string, call: Promise<{ failure?: string | undefined }>) => {
      const { failure } = await call;
      return [failure, aliveWith(`${mark}-${end}`)];
    };
    const both = [ended('canceled', stopped), ended('late', timed)];
    expect(await Promise.all(both)).toEqual([
      ['CANCELED', []],
      ['COMMAND_TIMED_OUT', []],
    ]);
    await rig.close();
  }, 30_000);

  test('stopped at whatever moment of its start, nothing of it stays', async () => {
    const long = script('long', 'sleep 60');
    const rig = await start();
    for (let turns = 0; turns < 64; turns = turns * 2 + 1) {
      const answer = rig.call(run, { argv: [long] }, { run: `r${turns}` });
      for (let turn = 0; turn < turns * 8; turn++) await new Promise(setImmediate);
      rig.runner.cancel(`r${turns}/0/0`, 1n);
      expect((await answer).failure).toBe('CANCELED');
    }
    await vi.waitFor(() => expect(aliveWith(long)).toEqual([]), { timeout: 10_000 });
    await rig.close();
  }, 60_000);

  test('a command that handles SIGTERM may say its last words', async () => {
    const polite = script('polite', `trap 'echo bye; exit 7' TERM; echo hi; while :; do sleep 0.1; done`);
    const rig = await start();
    const { out, failure, exit } = await go(rig, [polite], { timeout: { seconds: 1n, nanos: 0 } });
    expect([out.replace('Terminated\n', ''), failure, exit?.code]).toEqual(['hi\nbye\n', 'COMMAND_TIMED_OUT', 7]);
    await rig.close();
  }, 20_000);

  test('processes and memory have a bound', async () => {
    const forks = script('forks', `i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done 2>/dev/null; echo ${mark}`);
    const eats = script('eats', `head -c 200000000 /dev/zero | tail -c 150000000 | wc -c`);
    const rig = await start('limits: {command_processes: 20, command_memory_bytes: 33554432}\n');
    expect((await go(rig, [forks])).out).not.toContain(mark);
    expect((await go(rig, [eats])).out.trim()).not.toBe('150000000');
    await rig.close();
  }, 30_000);

  const LIMIT = 1 << 20;

  test.runIf(hasView)(
    'what it writes anywhere has one bound, and nothing leads to more',
    async () => {
      const writes = script('writes', WRITE_EVERYWHERE);
      const rig = await start(`limits: {command_disk_bytes: ${LIMIT}}\n`);
      const { sum, places, said } = whatItWrote((await go(rig, [writes])).out);
      expect(sum).toBeGreaterThan(LIMIT / 2);
      expect(sum).toBeLessThanOrEqual(LIMIT);
      expect(places).toBeGreaterThan(4);
      expect(said).toEqual(['end']);
      await rig.close();
    },
    20_000,
  );

  test.runIf(isolation?.kind === 'user')(
    'a file that it writes has a bound; all of them together have none',
    async () => {
      const open = join(dir, 'open');
      mkdirSync(open);
      chmodSync(open, 0o777);
      const large = script('large', `(head -c ${EACH} /dev/zero >${open}/x); stat -c 'wrote %s' ${open}/x`);
      const rig = await start(`limits: {command_disk_bytes: ${LIMIT}}\n`);
      expect((await go(rig, [large])).out).toContain(`wrote ${LIMIT}\n`);
      await rig.close();
    },
  );

  test('the network is there only if its entry says so', async () => {
    let reached = 0;
    const server = createServer((socket) => {
      reached++;
      socket.destroy();
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const dial = `exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}' 2>/dev/null`;
    const without = script('without', dial, 'network: false, ');
    const withIt = script('with', dial, 'network: true, ');
    const rig = await start();
    expect((await go(rig, [without])).failure).toBe(apart ? undefined : 'COMMAND_HAS_NETWORK');
    expect(reached).toBe(0);
    await go(rig, [withIt]);
    expect(reached).toBe(1);
    await rig.close();
  });

  test('a path is what was opened, whatever its name leads to by then', async () => {
    mkdirSync(join(dir, 'docs/d'));
    mkdirSync(join(dir, 'outside'));
    writeFileSync(join(dir, 'docs/d/f.md'), 'inside');
    writeFileSync(join(dir, 'outside/f.md'), 'OUTSIDE');
    entry(['cat', '{path}'], 'cwd: /');
    const rig = await start();
    let on = true;
    const swapping = (async () => {
      while (on) {
        renameSync(join(dir, 'docs/d'), join(dir, 'docs/kept'));
        symlinkSync(join(dir, 'outside'), join(dir, 'docs/d'));
        await new Promise(setImmediate);
        rmSync(join(dir, 'docs/d'));
        renameSync(join(dir, 'docs/kept'), join(dir, 'docs/d'));
        await new Promise(setImmediate);
      }
    })();
    for (let i = 0; i < 40; i++) {
      const { out } = await go(rig, ['cat', 'docs/d/f.md']);
      expect(out).not.toContain('OUTSIDE');
    }
    on = false;
    await swapping;
    expect((await go(rig, ['cat', 'docs/d/f.md'])).out).toBe('inside');
    await rig.close();
  }, 60_000);

  test('denied files are hidden from it, or it does not start', async () => {
    mkdirSync(join(dir, 'docs/.aws'));
    for (const name of ['.env', 'server.key', '.aws/credentials', 'b.md'])
      writeFileSync(join(dir, 'docs', name), `CANARY ${name}\n`);
    mkdirSync(join(dir, 'docs/clean'));
    writeFileSync(join(dir, 'docs/clean/c.md'), 'CANARY c.md\n');
    entry(['grep', '-rh', '{word}', '{path}'], 'cwd: /');
    entry(['grep', '-hr', '{word}', '.']);
    entry(['cat', 'server.key']);
    const rig = await start();
    for (const how of [
      [['grep', '-rh', 'CANARY', 'docs'], {}],
      [['grep', '-hr', 'CANARY', '.'], { cwd: 'docs' }],
    ] as const) {
      const { out, failure } = await go(rig, how[0], how[1]);
      expect(out.split('\n').sort()).toEqual(hasView ? ['', 'CANARY b.md', 'CANARY c.md'] : ['']);
      expect(failure).toBe(hasView ? undefined : 'COMMAND_SHOWS_DENIED');
    }
    expect((await go(rig, ['grep', '-rh', 'CANARY', 'docs/clean'])).out).toBe('CANARY c.md\n');
    if (hasView) expect((await go(rig, ['cat', 'server.key'], { cwd: 'docs' })).out).not.toContain('CANARY');
    await rig.close();
  });

  test.runIf(hasView)('it sees of this machine only the system and what its entry names', async () => {
    const spy = script(
      'spy',
      `for f in /root /home /var /run /etc/shadow ${dir}/docs ${dir}/secret; do [ -e $f ] && echo $f; done; touch /x /usr/x 2>/dev/null && echo wrote; echo end`,
    );
    writeFileSync(join(dir, 'secret'), 's');
    entry(['cat', join(dir, 'named')], 'cwd: /');
    entry(['cat', '/proc/self/root'], `cwd: /, read: [${dir}/listed]`);
    writeFileSync(join(dir, 'named'), 'named');
    mkdirSync(join(dir, 'listed'));
    const rig = await start();
    expect((await go(rig, [spy])).out).toBe('end\n');
    expect((await go(rig, ['cat', join(dir, 'named')])).out).toBe('named');
    await rig.close();
  });
});

test('descriptors that the edge has inherited do not reach a command', async () => {
  const dir = edgeFolder({ 'docs/secret': 'inherited' });
  const held = openSync(join(dir, 'docs/secret'), 'r');
  // Handed down on purpose to a program that starts a command as the edge does.
  const program = `
    const { withOnly } = await import(${JSON.stringify(new URL('../../../base/open-descriptors.ts', import.meta.url).href)});
    const { spawnSync } = await import('node:child_process');
    const { openSync } = await import('node:fs');
    const list = () => withOnly(['ignore', 'inherit', 'inherit'], (stdio) =>
      spawnSync('/bin/sh', ['-c', 'for f in /proc/self/fd/*; do readlink $f; done; echo listed'], { stdio }));
    list();
    // What is opened by itself meanwhile does not reach the next one either.
    openSync(${JSON.stringify(join(dir, 'docs/secret'))}, 'r');
    list();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'ignore', held, held],
  });
  let out = '';
  child.stdout?.on('data', (data) => {
    out += data;
  });
  await new Promise((resolve) => child.once('close', resolve));
  expect(out.split('listed')).toHaveLength(3);
  expect(out).toContain('/dev/null');
  expect(out).not.toContain('secret');
});
