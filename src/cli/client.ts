// Clients of the two public APIs: the edge's on its unix socket, the control plane's on its port, both with the owner's
// key. Errors of calls come out as AppError; nothing is retried here.
import type { DescService } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import type { Condition } from '../../gen/bowline/common/v1/common_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { controlAddress, knownPins } from '../base/control-address.ts';
import { AppError, type Reason } from '../base/errors.ts';
import { type HomePaths, homeFolder, homePaths } from '../base/home.ts';
import { notRunning } from '../base/is-starting.ts';
import { splitKey } from '../base/pin.ts';
import { readPrivate } from '../base/private-file.ts';
import { dialProven } from '../contract/channel/dial.ts';
import { dialHomeSocket } from '../contract/channel/home-socket.ts';
import { whyOf } from '../contract/condition.ts';
import { brokenText, fromConnectError } from '../contract/errors.ts';
import { H2Sessions } from '../contract/h2-sessions.ts';
import { measuredTransport } from '../contract/measured-transport.ts';
import type { CliIo } from './io.ts';
import { keepingSensitive } from './stays-here.ts';
import { toldCalls } from './told-calls.ts';

/** Largest message that is taken: an answer of 4 MiB and what belongs to it. */
const MAX_MESSAGE_BYTES = 32 << 20;

/** What every verb may be given. */
export interface GlobalOptions {
  home?: string;
  control?: string;
}

/** One side to call. Close it, or the process stays alive. */
export interface Side {
  readonly transport: Transport;
  /** Where it is, for people. */
  readonly where: string;
  client<S extends DescService>(service: S): Client<S>;
  close(): void;
}

/** The home of this call, absolute. */
export const homeOf = (io: CliIo, options: GlobalOptions) => homePaths(homeFolder(options.home, io.env));

/** The edge of this home. Calls throw NOT_RUNNING when it does not answer, and OWNER_KEY_MISSING when it does and the home has no key. */
export function localSide(io: CliIo, options: GlobalOptions): Side {
  const paths = homeOf(io, options);
  const { key } = ownerKey(io, paths);
  const sessionManager = new H2Sessions('http://localhost', { dial: () => dialHomeSocket(paths.socket) });
  return side({
    io,
    baseUrl: 'http://localhost',
    sessionManager,
    key,
    where: paths.socket,
    paths,
    isElsewhere: false,
    conditions: (raw, timeoutMs) => createClient(LocalService, raw).getStatus({}, { timeoutMs }),
    blockers: ['DISK_FULL', 'JOURNAL_FULL'],
  });
}

/** The control plane. Errors as localSide, and USAGE, INSECURE_CONTROL for a bad URL. */
export function controlSide(io: CliIo, options: GlobalOptions): Side {
  const paths = homeOf(io, options);
  const url = controlAddress({ flag: options.control, env: io.env, paths, joined: true });
  const { key, pin } = ownerKey(io, paths);
  const pins = pin ? [pin] : knownPins(paths);
  const remedy = `If its owner gave it a new key on purpose, copy control.pin from the home of the control plane to ${paths.controlPin}`;
  const sessionManager = new H2Sessions(url, { dial: (signal) => dialProven(url, { pins, remedy }, signal) });
  const open = side({
    io,
    baseUrl: url,
    sessionManager,
    key,
    where: url,
    paths,
    isElsewhere: Boolean(options.control || io.env.BOWLINE_CONTROL),
    conditions: (raw, timeoutMs) => createClient(StatusService, raw).getStatus({}, { timeoutMs }),
    blockers: ['CONTROL_DISK_FULL', 'DATABASE_AWAY'],
  });
  const transport = keepingSensitive(open.transport);
  return { ...open, transport, client: (service) => createClient(service, transport) };
}

/** Whether nobody was there to answer, or not to the end: it is no word of the other side. */
export const isAway = (error: unknown): boolean =>
  isAbsent(error) || (error instanceof AppError && AWAY.has(error.reason));

const AWAY: ReadonlySet<string> = new Set(['CONNECTION_LOST', 'CONTROL_SILENT']);

/** Whether nobody listens there, or not yet. */
export const isAbsent = (error: unknown): boolean => error instanceof AppError && NOBODY.has(error.reason);

const NOBODY: ReadonlySet<string> = new Set(['NOT_RUNNING', 'STARTING']);

/** Whether the other side went away in the middle, or was stopped: it may come back. */
export const isCutOff = (error: unknown): boolean => error instanceof AppError && CUT_OFF.has(error.reason);

const CUT_OFF: ReadonlySet<string> = new Set(['CONNECTION_LOST', 'EDGE_STOPPING', 'CLOSED']);

/** Opens a side, runs, and closes it whatever happens. */
export async function using<T>(open: Side | (() => Side), run: (side: Side) => Promise<T>): Promise<T> {
  // That there is no side is a rejection like any other where it is opened here.
  const opened = typeof open === 'function' ? open() : open;
  try {
    return await run(opened);
  } finally {
    opened.close();
  }
}

