// Small files by which the programs of one home find and trust each other: read by several of them, written by the control plane.
// A file that is damaged is never taken for one that is not there.
import { AppError } from './errors.ts';
import { isRecord } from './is-record.ts';
import { parsePin } from './pin.ts';
import { readPrivate, writePrivate } from './private-file.ts';

/** No secrets, but they decide whom we trust. */
const OURS = { link: true, ours: true, shared: true };

/** The pin in the file; undefined where there is none. Throws HOME_FILE_DAMAGED, SECRET_FILE_UNSAFE. */
export function readPin(file: string): Uint8Array | undefined {
  const text = readPrivate(file, OURS);
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
  const text = readPrivate(file, OURS);
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
  writePrivate(file, `${JSON.stringify({ control: url, pid: process.pid })}\n`, { replace: true });
}
