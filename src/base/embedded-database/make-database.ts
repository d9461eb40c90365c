// Makes the folder of a database that is not there yet: out of a prepared one, or by the engine itself where there is none that fits. The folder
// appears whole or not at all, whenever this process is killed.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { causeText } from '../cause-text.ts';
import { giveOwnIdentity } from './own-identity.ts';
import { type PreparedDatabase, type PreparedStamp, unpackPrepared, writePrepared } from './prepared-file.ts';

/** Which prepared database would serve. */
export interface WantedDatabase {
  /** Its file. */
  readonly file: string;
  /** Names of the migrations that the program knows. */
  readonly tables: readonly string[];
}

export interface MakeDatabase {
  /** Default: none, the engine makes it. */
  readonly wanted?: WantedDatabase | undefined;
  /** Makes one in a folder that is not there; takes seconds. */
  readonly byEngine: (folder: string) => Promise<void>;
  /** Hears why the prepared one does not serve. */
  readonly onTrouble: (problem: string) => void;
}

/** Where a database is made before it has its name. One lies there only if a process was killed over it. */
export const unfinished = (data: string): string => `${data}.unfinished`;

/** Call under the lock of the folder around `data`. Throws what the file system or the engine throws. */
export async function makeDatabase(data: string, { wanted, byEngine, onTrouble }: MakeDatabase): Promise<void> {
  const folder = unfinished(data);
  rmSync(folder, { recursive: true, force: true });
  if (existsSync(data) && readdirSync(data).length > 0) return;
  const prepared = wanted && readPrepared(wanted, onTrouble);
  if (prepared) writePrepared(folder, prepared);
  else await byEngine(folder);
  renameSync(folder, data);
}

/** Version of the engine that is installed. */
export function engineVersion(): string {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  return JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8')).version;
}

/** With an identity of its own; undefined when it is not there, damaged or of another version. */
function readPrepared(wanted: WantedDatabase, onTrouble: (problem: string) => void): PreparedDatabase | undefined {
  try {
    const prepared = unpackPrepared(readFileSync(wanted.file));
    const other = difference(prepared.stamp, { engine: engineVersion(), tables: wanted.tables });
    if (other) throw new Error(other);
    giveOwnIdentity(prepared.files, Date.now());
    return prepared;
  } catch (error) {
    const why = causeText(error);
    onTrouble(
      `the prepared database ${wanted.file} cannot be used (${why}); a new one is made, which takes some seconds`,
    );
    return undefined;
  }
}

function difference(has: PreparedStamp, wants: PreparedStamp): string | undefined {
  if (has.engine !== wants.engine) return `it is of version ${has.engine} of the engine, not ${wants.engine}`;
  if (has.tables.join() !== wants.tables.join()) return 'its tables are of another version';
  return undefined;
}
