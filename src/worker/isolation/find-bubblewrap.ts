// Finds bubblewrap and finds out by trying how far it works here; where it does not, says why and what to do.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AppError } from '../../base/errors.ts';
import { tooFewFiles } from '../../base/open-files.ts';
import { seccompFilter } from '../../base/seccomp-filter.ts';
import type { Bubblewrap } from './bubblewrap-args.ts';
import { systemMounts } from './system-mounts.ts';

const PLACES = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap'];

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
  const program = await firstExecutable(place === undefined ? PLACES : [place]);
  const version = await versionOf(program);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw unavailable(`${program} is version ${version}`, INSTALL);
  }
  const filter = seccompFilter(process.arch, bounded);
  const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
  const common = { program, system: await systemMounts(), filter, as };
  let failure: AppError | undefined;
  // A container's /proc can be covered and read-only; then there is none inside, and the filter alone refuses user namespaces.
  for (const usersOff of filter ? [true, false] : [true]) {
    for (const proc of [true, false]) {
      const bubblewrap = { ...common, proc, usersOff };
      try {
        await works(bubblewrap);
        return bubblewrap;
      } catch (error) {
        failure = error instanceof AppError ? error : failure;
      }
    }
  }
  throw unavailable(failure?.metadata.why ?? 'bubblewrap failed', ALLOW, failure);
}

async function firstExecutable(places: readonly string[]): Promise<string> {
  for (const place of places) {
    const found = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return place;
  }
  throw unavailable(`there is no bubblewrap (${places.join(', ')})`, INSTALL);
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
