// The entry of config.yaml that names a model on this box, for sensitive conversations.
import * as v from 'valibot';
import { secretNamed } from '../../base/secret-files.ts';

export interface LocalModelEntry {
  /** `http://` with an address of this machine itself, and the path of its API. */
  readonly url: string;
  /** As the server calls it. */
  readonly model: string;
  /** The handle of the secret that is its key; undefined: it wants none. */
  readonly key?: string | undefined;
}

/** Addresses of this machine alone. A name would have to be looked up, and could be somewhere else tomorrow. */
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/** Whether a model there is one of this box. */
export function isOnThisBox(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(url);
  return protocol === 'http:' && LOOPBACK.test(hostname) && `${username}${password}${search}${hash}` === '';
}

export const localModelEntry = v.strictObject({
  url: v.pipe(
    v.string(),
    v.maxLength(256),
    v.check(
      isOnThisBox,
      'must be http:// with an address of this box, 127.0.0.1 or [::1], like http://127.0.0.1:8080/v1',
    ),
  ),
  model: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  // Without a default: one would have to be a handle, too.
  key: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => secretNamed(text) !== undefined, 'use `secret://NAME`'),
    ),
  ),
});
