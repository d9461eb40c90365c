// What the workers of a home leave in it for `status` and `health`: a small file each, written when their connection changes, gone when they
// end. What a killed one left is not believed.
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from './is-alive.ts';
import { isRecord } from './is-record.ts';
import { textIfSmall } from './read-small.ts';

export interface WorkerNote {
  readonly name: string;
  /** Short names of what it serves. */
  readonly serves: readonly string[];
  readonly control: string;
  /** Whether a session of each capability stands. */
  readonly connected: boolean;
}

/** More than a note ever has. */
const MAX_NOTE_BYTES = 64 << 10;

const fileOf = (folder: string, pid: number): string => join(folder, `${pid}.json`);

/** Throws what the file system throws. */
export function writeWorkerNote(folder: string, note: WorkerNote): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = fileOf(folder, process.pid);
  writeFileSync(`${file}.new`, JSON.stringify(note), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export const dropWorkerNote = (folder: string): void => rmSync(fileOf(folder, process.pid), { force: true });

/** Of the workers that run. */
export function readWorkerNotes(folder: string): WorkerNote[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const pid = /^(\d{1,10})\.json$/.exec(name)?.[1];
    if (pid === undefined || !isAlive(Number(pid))) return [];
    const note = read(join(folder, name));
    return note ? [note] : [];
  });
}

function read(file: string): WorkerNote | undefined {
  try {
    const value: unknown = JSON.parse(textIfSmall(file, MAX_NOTE_BYTES) ?? '');
    if (!isRecord(value) || !Array.isArray(value.serves)) return undefined;
    const { name, control, connected } = value;
    return {
      name: String(name),
      control: String(control),
      connected: connected === true,
      serves: value.serves.map(String),
    };
  } catch {
    return undefined;
  }
}
