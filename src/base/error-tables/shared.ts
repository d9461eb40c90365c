// The errors of every program: arguments, limits, the home, and the contract between two programs.
import { EXIT } from '../status-codes.ts';
import { type ErrorRow, row } from './row.ts';

export const SHARED_ERRORS = {
  // base
  INTERNAL: row('internal', 'an internal error happened; the log of this process has its cause (id {errorId})', {
    bare: 'an internal error happened; the log of the device says why',
  }),
  INVALID_ARGUMENT: row('invalid_argument', '{what}', {
    bare: 'an argument of the call is not valid; look at its parameters',
  }),
  CANCELED: row('canceled', 'canceled'),
  DEADLINE_EXCEEDED: row('deadline_exceeded', 'the deadline passed after {after}', {
    bare: 'the deadline passed before the call was done',
  }),
  LIMIT_EXCEEDED: row('resource_exhausted', '{what} is over the limit of {limit}; raise {setting} if you need more', {
    exit: EXIT.refused,
    bare: 'a limit of the device was reached; its log and docs/limits.md say which; ask for less',
  }),
  RATE_EXCEEDED: row(
    'resource_exhausted',
    '{what} are limited to {limit}; try again in {ms} ms, or raise {rate} in BOWLINE_RATES on every replica',
    { retryable: true, exit: EXIT.failed, bare: 'too many at a time; try again a little later' },
  ),
  OPEN_CALL_TOO_LARGE: row(
    'resource_exhausted',
    '{what} is over {limit} bytes, the fixed limit for calls without a credential',
    { retryable: false, exit: EXIT.refused },
  ),
  CLOSED: row('unavailable', '{what} is closed', { bare: 'what the call needs is closed; try again' }),
  USAGE: row('invalid_argument', '{what}', {
    exit: EXIT.usage,
    bare: 'a command was given something that it does not take',
  }),
  SYSTEM_REFUSED: row('failed_precondition', 'the system refuses it: {problem}', { exit: EXIT.failed }),
  // config and home
  CONFIG_INVALID: row('invalid_argument', '{file}:{line}:{column}: {problem}', {
    exit: EXIT.usage,
    bare: 'a config file is not valid; the log of the program says where',
  }),
  HOME_LOCKED: row(
    'failed_precondition',
    'the home {home} is in use by another {program} (pid {pid}); stop it first or use another --home',
  ),
  HOME_UNUSABLE: row('failed_precondition', 'the home {home} cannot be used: {problem}'),
  HOME_FILE_DAMAGED: row('failed_precondition', 'the file {file} {problem}. {remedy}', {
    bare: 'a file in the home of the device is damaged; its log says which',
  }),
  PORT_TAKEN: row(
    'failed_precondition',
    'port {port} on {host} is taken; stop the program that listens there, or choose another port with --port',
  ),
  LISTEN_FAILED: row('failed_precondition', 'cannot listen on {host} port {port}: {problem}'),
  TLS_UNUSABLE: row('failed_precondition', 'the certificate of the listener cannot be used: {problem}'),
  INSECURE_LISTEN: row(
    'failed_precondition',
    'refusing to listen on {host} without TLS; set BOWLINE_TLS_CERT and BOWLINE_TLS_KEY, or listen on 127.0.0.1 behind a TLS proxy or tunnel',
  ),
  MEMORY_TOO_SMALL: row(
    'failed_precondition',
    'this machine has {have} MB of memory, and the control plane with its workers needs {need} MB. Run `bowline control` and `bowline worker` on a larger machine, make a token there with `bowline devices join-token`, and run only `bowline edge --join` here',
  ),
  EDGE_FAILED: row('internal', 'the edge ended ({why}); its log is {log}'),
  WORKER_FAILED: row('internal', 'the worker ended ({why}); its log is {log}'),
  NOT_RUNNING: row('unavailable', 'nothing answers at {where}; is `bowline up` running with the home {home}?'),
  STARTING: row('unavailable', 'Bowline is starting with the home {home}: {wait}'),
  HOME_EMPTY: row(
    'failed_precondition',
    'nothing was started yet with the home {home}; try `bowline up --allow ~/notes`',
  ),
  EDGE_CONNECTING: row('unavailable', 'the edge is just connecting to {control}; look again in a moment'),
  WORKER_NOT_RUNNING: row('unavailable', 'no worker runs with the home {home}; start one with `bowline worker`'),
  WORKER_OFFLINE: row(
    'unavailable',
    'the worker {worker} is not connected to {control}; `bowline logs worker` says why. It tries again by itself',
  ),
  OWNER_KEY_MISSING: row(
    'failed_precondition',
    'there is no owner key in {file}; copy owner.key from the home of the control plane, or set BOWLINE_OWNER_KEY_FILE to its path',
    { exit: EXIT.failed },
  ),
  // contract
  METHOD_UNKNOWN: row('unimplemented', 'there is no capability method {method}; these are known here: {known}', {
    exit: EXIT.usage,
  }),
  VERSION_UNSUPPORTED: row(
    'failed_precondition',
    'the two sides have no session version in common: the other side speaks {theirs}, this side {ours}; upgrade the older one',
  ),
  FRAME_OUT_OF_ORDER: row('invalid_argument', 'a frame came out of order: expected number {expected}, got {got}'),
  DEVICE_OFFLINE: row('unavailable', 'the device {device} is not connected; start its edge, or wait until it is back', {
    bare: 'the device is not connected; start its edge, or wait until it is back',
  }),
  DEVICE_LACKS_METHOD: row(
    'unimplemented',
    'the device {device} does not serve {method}; its owner has not allowed it',
    { bare: 'the device does not serve this method; its owner has not allowed it' },
  ),
  REQUEST_ID_REUSED: row(
    'already_exists',
    'the request id {id} was used for another request; a new request needs a new id',
  ),
  WORKER_KEY_REVOKED: row(
    'unauthenticated',
    'the key of this worker was revoked; create another one with `bowline workers create-key NAME --package llm`',
  ),
  REPLICA_LEAVING: row('unavailable', 'this replica of the control plane is shutting down; connect again'),
  NO_WORKER: row('unavailable', '{why}', {
    bare: 'no worker is connected that could do this; see `bowline workers ls`',
  }),
  BUDGET_EXCEEDED: row(
    'resource_exhausted',
    'the budget {budget} ({of}) has {left} of {limit} left, and this may need {needs}; it begins anew at {until} UTC, and `bowline budgets set {budget} --limit MORE` (or `--tokens MORE`) changes it',
    { bare: 'a budget has no room for this; see `bowline budgets ls`' },
  ),
  BUDGET_LOW: row(
    'resource_exhausted',
    'the budget {budget} ({of}) has {left} of {limit} left until {until} UTC; `bowline budgets set {budget} --limit MORE` (or `--tokens MORE`) changes it',
    { bare: 'little is left of a budget; see `bowline budgets ls`' },
  ),
  ASK_COST_MET: row(
    'resource_exhausted',
    'this ask may cost {limit}, of which {spent} is spent or under way, and what comes next may need {needs}; ask again with a larger `--max-cost`',
  ),
  TIER_UNKNOWN: row('invalid_argument', 'the routing rules have no tier `{tier}`; known: {known}'),
  ROUTES_MISSING: row(
    'failed_precondition',
    'there are no routing rules, so there is no better tier; an operator writes them into routes.yaml of the control plane (see docs/routes.md)',
  ),
  PRICE_ROSE: row(
    'failed_precondition',
    'the prices of the worker {worker} rose after room was made in the budgets; ask again',
  ),
  CONVERSATION_BUSY: row(
    'failed_precondition',
    'the run {run} of this conversation is still at work; wait for it, or cancel it first',
  ),
  HELLO_PACED: row(
    'resource_exhausted',
    'many devices are connecting to this replica at the same time; connect again in {ms} ms',
    { retryable: true, exit: EXIT.failed },
  ),
  SESSION_RACED: row('aborted', 'another session of this device began at the same moment; connect again'),
  PEER_SILENT: row('unavailable', '{peer} was silent for {ms} ms, so the session was ended'),
  TOOL_CALL_FORGED: row('permission_denied', 'the tool call is not signed by the pinned key of the control plane'),
  // cli
  NOTHING_TO_DO: row('failed_precondition', 'nothing to do: {what}', { bare: 'nothing to do' }),
  NO_ANSWER: row('deadline_exceeded', 'no answer came from {where} within {after}: {problem}'),
  CONNECTION_LOST: row('unavailable', 'the connection to {where} was lost: {problem}'),
} as const satisfies Record<string, ErrorRow>;
