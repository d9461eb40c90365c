// Who this box is: its device file with its own keys and the pinned key of its control plane. It dials nobody.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { deviceFields, deviceText, keysIn, pinnedIn } from '../../base/device-file.ts';
import { parsePin, pinText } from '../../base/pin.ts';
import { readPrivate, writePrivate } from '../../base/private-file.ts';
import { rawPublicKey } from '../../contract/tool-call.ts';

/** The device's own keys. They are made on the box, and neither leaves it before a session uses it. */
export interface DeviceKeys {
  /** Bearer secret, `bwd_` and 32 random bytes in base64url. */
  readonly secret: string;
  /** Ed25519 private key, PKCS #8 in base64. */
  readonly privateKey: string;
  /** Its public key, 32 bytes in base64. */
  readonly publicKey: string;
}

/** The key of the control plane that signs tool calls, as it was when this box joined. */
export interface PinnedKey {
  readonly keyId: string;
  /** Ed25519, 32 raw bytes. */
  readonly publicKey: Uint8Array;
}

/** A box that joined. */
export interface Identity {
  readonly device: string;
  readonly tenant: string;
  readonly name: string;
  /** Base URL of the control plane. */
  readonly control: string;
  readonly keys: DeviceKeys;
  readonly signingKey: PinnedKey;
  /** Id of the journal that this box began; undefined before its first start, and in files of earlier versions. */
  readonly journal?: string;
  /** What tells the join lines that this home has used, newest last; empty in files of earlier versions. */
  readonly joinLines?: readonly string[];
}

/** Keys of a join whose answer has not come yet, and whom it was sent to. */
export interface PendingJoin {
  readonly control: string;
  /** Raw public key of the control plane; undefined in files of earlier versions. */
  readonly pin: Uint8Array | undefined;
  readonly keys: DeviceKeys;
}

/** New keys of 256 bits. */
export function newDeviceKeys(): DeviceKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    secret: `bwd_${randomBytes(32).toString('base64url')}`,
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    publicKey: Buffer.from(rawPublicKey(publicKey)).toString('base64'),
  };
}

/** SHA-256 over the ASCII of the whole secret: all that the control plane ever stores of it. */
export const secretSha256 = (keys: DeviceKeys): Uint8Array => createHash('sha256').update(keys.secret).digest();

/**
 * 32 bytes that name the tenant, the device and the control plane (by its signing key); a journal is bound to them.
 */
export function journalBinding(identity: Identity): Uint8Array {
  const hash = createHash('sha256').update('bowline.journal-binding.v1\0');
  return hash.update(`${identity.tenant}\0${identity.device}\0`).update(identity.signingKey.publicKey).digest();
}

/** The device file; undefined before the box joined. Throws DEVICE_FILE_INVALID, SECRET_FILE_UNSAFE. */
export async function readIdentity(file: string): Promise<Identity | undefined> {
  const text = readPrivate(file);
  if (text === undefined) return undefined;
  const at = deviceFields(file, text);
  return {
    device: at('device'),
    tenant: at('tenant'),
    name: at('name'),
    control: at('control'),
    keys: keysIn(file, at),
    signingKey: pinnedIn(file, at),
    // Its sum alone is enough: then the field itself was taken away.
    ...(/"journal"\s*:/.test(text) ? { journal: at('journal') } : {}),
    ...(/"joinLines"\s*:/.test(text) ? { joinLines: at('joinLines').split(' ') } : {}),
  };
}

/** Writes the device file durably, mode 0600, and removes the pending one. */
export async function writeIdentity(file: string, identity: Identity): Promise<void> {
  writeDevice(file, identity);
  await rm(pendingFile(file), { force: true });
}

/** Copies the device file before another takes its place; returns where. Its keys may be the only way back. */
export function keepIdentity(file: string, now: number): string {
  const aside = `${file}.${new Date(now).toISOString().replace(/[:.]/g, '-')}`;
  writePrivate(aside, readPrivate(file) ?? '', { replace: true });
  return aside;
}

/** Writes into the device file which journal this box has, so that a start without it is told from a first one. */
export async function writeJournalId(file: string, journal: string): Promise<void> {
  const identity = await readIdentity(file);
  if (identity && identity.journal !== journal) writeDevice(file, { ...identity, journal });
}

function writeDevice(file: string, identity: Identity): void {
  const { device, tenant, name, control, keys, signingKey, journal, joinLines = [] } = identity;
  write(file, {
    device,
    tenant,
    name,
    control,
    signingKeyId: signingKey.keyId,
    signingKey: Buffer.from(signingKey.publicKey).toString('base64'),
    ...(journal === undefined ? {} : { journal }),
    ...(joinLines.length === 0 ? {} : { joinLines: joinLines.join(' ') }),
    ...keys,
  });
}

/** The keys of a join that was cut. Throws DEVICE_FILE_INVALID, SECRET_FILE_UNSAFE. */
export async function readPendingJoin(file: string): Promise<PendingJoin | undefined> {
  const pending = pendingFile(file);
  const text = readPrivate(pending);
  if (text === undefined) return undefined;
  const at = deviceFields(pending, text, true);
  const pin = text.includes('"pin"') ? parsePin(at('pin')) : undefined;
  return { control: at('control'), pin, keys: keysIn(pending, at, true) };
}

/** Keeps the keys of a join durably before it is sent. */
export async function writePendingJoin(file: string, { control, pin, keys }: PendingJoin): Promise<void> {
  write(pendingFile(file), { control, ...(pin ? { pin: pinText(pin) } : {}), ...keys });
}

const pendingFile = (file: string): string => `${file}.joining`;

const write = (file: string, fields: Readonly<Record<string, string>>): void =>
  writePrivate(file, deviceText(fields), { replace: true });
