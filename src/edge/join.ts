// How a box becomes a device: reads the join line, makes the keys first, then calls Join. Repeating it is harmless.
import { hostname } from 'node:os';
import type { Readable } from 'node:stream';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { EnrollmentService } from '../../gen/bowline/edge/v1/enrollment_pb.ts';
import { controlUrl, sameControl } from '../base/control-url.ts';
import { AppError } from '../base/errors.ts';
import { toAppError } from '../contract/errors.ts';
import {
  type Identity,
  newDeviceKeys,
  readIdentity,
  readPendingJoin,
  secretHash,
  writeIdentity,
  writePendingJoin,
} from './identity.ts';

/** What a join line says. It holds a secret: never log or print it. */
export interface JoinLine {
  readonly url: string;
  readonly token: string;
  readonly name?: string;
}

const MAX_LINE = 4096;
const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Reads one line: `URL TOKEN [NAME]` or JSON. Throws JOIN_LINE_INVALID without repeating any of it. */
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
  if (name === undefined) return { url: controlUrl(url), token };
  return { url: controlUrl(url), token, name: deviceName(String(name)) };
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
  const name = host
    .toLowerCase()
    .split('.')[0]!
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 64)
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'edge' : name;
}

/**
 * Redeems the token. The keys are on the disk before Join is called, so that a repeat after any cut presents the same ones.
 * Throws ALREADY_JOINED, JOIN_TOKEN_INVALID, DEVICE_NAME_TAKEN, CONTROL_UNREACHABLE.
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
  if (known) {
    if (sameControl(known.control, line.url)) return known;
    throw new AppError('ALREADY_JOINED', { home: options.home, name: known.name, control: known.control });
  }
  // Keys that another control plane may know are never shown to this one.
  const pending = await readPendingJoin(file);
  const again = pending !== undefined && sameControl(pending.control, line.url);
  const keys = again ? pending.keys : newDeviceKeys();
  if (!again) await writePendingJoin(file, { control: line.url, keys });
  const answer = await callJoin(
    line,
    {
      token: line.token,
      name: options.name ?? line.name ?? defaultDeviceName(),
      publicKey: Buffer.from(keys.publicKey, 'base64'),
      secretHash: secretHash(keys),
    },
    options.timeoutMs ?? 20_000,
  );
  const { device, tenant, name, signingKey } = answer;
  if (device === '' || signingKey?.publicKey.length !== 32) {
    throw new AppError('FRAME_MALFORMED', { problem: 'Join answered without a device or a signing key' });
  }
  const identity = { device, tenant, name, control: line.url, keys, signingKey };
  await writeIdentity(file, identity);
  return identity;
}

async function callJoin(
  line: JoinLine,
  request: { token: string; name: string; publicKey: Uint8Array; secretHash: Uint8Array },
  timeoutMs: number,
) {
  const transport = createGrpcTransport({ baseUrl: line.url, idleConnectionTimeoutMs: 1000 });
  try {
    return await createClient(EnrollmentService, transport).join(request, { timeoutMs });
  } catch (error) {
    const known = toAppError(error);
    if (known.code !== 'unavailable' && known.code !== 'deadline_exceeded') throw known;
    throw new AppError('CONTROL_UNREACHABLE', { control: line.url, problem: known.message }, { cause: error });
  }
}
