// Small files by which the programs of one home find and trust each other: read by several of them, written by the control plane.
// A file that is damaged is never taken for one that is not there.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from './errors.ts';
import { isRecord } from './is-record.ts';
import { makeFolder } from './make-folder.ts';
import { parsePin } from './pin.ts';
import { readTrusted } from './trusted-file.ts';

/** The pin in the file; undefined where there is none. Throws HOME_FILE_DAMAGED, SECRET_FILE_UNSAFE. */
export function readPin(file: string): Uint8Array | undefined {
  const text = readTrusted(file, { secret: false });
  if (text === undefined) return undefined;
  const pin = parsePin(text.trim());
  if (pin) return pin;
  const problem = 'holds no pin of a control plane (`bwp_` and 43 letters)';
  const remedy =
    'Copy control.pin from the home of the control plane again; where it runs in this home, start it again: it writes the file anew';
  throw new AppError('HOME_FILE_DAMAGED', { file, problem, remedy });
}

/** Where the control plane of this home listens; undefined when none runs. Throws HOME_FILE_DAMAGED, SECRET_FILE_UNSAFE. */
export function readControlInfo(file: string): string | undefined {
  const text = readTrusted(file, { secret: false });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below.
  }
  const url = isRecord(value) ? value.control : undefined;
  if (typeof url === 'string' && URL.canParse(url)) return url;
  const problem = 'does not say where the control plane listens (`control`)';
  const remedy =
    'Start the control plane of this home again, which writes the file anew, or say --control URL. If none runs here, remove the file';
  throw new AppError('HOME_FILE_DAMAGED', { file, problem, remedy });
}

/** Whole or not at all: others may read it at any moment. */
export function writeControlInfo(file: string, url: string): void {
  makeFolder(dirname(file));
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, `${JSON.stringify({ control: url, pid: process.pid })}\n`, { mode: 0o600 });
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
