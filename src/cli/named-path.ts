// A refusal of a path by a device tells nothing of it. Here the caller's own path is named again, and what this box allows.
import type { JsonValue } from '@bufbuild/protobuf';
import { AppError } from '../base/errors.ts';
import { isRecord } from '../base/is-record.ts';
import { toAppError } from '../contract/errors.ts';
import { type GlobalOptions, localSide, using } from './client.ts';
import { statusOf } from './closing.ts';
import type { CliIo } from './io.ts';

/** The error with the path of the request that it refuses; any other as it is. @param device as it was typed; undefined: the only one */
export async function namingPath(
  error: unknown,
  io: CliIo,
  {
    request,
    device,
    ...options
  }: GlobalOptions & { readonly request: JsonValue; readonly device?: string | undefined },
): Promise<unknown> {
  const known = toAppError(error);
  const path = isRecord(request) ? request.path : undefined;
  if (known.reason !== 'PATH_NOT_ALLOWED' || typeof path !== 'string' || path === '') return error;
  const allowed = await allowedHere(io, options, device);
  const message = `"${path}": ${known.message}${allowed.length > 0 ? `. Allowed on this box: ${allowed.join(', ')}` : ''}`;
  return new AppError('PATH_NOT_ALLOWED', known.metadata, { cause: error, message });
}

/** Folders that the edge of this home lets be read; none when it is not the one that was called. */
async function allowedHere(io: CliIo, options: GlobalOptions, device: string | undefined): Promise<string[]> {
  try {
    const status = await using(localSide(io, options), statusOf);
    if (device !== undefined && device !== status.device && device !== status.deviceName) return [];
    return status.roots;
  } catch {
    return [];
  }
}
