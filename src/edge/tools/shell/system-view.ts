// What of the machine every command in bubblewrap sees: the system's programs and libraries and a few files of /etc, read-only, and nothing
// of /home, /root, /var or /run.
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { contains } from '../../config/edge-config.ts';

/** Programs and libraries. */
const FOLDERS = ['/usr'];

/** Links into /usr on most systems, folders on others. */
const OLD_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'];

/** What programs look up: libraries, names of users, time, certificates. Nothing that is secret anywhere. */
const FILES = [
  ...[
    '/etc/ld.so.cache',
    '/etc/ld.so.conf',
    '/etc/ld.so.conf.d',
    '/etc/alternatives',
    '/etc/localtime',
    '/etc/timezone',
  ],
  ...['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/services', '/etc/protocols', '/etc/mime.types'],
  ...['/etc/ssl/certs', '/etc/ssl/openssl.cnf', '/etc/ca-certificates', '/etc/pki/tls/certs', '/etc/pki/ca-trust'],
];

/** What the network needs beside. */
const NETWORK_FILES = ['/etc/resolv.conf', '/etc/hosts', '/etc/host.conf', '/etc/gai.conf'];

/** Options of bubblewrap for the system. */
export async function systemView(): Promise<string[]> {
  const options: string[] = [];
  for (const path of [...FOLDERS, ...FILES]) options.push(...(await bind(path)));
  for (const path of OLD_FOLDERS) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) options.push('--symlink', await readlink(path), path);
    else if (found?.isDirectory()) options.push('--ro-bind', path, path);
  }
  return [...options, ...DEVICES];
}

/** Where a command writes: one file system in memory, which has a size. */
export const scratch = (bytes: number): string[] => ['--size', `${bytes}`, '--tmpfs', SCRATCH];

const SCRATCH = '/tmp';

/** Devices without any state, and no file system of their own: what is written to /dev/shm counts with all else. */
const DEVICES = [
  ...['--dir', '/dev'],
  ...['null', 'zero', 'full', 'random', 'urandom'].flatMap((name) => ['--dev-bind', `/dev/${name}`, `/dev/${name}`]),
  ...['--symlink', '/proc/self/fd', '/dev/fd', '--symlink', '/proc/self/fd/0', '/dev/stdin'],
  ...['--symlink', '/proc/self/fd/1', '/dev/stdout', '--symlink', '/proc/self/fd/2', '/dev/stderr'],
  ...['--symlink', SCRATCH, '/dev/shm'],
];

/** Options of bubblewrap for a command that may use the network. */
export async function networkView(): Promise<string[]> {
  const binds = await Promise.all(NETWORK_FILES.map(bind));
  return ['--share-net', ...binds.flat()];
}

/** Whether a real path is in every command's view already, or is made anew for each. */
export const isSystem = (path: string): boolean =>
  path === '/' || [...FOLDERS, ...OLD_FOLDERS, '/proc', '/dev'].some((folder) => contains(folder, path));

/** Links are followed: a file of /etc may lie in /run. */
async function bind(path: string): Promise<string[]> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && (await stat(real).catch(() => undefined)) ? ['--ro-bind', real, path] : [];
}