interface SideParts {
  readonly io: CliIo;
  readonly baseUrl: string;
  readonly sessionManager: H2Sessions;
  /** None: whoever answers is asked without one, so that it is known whether anyone does. */
  readonly key: string | undefined;
  readonly where: string;
  readonly paths: HomePaths;
  /** Whether it was named, and need not be what this home runs. */
  readonly isElsewhere: boolean;
  readonly conditions: (raw: Transport, timeoutMs: number) => Promise<{ readonly conditions: Condition[] }>;
  /** Of those, what keeps it from answering anything. */
  readonly blockers: readonly Reason[];
}

function side({ io, baseUrl, sessionManager, key, where, paths, isElsewhere, conditions, blockers }: SideParts): Side {
  const authorize: Interceptor = (next) => (request) => {
    if (key !== undefined) request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
  const grpc = measuredTransport({
    baseUrl,
    sessionManager,
    interceptors: [authorize],
    readMaxBytes: MAX_MESSAGE_BYTES,
  });
  const look = async (timeoutMs: number) => {
    const all = await conditions(grpc, timeoutMs);
    return all.conditions.map(whyOf).find((why) => blockers.some((each) => each === why?.reason));
  };
  const transport = translating(toldCalls(grpc, { io, where, look }), (error) => {
    const told = clientError(error, where, () =>
      isElsewhere
        ? new AppError('NOT_RUNNING', { where, home: paths.home }, { cause: error })
        : notRunning(paths, where, error),
    );
    return key === undefined ? withoutKey(told, paths.ownerKey) : told;
  });
  return {
    transport,
    where,
    client: (service) => createClient(service, transport),
    close: () => sessionManager.abort(),
  };
}

/** The same transport with errors of ours. (An interceptor cannot do it: what it throws is wrapped again.) */
export function translating(transport: Transport, translate: (error: unknown) => unknown): Transport {
  return {
    unary: (...call) =>
      transport.unary(...call).catch((error: unknown) => {
        throw translate(error);
      }),
    stream: async (...call) => {
      try {
        const response = await transport.stream(...call);
        return { ...response, message: translated(response.message, translate) };
      } catch (error) {
        throw translate(error);
      }
    },
  };
}

async function* translated<T>(messages: AsyncIterable<T>, translate: (error: unknown) => unknown): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw translate(error);
  }
}

/** Nobody listens there: NOT_RUNNING, or STARTING. The connection broke: CONNECTION_LOST. An answer of the other side: as it came. */
function clientError(error: unknown, where: string, absent: () => AppError): unknown {
  if (error instanceof AppError) return error;
  const e = ConnectError.from(error);
  const errno = (e.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (ABSENT.has(errno)) return absent();
  const answered = e.findDetails(ErrorInfoSchema).length > 0;
  if (!answered && BROKEN.has(e.code)) {
    const problem = STREAM_CLOSED.test(e.rawMessage) ? 'it was closed in the middle' : brokenText(e.rawMessage);
    return new AppError('CONNECTION_LOST', { where, problem }, { cause: error });
  }
  const size = answered ? null : TOO_LARGE.exec(e.rawMessage);
  if (size) {
    const what = `a message of ${size[1]} bytes`;
    const setting = 'BOWLINE_MAX_FRAME_BYTES of the control plane';
    return new AppError('LIMIT_EXCEEDED', { what, limit: `${size[2]} bytes`, setting }, { cause: error });
  }
  return fromConnectError(e);
}

/** What a side that wants a key says to one who has none, nor the pin that stands behind it. */
const withoutKey = (error: unknown, file: string): unknown =>
  error instanceof AppError && (error.reason === 'UNAUTHENTICATED' || error.reason === 'CONTROL_PIN_MISSING')
    ? new AppError('OWNER_KEY_MISSING', { file })
    : error;

/** How the library of the other side says that a message is too large; it says so before anything of ours is asked. */
const TOO_LARGE = /^message size (\d+) is larger than configured readMaxBytes (\d+)$/;

const ABSENT = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']);

const STREAM_CLOSED = /^http\/2 stream closed with error code /;

/** How a cut connection shows, without a word of the other side. */
const BROKEN = new Set([Code.Internal, Code.Unavailable, Code.Aborted, Code.Canceled, Code.Unknown]);

/** The owner's key, and the pin that stands behind it in its file; neither where the home has none. */
function ownerKey(io: CliIo, paths: HomePaths): Partial<ReturnType<typeof splitKey>> {
  const file = io.env.BOWLINE_OWNER_KEY_FILE || paths.ownerKey;
  const text = readPrivate(file, { link: true, ours: true, shared: file !== paths.ownerKey });
  if (text === undefined) {
    if (file === paths.ownerKey) return {};
    throw new AppError('SECRET_FILE_UNSAFE', { file, problem: 'is not there' });
  }
  const found = splitKey(text);
  if (/^[\x21-\x7e]{8,512}$/.test(found.key)) return found;
  throw new AppError('SECRET_FILE_UNSAFE', { file, problem: 'holds no key' });
}
