// What of the machine every command in bubblewrap sees: the system's programs and libraries and a few files of /etc, read-only, and nothing
// of /home, /root, /var or /run.
import { DESCRIPTOR_LINKS, readOnly, systemOptions } from '../../../base/bubblewrap.ts';
import { contains } from '../../config/config-places.ts';

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
  const system = await systemOptions({ paths: [...FOLDERS, ...FILES], oldFolders: OLD_FOLDERS });
  // No file system of its own for /dev/shm: what is written there counts with all else.
  return [...system, ...DESCRIPTOR_LINKS, '--symlink', SCRATCH, '/dev/shm'];
}

/** Where a command writes: one file system in memory, which has a size. */
export const scratch = (bytes: number): string[] => ['--size', `${bytes}`, '--tmpfs', SCRATCH];

const SCRATCH = '/tmp';

/** Options of bubblewrap for a command that may use the network. */
export async function networkView(): Promise<string[]> {
  const binds = await Promise.all(NETWORK_FILES.map(readOnly));
  return ['--share-net', ...binds.flat()];
}

/** Whether a real path is in every command's view already, or is made anew for each. */
export const isSystem = (path: string): boolean =>
  path === '/' || [...FOLDERS, ...OLD_FOLDERS, '/proc', '/dev'].some((folder) => contains(folder, path));
