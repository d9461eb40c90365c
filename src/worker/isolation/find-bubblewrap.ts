// Finds bubblewrap and finds out by trying how far it works here; where it does not, says why and what to do.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bubblewrapsIn, firstWay, type SystemParts, systemOptions } from '../../base/bubblewrap.ts';
import { AppError } from '../../base/errors.ts';
import { tooFewFiles } from '../../base/open-files.ts';
import { seccompFilter } from '../../base/seccomp-filter.ts';
import type { Bubblewrap } from './bubblewrap-args.ts';

/** What programs and libraries need; not /usr/local, /usr/share, /usr/src, /home, /root, /var, /sys, /run, and of /etc little. */
const SYSTEM: SystemParts = {
  paths: [
    ...['/usr/bin', '/usr/lib', '/usr/lib32', '/usr/lib64', '/usr/libexec', '/usr/share/zoneinfo'],
    // Where the linker finds libraries, and what names like `awk` stand for.
    ...['/etc/ld.so.cache', '/etc/alternatives'],
  ],
  oldFolders: ['/bin', '/lib', '/lib32', '/lib64'],
};

/** The first version with --size (a bound on what is written) and --disable-userns. */
const OLDEST = [0, 8] as const;

/** Nobody. */
const NOBODY = 65534;

const INSTALL = 'install bubblewrap 0.8 or later (on Debian: apt-get install bubblewrap)';
const ALLOW = [
  'allow unprivileged user namespaces on this machine (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces',
  'above 0, kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap); in a container, give it the seccomp',
  'profile that comes with Bowline',
].join(' ');

/** Runs something harmless with it, as real programs are run. Rejects with an AppError that says why it does not work. */
export type TryBubblewrap = (bubblewrap: Bubblewrap) => Promise<void>;

/** Throws SANDBOX_UNAVAILABLE. @param bounded whether a cgroup bounds the memory of programs @param place where it is; by default the usual places are looked at */
export async function findBubblewrap(works: TryBubblewrap, bounded: boolean, place?: string): Promise<Bubblewrap> {
  if (process.platform !== 'linux') throw unavailable('bubblewrap needs Linux', 'run this worker on Linux');
  const { found, places } = await bubblewrapsIn(place === undefined ? undefined : [place]);
  const [program] = found;
  if (program === undefined) throw unavailable(`there is no bubblewrap (${places.join(', ')})`, INSTALL);
  const version = await versionOf(program);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw unavailable(`${program} is version ${version}`, INSTALL);
  }
  const filter = seccompFilter(process.arch, bounded);
  const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
  const common = { program, system: await systemOptions(SYSTEM), filter, as };
  let failure: AppError | undefined;
  const way = await firstWay(filter !== undefined, async (one) => {
    try {
      await works({ ...common, ...one });
      return true;
    } catch (error) {
      failure = error instanceof AppError ? error : failure;
      return false;
    }
  });
  if (way) return { ...common, ...way };
  throw unavailable(failure?.metadata.why ?? 'bubblewrap failed', ALLOW, failure);
}

async function versionOf(program: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 5000, env: {} });
    return /\b(\d{1,6}\.\d{1,6}(\.\d{1,6})?)/.exec(stdout)?.[1] ?? '0';
  } catch (cause) {
    throw unavailable(`${program} does not run`, INSTALL, cause);
  }
}

/** Whatever failed for want of descriptors looks like something else. */
const unavailable = (why: string, todo: string, cause?: unknown) =>
  new AppError('SANDBOX_UNAVAILABLE', { why, todo: tooFewFiles() ?? todo }, { cause });
