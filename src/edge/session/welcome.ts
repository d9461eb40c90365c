// Judges the first frame of the control plane before anything but Hello is sent to it.
import { timingSafeEqual } from 'node:crypto';
import { type Welcome, WelcomeSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { AppError } from '../../base/errors.ts';
import { check } from '../../contract/check.ts';
import { SESSION_VERSIONS } from '../../contract/versions.ts';
import type { Identity } from '../identity/identity.ts';

/** Throws SIGNING_KEY_CHANGED, VERSION_UNSUPPORTED, FRAME_MALFORMED. */
export function checkWelcome(welcome: Welcome, identity: Identity): void {
  try {
    check(WelcomeSchema, welcome);
  } catch (cause) {
    throw new AppError('FRAME_MALFORMED', { problem: cause instanceof Error ? cause.message : 'Welcome' }, { cause });
  }
  const { min, max } = SESSION_VERSIONS;
  if (welcome.version < min || welcome.version > max) {
    throw new AppError('VERSION_UNSUPPORTED', { theirs: welcome.version, ours: `${min}-${max}` });
  }
  const pinned = identity.signingKey;
  const key = welcome.signingKey;
  const same =
    key?.keyId === pinned.keyId &&
    key.publicKey.length === pinned.publicKey.length &&
    timingSafeEqual(key.publicKey, pinned.publicKey);
  if (!same) throw new AppError('SIGNING_KEY_CHANGED', { control: identity.control });
}
