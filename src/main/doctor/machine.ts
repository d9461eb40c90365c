// What `doctor` looks at on the machine: Node, packages, memory, disk, the sandbox, the port. It changes nothing.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { bubblewrapsIn } from '../../base/bubblewrap.ts';
import { LEAST_DISK_BYTES } from '../../base/disk-room.ts';
import type { HomeRole } from '../../cli/home-health.ts';
import { memoryMb, NEEDED_MB } from '../machine-memory.ts';
import { type DoctorFinding, fault, forHome, ok, warning } from './finding.ts';

/** What the programs load by name, beside their bundles. */
const PACKAGES = ['@electric-sql/pglite', '@electric-sql/pglite-pgvector', '@electric-sql/pglite-socket', 'pg', 'ai'];
/** A first start unpacks databases of 80 MB. */
const ROOM_MB = 500;
/** Segments of a journal, logs. */
const FEW_MB = 100;

export function node(): DoctorFinding {
  return ok('node', `${process.version} at ${process.execPath}`);
}

export function packages(): DoctorFinding {
  const { resolve } = createRequire(import.meta.url);
  const missing = PACKAGES.filter((name) => {
    try {
      resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return ok('packages', 'all are there');
  return fault(
    'packages',
    `missing: ${missing.join(', ')}`,
    'install the packages again: `npm ci` in a checkout, `npm install` where Bowline is a package',
  );
}

export function memory(have = memoryMb()): DoctorFinding {
  const text = `${have} MB`;
  if (have >= NEEDED_MB) return ok('memory', text);
  return warning(
    'memory',
    `${text}; \`bowline up\` needs ${NEEDED_MB} MB`,
    'run `bowline control` and `bowline worker` on a larger machine, and `bowline edge` here; or try `bowline up --force`',
  );
}

export async function disk(home: string, keeps: Kept): Promise<DoctorFinding> {
  let at = home;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  const { bavail, bsize } = await statfs(at);
  return roomFor(bavail * bsize, home, keeps);
}

/** What a home keeps that needs room. */
export type Kept = 'database' | 'journal' | 'nothing';

const WITHOUT_ROOM: Readonly<Record<Kept, string>> = {
  database: 'the database takes no writes',
  journal: 'the journal may take no writes, so asks and tool calls are refused',
  nothing: 'logs and small files cannot be written',
};

/** What a home keeps where a database is elsewhere if `external`; one that is new gets all. */
export function keptIn(roles: readonly HomeRole[], external: boolean): Kept {
  if ((roles.length === 0 || roles.includes('control')) && !external) return 'database';
  return roles.length === 0 || roles.includes('edge') ? 'journal' : 'nothing';
}

export function roomFor(bytes: number, home: string, keeps: Kept): DoctorFinding {
  const free = Math.floor(bytes / 1e6);
  const text = `${free} MB free for ${home}`;
  if (free >= (keeps === 'database' ? ROOM_MB : FEW_MB)) return ok('disk', text);
  const remedy = 'free some room there, or have the home on another disk: --home FOLDER';
  return bytes < LEAST_DISK_BYTES
    ? fault('disk', `${text}: ${WITHOUT_ROOM[keeps]}`, remedy)
    : warning('disk', text, remedy);
}

/** @param places where it is looked for, the usual ones by default */
export async function sandbox(places?: readonly string[]): Promise<DoctorFinding> {
  const { found } = await bubblewrapsIn(places);
  if (found[0]) return ok('bubblewrap', found[0]);
  return warning(
    'bubblewrap',
    'not installed: no programs run in the sandbox, and documents are read less apart',
    'apt-get install bubblewrap, or the like of your system',
  );
}

/** Whether the port could be listened on, where nothing of this home listens. */
export async function port(number: number, home: string, usual: string): Promise<DoctorFinding> {
  const taken = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(number, '127.0.0.1', () => server.close(() => resolve(false)));
  });
  if (!taken) return ok('port', `${number} is free`);
  return fault('port', `another program listens on ${number}`, forHome('bowline up --port 0', home, usual));
}
