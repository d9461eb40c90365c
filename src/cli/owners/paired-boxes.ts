// The boxes that this home may answer for, with the keys that it answers with: one private file. Each box has keys of its own, so that
// nobody can tell by them that two boxes have one owner.
import { AppError } from '../../base/errors.ts';
import { isRecord } from '../../base/is-record.ts';
import { readPrivate, writePrivate } from '../../base/private-file.ts';

export interface PairedBox {
  /** Id of the key, as the box knows it. */
  readonly key: string;
  /** What this machine is called there. */
  readonly name: string;
  readonly tenant: string;
  readonly device: string;
  readonly deviceName: string;
  /** URL of the control plane that carries what both say. */
  readonly control: string;
  /** Ed25519 public key of the box, base64. */
  readonly deviceKey: string;
  /** Ed25519 private key, PKCS #8 in base64. */
  readonly signingKey: string;
  /** X25519 private key, raw in base64. */
  readonly sealingKey: string;
  /** The box said that it is paired no more. */
  readonly removed?: boolean;
}

const FIELDS = [
  'key',
  'name',
  'tenant',
  'device',
  'deviceName',
  'control',
  'deviceKey',
  'signingKey',
  'sealingKey',
] as const;

/** Throws SECRET_FILE_UNSAFE, PAIRED_FILE_INVALID. */
export function readPairedBoxes(file: string): PairedBox[] {
  const text = readPrivate(file, { ours: true });
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('PAIRED_FILE_INVALID', { file }, { cause });
  }
  const boxes = isRecord(value) && Array.isArray(value.boxes) ? value.boxes : undefined;
  if (!boxes?.every(isBox)) throw new AppError('PAIRED_FILE_INVALID', { file });
  return boxes;
}

/** Keeps a box; one with the same device goes. */
export function keepPairedBox(file: string, box: PairedBox): void {
  write(file, [...readPairedBoxes(file).filter(({ device }) => device !== box.device), box]);
}

export function forgetPairedBox(file: string, key: string): void {
  write(
    file,
    readPairedBoxes(file).filter((box) => box.key !== key),
  );
}

const isBox = (value: unknown): value is PairedBox =>
  isRecord(value) && FIELDS.every((field) => typeof value[field] === 'string');

const write = (file: string, boxes: readonly PairedBox[]): void =>
  writePrivate(file, `${JSON.stringify({ version: 1, boxes }, undefined, 2)}\n`, { replace: true });
