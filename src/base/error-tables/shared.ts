// The errors of every program: arguments, limits, the home, and the contract between two programs.
import { EXIT } from '../status-codes.ts';
import { type Row, row } from './row.ts';

export const SHARED_ERRORS = {
  // base
  INTERNAL: row('internal', 'an internal error happened; the log of this process has its cause (id {errorId})'),
  INVALID_ARGUMENT: row('invalid_argument', '{what}'),
  CANCELED: row('canceled', 'canceled'),
  DEADLINE_EXCEEDED: row('deadline_exceeded', 'the deadline passed after {after}'),
  LIMIT_EXCEEDED: row('resource_exhausted', '{what} is over the limit of {limit}; raise {setting} if this is right', {
    exit: EXIT.refused,
  }),
  OPEN_CALL_TOO_LARGE: row(
    'resource_exhausted',
    '{what} is over {limit} bytes, the fixed limit of calls that need no credential',
    { retryable: false, exit: EXIT.refused },
  ),
  CLOSED: row('unavailable', '{what} is closed'),
  USAGE: row('invalid_argument', '{what}', { exit: EXIT.usage }),
  // config and home
  CONFIG_INVALID: row('invalid_argument', '{file}:{line}:{column}: {problem}', { exit: EXIT.usage }),
  HOME_LOCKED: row(
    'failed_precondition',
    'the home {home} is in use by another {program} (pid {pid}); stop it first or use another --home',
  ),
  HOME_UNUSABLE: row('failed_precondition', 'the home {home} cannot be used: {problem}'),
  HOME_FILE_DAMAGED: row('failed_precondition', 'the file {file} {problem}. {remedy}'),
  PORT_TAKEN: row(
    'failed_precondition',
    'port {port} on {host} is taken; stop what listens there or choose another with --port',
  ),
  LISTEN_FAILED: row('failed_precondition', 'cannot listen on {host} port {port}: {problem}'),
  TLS_UNUSABLE: row('failed_precondition', 'the certificate of the listener cannot be used: {problem}'),
  INSECURE_LISTEN: row(
    'failed_precondition',
    'refusing to listen on {host} without TLS; listen on 127.0.0.1 and put a TLS proxy or tunnel in front',
  ),
  MEMORY_TOO_SMALL: row(
    'failed_precondition',
    'this machine has {have} MB of memory, and the control plane with its workers needs {need} MB. Run `bowline control` and `bowline worker` on a larger machine, make a token there with `bowline devices join-token`, and run only `bowline edge --join` here',
  ),
  EDGE_FAILED: row('internal', 'the edge ended ({why}); its log is {log}'),
  WORKER_FAILED: row('internal', 'the worker ended ({why}); its log is {log}'),
  NOT_RUNNING: row('unavailable', 'nothing answers at {where}; is `bowline up` running with the home {home}?'),
  OWNER_KEY_MISSING: row(
    'failed_precondition',
    'there is no {file}; copy owner.key from the home of the control plane, or name it in BOWLINE_OWNER_KEY_FILE',
    { exit: EXIT.failed },
  ),
  // contract
  METHOD_UNKNOWN: row('unimplemented', 'no capability method is called {method}; known here: {known}', {
    exit: EXIT.usage,
  }),
  VERSION_UNSUPPORTED: row(
    'failed_precondition',
    'no common session version: the other side speaks {theirs}, this side {ours}; upgrade the older one',
  ),
  FRAME_OUT_OF_ORDER: row('invalid_argument', 'a frame came out of order: expected number {expected}, got {got}'),
  DEVICE_OFFLINE: row('unavailable', 'the device {device} is not connected; start its edge, or wait until it is back'),
  DEVICE_LACKS_METHOD: row(
    'unimplemented',
    'the device {device} does not serve {method}; its owner has not allowed it',
  ),
  WORKER_KEY_REVOKED: row(
    'unauthenticated',
    'the key of this worker was revoked; make another with `bowline workers create-key`',
  ),
  REPLICA_LEAVING: row('unavailable', 'this replica of the control plane is leaving; connect again'),
  NO_WORKER: row('unavailable', '{why}'),
  CONVERSATION_BUSY: row('failed_precondition', 'the run {run} of this conversation is at work; cancel it first'),
  HELLO_PACED: row(
    'resource_exhausted',
    'many connect to this replica at once, and it takes them one after the other; connect again in {ms} ms',
    { retryable: true, exit: EXIT.failed },
  ),
  SESSION_RACED: row('aborted', 'another session of this device began at the same moment; connect again'),
  PEER_SILENT: row('unavailable', 'nothing was heard from {peer} for {ms} ms; the session is ended'),
  TOOL_CALL_FORGED: row('permission_denied', 'the tool call is not signed by the pinned key of the control plane'),
  // cli
  CONNECTION_LOST: row('unavailable', 'the connection to {where} was lost: {problem}'),
} as const satisfies Record<string, Row>;
