// Finds out whether this worker may make cgroups with a bound on memory, and where.

import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../../base/is-alive.ts';
import { CGROUP_NAME, type CgroupPlace, makeCgroup } from './cgroup.ts';
import type { Controller } from './cgroup-files.ts';

/** Controllers of version 1 by the names under which they are mounted. */
const V1: Readonly<Record<Controller, string>> = { memory: 'memory', pids: 'pids', cpu: 'cpuacct' };
const OWN_V2 = 'bowline-worker';

export interface CgroupSearch {
  /** Where to look; the system's by default. */
  readonly proc?: string;
  readonly pid?: number;
  /** A cgroup of version 2 that was made over to this worker; by default the one that it runs in. */
  readonly given?: string | undefined;
}

/** A place where a cgroup was just made and removed again, or why there is none. */
export async function findCgroup(search: CgroupSearch = {}): Promise<CgroupPlace | { readonly why: string }> {
  const { proc = '/proc', pid = process.pid, given } = search;
  const [own, mounts] = await Promise.all(
    ['cgroup', 'mountinfo'].map((name) => readFile(join(proc, 'self', name), 'utf8').catch(() => '')),
  );
  const places = given ? [] : [v1(parseOwn(own!), parseMounts(mounts!))];
  const unified = given ?? v2(parseOwn(own!), parseMounts(mounts!));
  const why: string[] = [];
  for (const place of [...places, await prepareV2(unified, pid)]) {
    if (place === undefined) continue;
    if ('why' in place) {
      why.push(place.why);
      continue;
    }
    await removeStale(place);
    try {
      const tried = await makeCgroup(place, `${pid}-${randomBytes(4).toString('hex')}-probe`, {
        memoryBytes: 64 << 20,
        processes: 16,
      });
      await tried.close();
      return place;
    } catch {
      why.push(`the worker may not make cgroups in ${place.parents.memory}`);
    }
  }
  return { why: why.join('; ') || 'no cgroup with the controllers memory and pids is mounted' };
}

/** The cgroup of this process by controller; that of version 2 has the empty name. */
function parseOwn(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  return new Map(lines.flatMap((line) => (line ? line[1]!.split(',').map((name) => [name, line[2]!] as const) : [])));
}

interface Mounted {
  readonly root: string;
  readonly at: string;
  /** Options of the file system: the controllers, in version 1. */
  readonly options: readonly string[];
  readonly version: 1 | 2;
}

/** Lines such as `36 35 98:0 /root /at rw,noatime shared:1 - cgroup cgroup rw,memory`. */
function parseMounts(text: string): readonly Mounted[] {
  return text.split('\n').flatMap((line): Mounted[] => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root, at] = left.split(' ');
    const [type, , options = ''] = right.split(' ');
    if (root === undefined || at === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    return [{ root, at, options: options.split(','), version: type === 'cgroup' ? 1 : 2 }];
  });
}

/** Where a cgroup lies in the file system; the part of it above a mount's root is not to be seen. */
const pathIn = ({ root, at }: Mounted, group: string): string =>
  join(at, root !== '/' && group.startsWith(root) ? group.slice(root.length) : group);

function v1(own: ReadonlyMap<string, string>, mounts: readonly Mounted[]): CgroupPlace | undefined {
  const parents: Partial<Record<Controller, string>> = {};
  for (const [controller, name] of Object.entries(V1) as [Controller, string][]) {
    const mount = mounts.find(({ version, options }) => version === 1 && options.includes(name));
    const group = own.get(name);
    if (mount && group !== undefined) parents[controller] = pathIn(mount, group);
  }
  return parents.memory === undefined || parents.pids === undefined ? undefined : { version: 1, parents };
}

function v2(own: ReadonlyMap<string, string>, mounts: readonly Mounted[]): string | undefined {
  const mount = mounts.find(({ version }) => version === 2);
  const group = own.get('');
  return mount && group !== undefined ? pathIn(mount, group) : undefined;
}

/**
 * Sees to it that cgroups made in a folder have controllers. The kernel gives them only to a cgroup without processes of its own, so
 * a worker that is alone in its cgroup moves into one beneath it; where others are, nothing is touched.
 */
async function prepareV2(
  folder: string | undefined,
  pid: number,
): Promise<CgroupPlace | { readonly why: string } | undefined> {
  if (folder === undefined) return undefined;
  const read = async (name: string) =>
    (await readFile(join(folder, name), 'utf8').catch(() => '')).split(/\s+/).filter((word) => word !== '');
  const there = await read('cgroup.controllers');
  if (!there.includes('memory') || !there.includes('pids')) {
    return { why: `the cgroup ${folder} lacks the controllers memory and pids` };
  }
  const wanted = (['memory', 'pids', 'cpu'] as const).filter((name) => there.includes(name));
  const enable = () =>
    writeFile(join(folder, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '), { flag: 'r+' });
  try {
    const on = await read('cgroup.subtree_control');
    if (!wanted.every((name) => on.includes(name))) {
      const others = (await read('cgroup.procs')).filter((one) => one !== String(pid));
      if (others.length > 0) return { why: `other processes are in the cgroup ${folder}` };
      const leaf = join(folder, OWN_V2);
      await mkdir(leaf).catch(() => undefined);
      await writeFile(join(leaf, 'cgroup.procs'), String(pid), { flag: 'r+' });
      await enable();
    }
  } catch {
    return { why: `the worker may not write to its cgroup ${folder}` };
  }
  return { version: 2, parents: Object.fromEntries(wanted.map((name) => [name, folder])) };
}

/** What workers that were killed have left; one that is in use cannot be removed. */
async function removeStale({ parents }: CgroupPlace): Promise<void> {
  for (const parent of new Set(Object.values(parents))) {
    for (const name of await readdir(parent).catch(() => [])) {
      const owner = name.startsWith(CGROUP_NAME) ? Number.parseInt(name.slice(CGROUP_NAME.length), 10) : Number.NaN;
      if (Number.isInteger(owner) && !isAlive(owner)) await rmdir(join(parent, name)).catch(() => undefined);
    }
  }
}
