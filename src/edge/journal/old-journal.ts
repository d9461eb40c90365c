// Joining another tenant or control plane begins a new journal. The old one is kept beside it, and never sent from again.
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { FsPort } from './fs-port.ts';
import { nodeFs } from './node-fs.ts';

/** Renames the closed journal in `dir` to `<dir>.<time>`; returns the new path. Nothing to rename is an error of the system. */
export async function setJournalAside(dir: string, clock: Clock, fs: FsPort = nodeFs): Promise<string> {
  const parent = dirname(dir);
  const aside = join(parent, `${basename(dir)}.${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}`);
  await fs.rename(dir, aside);
  await fs.syncDir(parent);
  return aside;
}
