// Requests that the library could not parse: it calls that an internal error, and it is one of whoever sent them.
import { Code, ConnectError } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { AppError } from '../base/errors.ts';
import { toConnectError } from './errors.ts';

/** How the library begins its words. */
const PREFIX = 'parse binary: ';
const ENCODED_PREFIX = encodeURIComponent(PREFIX);

/** What the library threw for a message that it could not parse, as INVALID_ARGUMENT; undefined for anything else. */
export function unparsed(error: unknown): AppError | undefined {
  if (!(error instanceof ConnectError) || error.code !== Code.Internal) return undefined;
  return error.rawMessage.startsWith(PREFIX) ? notParsed(error) : undefined;
}

/** The same in the trailer of a call whose one message the library parses before anything of ours is asked. */
export function blameSender(trailer: Headers): void {
  // An error of ours has details.
  if (trailer.get('grpc-status') !== String(Code.Internal) || trailer.has('grpc-status-details-bin')) return;
  if (trailer.get('grpc-message')?.startsWith(ENCODED_PREFIX)) setTrailerStatus(trailer, toConnectError(notParsed()));
}

/** A message that is none of its type. */
export const notParsed = (cause?: unknown): AppError =>
  new AppError(
    'INVALID_ARGUMENT',
    { what: 'the message is no protobuf of its type, or a text in it is no UTF-8' },
    { cause },
  );
