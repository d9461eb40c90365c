// How a box becomes a device: reads the join line, makes the keys first, then calls Join. Repeating it is harmless.

import { hostname } from 'node:os';
import type { Readable } from 'node:stream';
import { createClient } from '@connectrpc/connect';
import { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { controlUrl, sameControl } from '../../base/control-address.ts';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { readPin } from '../../base/home-files.ts';
import { splitKey } from '../../base/pin.ts';
import { trimSigns } from '../../base/trim-signs.ts';
import { dialProven } from '../../contract/channel/dial.ts';
import { toAppError } from '../../contract/errors.ts';
import { H2Sessions } from '../../contract/h2-sessions.ts';
import { measuredTransport } from '../../contract/measured-transport.ts';
import {
  type Identity,
  newDeviceKeys,
  readIdentity,
  readPendingJoin,
  secretSha256,
  writeIdentity,
  writePendingJoin,
} from './identity.ts';

/** What a join line says. It holds a secret: never log or print it. */
export interface JoinLine {
  readonly url: string;
  readonly token: string;
  readonly name?: string;
  /** Raw public key of the control plane; without it the token is shown to nobody. */
  readonly pin?: Uint8Array;
}

/** What to do when the control plane has another key than the one that is known. */
export const REJOIN =
  'If its owner gave it a new key on purpose, make a join line there with `bowline devices join-token` and start the edge with --join';

const MAX_LINE = 4096;
const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Reads one line: `URL TOKEN [NAME]` or JSON; the token has the pin of the control plane behind it. Throws JOIN_LINE_INVALID without repeating any of it. */
export function parseJoinLine(line: string): JoinLine {
  const text = line.trim();
  let parts: unknown[];
  if (text.startsWith('{')) {
    try {
      const { url, token, name } = JSON.parse(text) as Record<string, unknown>;
      parts = [url, token, ...(name === undefined ? [] : [name])];
    } catch {
      throw new AppError('JOIN_LINE_INVALID', { problem: 'is not JSON' });
    }
  } else parts = text === '' ? [] : text.split(/\s+/);
  const [url, token, name, ...more] = parts;
  if (typeof url !== 'string' || typeof token !== 'string' || more.length > 0) {
    throw new AppError('JOIN_LINE_INVALID', { problem: 'needs a URL and a token' });
  }
  if (!/^[\x21-\x7e]{8,128}$/.test(token)) throw new AppError('JOIN_LINE_INVALID', { problem: 'has no valid token' });
  const { key, pin } = splitKey(token);
  return {
    url: controlUrl(url),
    token: key,
    ...(name === undefined ? {} : { name: deviceName(String(name)) }),
    ...(pin ? { pin } : {}),
  };
}

/** Reads the first line of `input`, at most 4 KiB, and leaves it open. A person is asked first, on `prompt`. */
export function readJoinLine(input: Readable & { isTTY?: boolean }, prompt: NodeJS.WritableStream): Promise<string> {
  if (input.isTTY) prompt.write('join line (URL TOKEN [NAME]): ');
  input.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = () => {
      input.off('data', more).off('end', finish).off('error', reject).pause();
      const line = text.split('\n')[0] ?? '';
      if (line.length <= MAX_LINE) resolve(line);
      else reject(new AppError('JOIN_LINE_INVALID', { problem: 'is too long' }));
    };
    const more = (piece: string) => {
      text += piece;
      if (text.includes('\n') || text.length > MAX_LINE) finish();
    };
    input.on('data', more).on('end', finish).on('error', reject);
  });
}

/** A valid device name, or INVALID_ARGUMENT. */
export function deviceName(name: string): string {
  if (name.length <= 64 && NAME.test(name)) return name;
  throw new AppError('USAGE', {
    what: 'a device name has 1 to 64 of a-z, 0-9 and -, and neither begins nor ends with -',
  });
}

/** The name of this machine as a device name. */
export function defaultDeviceName(host = hostname()): string {
  const plain = host
    .toLowerCase()
    .split('.')[0]!
    .replace(/[^a-z0-9]+/g, '-');
  const name = trimSigns(plain.slice(0, 64), '-');
  return name === '' ? 'edge' : name;
}

/**
 * Redeems the token. The keys are on the disk before Join is called, so that a repeat after any cut presents the same ones.
 * A home whose control plane has another key than it had joins anew. Throws ALREADY_JOINED, JOIN_LINE_INVALID,
 * JOIN_TOKEN_INVALID, DEVICE_NAME_TAKEN, CONTROL_UNREACHABLE, CONTROL_UNPROVEN.
 */
export async function join(options: {
  file: string;
  home: string;
  line: JoinLine;
  name?: string | undefined;
  timeoutMs?: number;
}): Promise<Identity> {
  const { file, line } = options;
  const known = await readIdentity(file);
  // A control plane of this very home needs no other word.
  const pin = line.pin ?? readPin(homePaths(options.home).controlPin) ?? known?.signingKey.publicKey;
  if (!pin) throw new AppError('JOIN_LINE_INVALID', { problem: 'has no pin, so its token would be shown to anybody' });
  if (known && !sameControl(known.control, line.url)) {
    throw new AppError('ALREADY_JOINED', { home: options.home, name: known.name, control: known.control });
  }
  if (known && same(known.signingKey.publicKey, pin)) return known;
  // Keys that another control plane may know are never shown to this one.
  const pending = await readPendingJoin(file);
  const again = pending !== undefined && sameControl(pending.control, line.url) && same(pending.pin, pin);
  const keys = again ? pending.keys : newDeviceKeys();
  if (!again) await writePendingJoin(file, { control: line.url, pin, keys });
  const answer = await callJoin(
    line.url,
    pin,
    {
      token: line.token,
      name: options.name ?? line.name ?? defaultDeviceName(),
      publicKey: Buffer.from(keys.publicKey, 'base64'),
      secretSha256: secretSha256(keys),
    },
    options.timeoutMs ?? 20_000,
  );
  const { device, tenant, name, signingKey } = answer;
  if (device === '' || signingKey?.publicKey.length !== 32) {
    throw new AppError('FRAME_MALFORMED', { problem: 'Join answered without a device or a signing key' });
  }
  if (!same(signingKey.publicKey, pin)) throw new AppError('SIGNING_KEY_CHANGED', { control: line.url });
  const identity = { device, tenant, name, control: line.url, keys, signingKey };
  await writeIdentity(file, identity);
  return identity;
}

const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;

/** The answer holds keys and names. */
const MAX_ANSWER_BYTES = 64 << 10;

async function callJoin(
  control: string,
  pin: Uint8Array,
  request: { token: string; name: string; publicKey: Uint8Array; secretSha256: Uint8Array },
  timeoutMs: number,
) {
  const dial = (signal: AbortSignal) => dialProven(control, { pins: [pin], remedy: REJOIN }, signal);
  const sessionManager = new H2Sessions(control, { dial });
  const transport = measuredTransport({ baseUrl: control, sessionManager, readMaxBytes: MAX_ANSWER_BYTES });
  try {
    return await createClient(EnrollmentService, transport).join(request, { timeoutMs });
  } catch (error) {
    const known = toAppError(error);
    const passing = known.code === 'unavailable' || known.code === 'aborted' || known.code === 'deadline_exceeded';
    if (!passing || known.reason === 'CONTROL_UNPROVEN') throw known;
    throw new AppError('CONTROL_UNREACHABLE', { control, problem: known.message }, { cause: error });
  } finally {
    sessionManager.abort();
  }
}
