// cgroups as folders that look like the kernel's: what is found, what is written, what is left. That limits hold is shown on the
// real ones by test/security/sandbox.test.ts.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cgroup, type CgroupPlace } from './cgroup.ts';
import { CGROUP_FILES } from './cgroup-files.ts';
import { findCgroup } from './find-cgroup.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bowline-test-cgroup-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text = ''): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const search = () => findCgroup({ proc: join(root, 'proc'), pid: 4242 });

function unified(procs: string, on = ''): void {
  put('proc/self/cgroup', '0::/system.slice/bowline.service\n');
  put('proc/self/mountinfo', `30 23 0:26 / ${root}/fs rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`);
  const own = 'fs/system.slice/bowline.service';
  put(`${own}/cgroup.controllers`, 'cpu io memory pids\n');
  put(`${own}/cgroup.subtree_control`, on);
  put(`${own}/cgroup.procs`, procs);
}

test('a machine without cgroups says so', async () => {
  expect(await search()).toEqual({ why: 'no cgroup with the controllers memory and pids is mounted' });
});

test('a worker that is alone in its cgroup moves beneath it, so that its children can have controllers', async () => {
  unified('4242\n');
  put('fs/system.slice/bowline.service/bowline-worker/cgroup.procs');
  await search();
  expect(read('fs/system.slice/bowline.service/bowline-worker/cgroup.procs')).toBe('4242');
  expect(read('fs/system.slice/bowline.service/cgroup.subtree_control')).toBe('+memory +pids +cpu');
});

test('where others are in its cgroup nothing is touched', async () => {
  unified('4242\n17\n');
  expect(await search()).toEqual({ why: `other processes are in the cgroup ${root}/fs/system.slice/bowline.service` });
  expect(read('fs/system.slice/bowline.service/cgroup.subtree_control')).toBe('');
});

test('a cgroup that cannot be made is found out at once', async () => {
  unified('', 'cpu memory pids\n');
  // An ordinary folder: the files of a new cgroup are not there.
  expect(await search()).toEqual({ why: `the worker may not make cgroups in ${root}/fs/system.slice/bowline.service` });
  expect(readdirSync(join(root, 'fs/system.slice/bowline.service')).sort()).toEqual([
    'cgroup.controllers',
    'cgroup.procs',
    'cgroup.subtree_control',
  ]);
});

test('what dead workers left is removed, what living ones have is not', async () => {
  unified('', 'cpu memory pids\n');
  const own = join(root, 'fs/system.slice/bowline.service');
  const dead = join(own, 'bowline-sandbox-2147483000-1');
  const alive = join(own, `bowline-sandbox-${process.pid}-1`);
  for (const folder of [dead, alive, join(own, 'other')]) mkdirSync(folder);
  await search();
  expect([dead, alive, join(own, 'other')].map((folder) => existsSync(folder))).toEqual([false, true, true]);
});

test('in version 1 each controller has a folder of its own, also below the root of a container', async () => {
  put('proc/self/cgroup', '9:name=systemd:/\n8:pids:/docker/x\n4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n');
  const mount = (name: string, words: string) =>
    `31 23 0:27 /docker/x ${root}/fs/${name} rw,nosuid - cgroup cgroup rw,${words}\n`;
  put('proc/self/mountinfo', mount('memory', 'memory') + mount('pids', 'pids') + mount('cpu', 'cpu,cpuacct'));
  for (const name of ['memory', 'pids', 'cpu']) mkdirSync(join(root, 'fs', name), { recursive: true });
  expect(await search()).toEqual({ why: `the worker may not make cgroups in ${root}/fs/memory` });
});

test('what is read is what the kernel writes, in both versions', async () => {
  const place = (version: 1 | 2): CgroupPlace => ({
    version,
    parents: { memory: join(root, `${version}/m`), pids: join(root, `${version}/p`), cpu: join(root, `${version}/c`) },
  });
  const write = (version: 1 | 2, files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) put(`${version}/${path}`, text);
    return new Cgroup(CGROUP_FILES[version], place(version), 'g');
  };
  const one = write(1, {
    'm/g/memory.usage_in_bytes': '1000\n',
    'm/g/memory.max_usage_in_bytes': '2000\n',
    'm/g/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
    'p/g/pids.current': '5\n',
    'p/g/pids.events': 'max 7\n',
    'c/g/cpuacct.usage': '1500000000\n',
  });
  const two = write(2, {
    'm/g/memory.current': '1000\n',
    'm/g/memory.peak': '2000\n',
    'm/g/memory.events': 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n',
    'p/g/pids.current': '5\n',
    'p/g/pids.events': 'max 7\n',
    'c/g/cpu.stat': 'usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n',
  });
  for (const group of [one, two]) {
    expect(await group.read()).toEqual({
      memoryBytes: 1000,
      cpuMs: 1500,
      processes: 5,
      killedForMemory: 3,
      refusedProcesses: 7,
    });
    expect(await group.peak()).toBe(2000);
  }
  const bare = write(2, { 'm/x': '' });
  rmSync(join(root, '2/m/g'), { recursive: true });
  expect(await bare.peak()).toBeUndefined();
});
