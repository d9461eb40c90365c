// Which files of this machine a program sees inside: the system's programs and libraries, read-only, and nothing else.
import { lstat, readlink, stat } from 'node:fs/promises';

/** What programs and libraries need; not /usr/local, /usr/share, /usr/src, /etc, /home, /root, /var, /sys, /run. */
const FOLDERS = ['/usr/bin', '/usr/lib', '/usr/lib32', '/usr/lib64', '/usr/libexec', '/usr/share/zoneinfo'];

/** Links into /usr on most systems, folders on others. */
const OLD_FOLDERS = ['/bin', '/lib', '/lib32', '/lib64'];

/** Where the linker finds libraries, and what names like `awk` stand for. */
const FILES = ['/etc/ld.so.cache', '/etc/alternatives'];

/** Devices without any state. */
const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

/** Options of bubblewrap that put the system there, read-only. */
export async function systemMounts(): Promise<readonly string[]> {
  const options: string[] = [];
  for (const path of [...FOLDERS, ...FILES]) if (await exists(path)) options.push('--ro-bind', path, path);
  for (const path of OLD_FOLDERS) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) options.push('--symlink', await readlink(path), path);
    else if (found?.isDirectory()) options.push('--ro-bind', path, path);
  }
  options.push('--dir', '/dev');
  for (const path of DEVICES) options.push('--dev-bind', path, path);
  return options;
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;
