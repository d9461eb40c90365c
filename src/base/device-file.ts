// How the files of a device's identity are written and judged, field by field: each field has a sum beside it, so that damage is told by
// its name before anything rests on it. Reads and writes no file.
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { AppError } from './errors.ts';
import { isRecord } from './is-record.ts';

/** Gives a field, or throws DEVICE_FILE_INVALID. */
export type DeviceField = (name: string) => string;

/** What helps when the identity itself cannot be read. */
const ANEW =
  'Nothing was sent, and the journal is as it was. Restore the file from a backup of this home. Without one this box must join as a new device: move the file away, give it another `name` in config.yaml, and start it with --join or `bowline up`; its journal is then set aside, and what it asked and shared is asked and shared again';

/** Nobody rests on a join that has not ended. */
const JOIN_AGAIN = 'It holds the keys of a join that was cut: remove the file and start with a new join line';

/** The control plane's address may be changed by hand; a change of all else is damage. */
const FREE: ReadonlySet<string> = new Set(['control']);

/** The text of a file with these fields. */
export function deviceText(fields: Readonly<Record<string, string>>): string {
  const kept = Object.entries(fields).filter(([name]) => !FREE.has(name));
  const sums = Object.fromEntries(kept.map(([name, value]) => [name, sumOf(name, value)]));
  return `${JSON.stringify({ version: 1, ...fields, sums }, undefined, 2)}\n`;
}

/**
 * The fields of a file. Files of earlier versions have no sums; there the form alone is judged.
 * @param pending whether it is the file of a join that has not ended
 * @throws DEVICE_FILE_INVALID
 */
export function deviceFields(file: string, text: string, pending = false): DeviceField {
  const remedy = pending ? JOIN_AGAIN : ANEW;
  const invalid = (problem: string, cause?: unknown) =>
    new AppError('DEVICE_FILE_INVALID', { file, problem, remedy }, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(text.trim() === '' ? 'is empty' : 'is no whole JSON', cause);
  }
  if (!isRecord(value)) throw invalid('holds no fields');
  const { sums } = value;
  return (name) => {
    const found = value[name];
    if (found === undefined) throw invalid(`has no field ${name}`);
    if (typeof found !== 'string' || !wellFormed(name, found))
      throw invalid(`has no well-formed ${name}${hintOf(name)}`);
    const read = canonical(name, found);
    const sum = isRecord(sums) ? sums[name] : undefined;
    if (sums !== undefined && !FREE.has(name) && sum !== sumOf(name, read))
      throw invalid(`has another ${name} than was written there${hintOf(name)}`);
    return read;
  };
}

/** The device's own keys, which must belong together. Throws DEVICE_FILE_INVALID. */
export function keysIn(file: string, at: DeviceField, pending = false) {
  const keys = { secret: at('secret'), privateKey: at('privateKey'), publicKey: at('publicKey') };
  if (publicOf(keys.privateKey) !== keys.publicKey) {
    const problem = 'has a publicKey that does not belong to its privateKey';
    throw new AppError('DEVICE_FILE_INVALID', { file, problem, remedy: pending ? JOIN_AGAIN : ANEW });
  }
  return keys;
}

/** The key of the control plane that was pinned, 32 raw bytes, and its name. Throws DEVICE_FILE_INVALID. */
export function pinnedIn(file: string, at: DeviceField): { keyId: string; publicKey: Uint8Array } {
  const [publicKey, keyId] = [new Uint8Array(Buffer.from(at('signingKey'), 'base64')), at('signingKeyId')];
  const own = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  // Bowline's own names are made from the key; another control plane may have others.
  if (/^[0-9a-f]{16}$/.test(keyId) && keyId !== own) {
    const problem = `has a signingKeyId that does not belong to its signingKey${hintOf('signingKey')}`;
    throw new AppError('DEVICE_FILE_INVALID', { file, problem, remedy: ANEW });
  }
  return { keyId, publicKey };
}

const FORMS: Readonly<Record<string, RegExp>> = {
  secret: /^bwd_[A-Za-z0-9_-]{43}$/,
  signingKey: /^[A-Za-z0-9+/_-]{43}=?$/,
  publicKey: /^[A-Za-z0-9+/]{43}=$/,
  journal: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  pin: /^(?:bwp_[A-Za-z0-9_-]{43}|none)$/,
};

function wellFormed(name: string, value: string): boolean {
  if (value === '' || value.length > 4096) return false;
  if (name === 'control') return URL.canParse(value) && /^https?:/.test(value);
  if (name === 'privateKey') return publicOf(value) !== undefined;
  return FORMS[name]?.test(value) ?? true;
}

/** The key may be written again as people copy it, in base64url. */
const canonical = (name: string, value: string): string =>
  name === 'signingKey' ? Buffer.from(value, 'base64').toString('base64') : value;

/** What can be written there again, since it is no secret. */
const hintOf = (name: string): string =>
  name === 'signingKey'
    ? ' (the key of the control plane, which is no secret: `control.pin` in its home, without `bwp_`, can be written there again)'
    : '';

/** The public half of an Ed25519 key in PKCS #8; undefined for anything else. */
function publicOf(privateKey: string): string | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
    if (key.asymmetricKeyType !== 'ed25519') return undefined;
    const { x } = createPublicKey(key).export({ format: 'jwk' });
    return x === undefined ? undefined : Buffer.from(x, 'base64url').toString('base64');
  } catch {
    return undefined;
  }
}

const sumOf = (name: string, value: string): string =>
  createHash('sha256').update(`${name}\0${value}`).digest('hex').slice(0, 16);
