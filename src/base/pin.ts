// The pin of a control plane: its public key in a form that people copy, `bwp_` and 32 bytes in base64url. It is no secret, but
// whoever can change it decides whom a program trusts. Keys and join tokens carry it behind a dot, without the `bwp_`.

const LETTERS = /^[A-Za-z0-9_-]{43}$/;
const PREFIX = 'bwp_';

const letters = (publicKey: Uint8Array): string => Buffer.from(publicKey).toString('base64url');

const bytes = (text: string): Uint8Array | undefined =>
  LETTERS.test(text) ? new Uint8Array(Buffer.from(text, 'base64url')) : undefined;

/** The pin of a raw Ed25519 public key. */
export const pinText = (publicKey: Uint8Array): string => `${PREFIX}${letters(publicKey)}`;

/** The 32 raw bytes; undefined for anything that is no pin. */
export const parsePin = (text: string): Uint8Array | undefined =>
  text.startsWith(PREFIX) ? bytes(text.slice(PREFIX.length)) : undefined;

/** A key or token that says for which control plane it is. */
export const withPin = (key: string, publicKey: Uint8Array): string => `${key}.${letters(publicKey)}`;

/** The key or token that is shown to the control plane, and the pin behind it, if it has one. */
export function splitKey(text: string): { readonly key: string; readonly pin: Uint8Array | undefined } {
  const [key = '', pin = ''] = text.trim().split('.', 2);
  return { key, pin: bytes(pin) };
}

/** The key alone, whatever stands behind it. */
export const bareKey = (text: string): string => splitKey(text).key;
