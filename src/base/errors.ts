// The one error type of Bowline and the table of every reason. Translated once, at each program's edge; never builds
// wire messages itself.

/** gRPC status names in the spelling of Connect. */
export type Code =
  | 'canceled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** Exit codes of every verb. */
export const EXIT = {
  answered: 0,
  usage: 2,
  approval: 3,
  queued: 4,
  refused: 5,
  failed: 6,
  timedOut: 7,
  /** Some of what was asked for was done; the rest is named. */
  partial: 8,
} as const;

interface Row {
  readonly code: Code;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** Public text: what, where, what to do. `{key}` is replaced from the metadata. */
  readonly message: string;
  /** Exit code when it ends a verb; by default derived from the code. */
  readonly exit?: number;
}

const row = (code: Code, message: string, more: { retryable?: boolean; exit?: number } = {}): Row => ({
  code,
  message,
  retryable: more.retryable ?? (code === 'unavailable' || code === 'aborted'),
  ...(more.exit === undefined ? {} : { exit: more.exit }),
});

/** Every reason that Bowline gives. The key is the `reason` of `google.rpc.ErrorInfo`; the domain is `bowline`. */
export const ERRORS = {
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
  // identity
  UNAUTHENTICATED: row(
    'unauthenticated',
    'no valid credential; pass "authorization: Bearer <key>" (the owner key is in {hint})',
    {
      exit: EXIT.refused,
    },
  ),
  PERMISSION_DENIED: row('permission_denied', 'this credential may not do that: {what}'),
  NOT_FOUND: row('not_found', 'no such {kind} here', { exit: EXIT.failed }),
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
  // identity: keys, enrolment, workers
  DEVICE_SUSPENDED: row(
    'permission_denied',
    'the device {device} is suspended: {why}; its owner must remove it (`bowline devices remove {device} --yes`) and let it join again',
  ),
  DEVICE_NAME_TAKEN: row(
    'already_exists',
    'a device named {name} exists already; choose another name, or remove that device first: `bowline devices remove {name} --yes`',
  ),
  JOIN_TOKEN_INVALID: row(
    'not_found',
    'this join token is unknown, expired or used; make a new one on the control plane',
  ),
  WORKER_CLAIM_REFUSED: row(
    'permission_denied',
    'the token of this worker does not allow {what}; make a worker token that does',
  ),
  SECRET_FILE_UNSAFE: row('failed_precondition', 'the key file {file} {problem}'),
  OWNER_KEY_REVOKED: row(
    'failed_precondition',
    'the owner key in {file} was revoked; remove the file and start again to get a new one',
  ),
  // queue
  QUEUE_UNAVAILABLE: row('unavailable', 'the job queue cannot be reached: {problem}'),
  BUS_UNAVAILABLE: row('unavailable', 'the bus cannot be reached: {problem}'),
  REDIS_UNUSABLE: row(
    'failed_precondition',
    'Redis at {where} cannot be used: {problem}; check REDIS_URL, its user, password, rights and TLS',
  ),
  REDIS_INSECURE: row(
    'failed_precondition',
    'refusing Redis at {where} without {missing}: it is beyond this machine. Use rediss://user:password@host, or set BOWLINE_REDIS_INSECURE=1 when the network itself is private',
  ),
  // edge journal
  JOURNAL_DAMAGED: row(
    'data_loss',
    'the journal file {file} is damaged at offset {offset}: {problem}; nothing was changed. Restore the home from a backup, or move the journal folder away and adopt the device anew',
    {
      retryable: false,
    },
  ),
  JOURNAL_UNREADABLE: row(
    'failed_precondition',
    'the journal in {folder} could not be read ({problem}); nothing was changed. See that its files are whole and belong to the user of the edge, and that the disk answers, then start again',
    { exit: EXIT.failed },
  ),
  JOURNAL_NEWER: row(
    'failed_precondition',
    'the journal ({file}) was written by a newer version of Bowline; start that version',
  ),
  JOURNAL_FOREIGN: row(
    'failed_precondition',
    'the journal belongs to another tenant or control plane; joining another one sets it aside',
  ),
  JOURNAL_FAILED: row(
    'internal',
    'the journal failed: {problem}; this process ends so that nothing is promised that is not on the disk',
  ),
  JOURNAL_WRITE: row('unavailable', 'the journal could not be written: {problem}; nothing was kept'),
  JOURNAL_FULL: row(
    'resource_exhausted',
    'the journal of this device ({folder}) holds as much as it may ({limit} bytes) of what must be kept: questions without an answer and results that the control plane has not taken; connect it, or raise limits.journal_bytes in its config.yaml and start it again',
    { retryable: true, exit: EXIT.failed },
  ),
  LEDGER_FULL: row(
    'resource_exhausted',
    'the archive of the ledger ({folder}) holds as much as it may ({limit} bytes), so nothing more can be pruned from the journal and new work is refused; raise limits.ledger_bytes in config.yaml, or set ledger_full: drop_oldest there, and start the edge again',
    { retryable: true, exit: EXIT.failed },
  ),
  KEYS_FULL: row(
    'resource_exhausted',
    '{what} is over the limit of {limit}; expired ones make room, or raise limits.tool_calls in config.yaml if this is right',
    { retryable: true, exit: EXIT.failed },
  ),
  JOURNAL_BUSY: row('unavailable', 'too much waits for the disk; try again'),
  JOURNAL_PRUNED: row('out_of_range', 'record {sequence} is no longer in the journal; the oldest is {first}', {
    exit: EXIT.failed,
  }),
  DISK_FULL: row('resource_exhausted', 'the disk has no room for {what}; free some space and try again', {
    retryable: true,
  }),
  // edge session
  NOT_JOINED: row(
    'failed_precondition',
    'the home {home} has not joined a control plane; make a join token there and start with `bowline edge --home {home} --join`, with the join line on standard input',
    { exit: EXIT.usage },
  ),
  ALREADY_JOINED: row(
    'failed_precondition',
    'the home {home} is the device {name} of {control} already; use another --home to join as another device',
    { exit: EXIT.usage },
  ),
  JOIN_LINE_INVALID: row(
    'invalid_argument',
    'the join line {problem}; `bowline devices join-token` makes one: `URL TOKEN [NAME]`, or {"url": ..., "token": ..., "name": ...} in one line',
    { exit: EXIT.usage },
  ),
  INSECURE_CONTROL: row(
    'failed_precondition',
    'refusing to send a secret to {url} without TLS; use https://, or a tunnel to http://127.0.0.1',
    { exit: EXIT.usage },
  ),
  DEVICE_FILE_INVALID: row('failed_precondition', 'the file {file} {problem}. {remedy}'),
  SIGNING_KEY_CHANGED: row(
    'failed_precondition',
    'the control plane at {control} signs tool calls with another key than the one pinned when this device joined; nothing was sent to it. If its owner changed the key on purpose, join again',
  ),
  CONTROL_UNREACHABLE: row('unavailable', 'the control plane at {control} cannot be reached: {problem}'),
  PROXY_FAILED: row(
    'unavailable',
    'the proxy {proxy} gives no way to {to}: {problem}; HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of this program say who is reached through it',
  ),
  CONTROL_UNPROVEN: row(
    'unavailable',
    'what answers at {control} did not prove that it is the control plane that is known here: {problem}; nothing was sent to it. {remedy}',
  ),
  CONTROL_PIN_MISSING: row(
    'failed_precondition',
    'no secret goes to {control}, because its key is not known here. {remedy}',
  ),
  SESSION_SILENT: row('unavailable', 'the control plane did not answer for {ms} ms'),
  FRAME_MALFORMED: row('invalid_argument', 'a frame was malformed: {problem}'),
  MESSAGE_REFUSED: row('internal', 'a {what} of this job cannot be sent: {problem}; nothing of it is tried again', {
    exit: EXIT.failed,
  }),
  SUPERSEDED: row(
    'aborted',
    'another edge of this device took over, started from a copy of this home or from the same home. This edge stays offline, and what is asked here waits, until it is started again: stop the other one for good, then start this one. If it is quarantined then, with the owner key: `bowline devices adopt {device}`, and start it once more',
    { retryable: false },
  ),
  QUARANTINED: row(
    'failed_precondition',
    'the journal of this device does not fit what the control plane remembers (a clone or a restored backup). Stop the other one if there is one, then, with the owner key: `bowline devices adopt {device}`, and start this edge again; what is asked here waits until then',
  ),
  QUEUE_FULL: row(
    'resource_exhausted',
    '{limit} asks wait for an answer already; wait or cancel some (`bowline runs ls`)',
    { retryable: true },
  ),
  REQUEST_ID_REUSED: row('already_exists', 'the request id {id} was used for another ask'),
  SOCKET_UNSAFE: row('failed_precondition', 'nothing is said on the socket {path}: {problem}', { exit: EXIT.refused }),
  SOCKET_IN_USE: row('failed_precondition', 'the socket {path} cannot be used: {problem}'),
  // edge tools
  PATH_NOT_ALLOWED: row(
    'permission_denied',
    'this path is not allowed on the device: add its folder with --allow or under allow.read in config.yaml if it should be, a name that begins with a dot under allow.hidden; names of secret files and links out of a folder are never allowed',
  ),
  FILE_NOT_FOUND: row('not_found', 'there is no such file or folder in the allowed folders', { exit: EXIT.failed }),
  NAME_AMBIGUOUS: row(
    'failed_precondition',
    'several names there look the same and differ only in how their letters are put together ({names}), and none is written exactly as it was asked for: write one as the list of its folder has it, or rename the others',
    { exit: EXIT.refused },
  ),
  FILE_UNREADABLE: row('failed_precondition', 'the system refused access to the file; look at its permissions'),
  SECRET_CONTENT: row(
    'permission_denied',
    'the file holds what looks like {what}, so it is never shared; take that out of it, or share other files or folders',
  ),
  FILE_EXISTS: row('already_exists', 'the file exists already; use mode REPLACE to replace it'),
  FILE_CHANGED: row('aborted', 'the file changed while it was at work on; try again'),
  NOT_A_FILE: row('failed_precondition', 'this is not a regular file'),
  NOT_A_FOLDER: row('failed_precondition', 'this is not a folder'),
  NOT_TEXT: row('failed_precondition', 'the file is not UTF-8 text'),
  FILE_TOO_LARGE: row(
    'failed_precondition',
    'the file is larger than limits.file_bytes of the device; raise that in its config.yaml, or leave the file out',
    {
      exit: EXIT.refused,
    },
  ),
  RANGE_NEEDS_GRANT: row(
    'permission_denied',
    'lines or a part of a file can be read only when the file is shared for this run (--share); without that, read it whole',
  ),
  TERM_NOT_IN_ASK: row(
    'permission_denied',
    'files that are not shared can be searched only for words that stand in the question itself',
  ),
  SEARCH_BUDGET: row('resource_exhausted', 'this run has used up its searches in files that are not shared'),
  COMMAND_NOT_ALLOWED: row(
    'permission_denied',
    'this command is not allowed on the device; list its exact argv under allow.execute in config.yaml if it should be. For {word} only plain words fit (letters, digits and _ . , @ + -, the first a letter, a digit or _), for {path} paths without = that begin with none of - @ + ~ %',
  ),
  COMMAND_NOT_ISOLATED: row(
    'failed_precondition',
    'the command was not started, because nothing here keeps it apart from the home of Bowline and from other commands: install bubblewrap, or run the edge as root with setpriv and unshare (util-linux), or say `isolation: none` for this entry',
  ),
  COMMAND_HAS_NETWORK: row(
    'failed_precondition',
    'the command was not started, because it could not be kept from the network here: install bubblewrap, or say `network: true` for this entry',
  ),
  COMMAND_VIEW_TOO_LARGE: row(
    'failed_precondition',
    'the command was not started, because its folder holds more files, or more denied files, than can be looked through to hide those: name a smaller folder (`cwd` of the entry), or raise limits.walk_entries',
  ),
  COMMAND_SHOWS_DENIED: row(
    'permission_denied',
    'the command was not started, because its folder holds denied files that could not be hidden from it: name a file instead, or let commands run in bubblewrap (install it, and leave `isolation` at `auto`)',
  ),
  COMMAND_FAILED_TO_START: row('failed_precondition', 'the command could not be started'),
  COMMAND_TIMED_OUT: row('deadline_exceeded', 'the command ran longer than it may and was stopped'),
  CONFIRMATION_NEEDED: row(
    'permission_denied',
    'this needs the owner’s approval, which this version cannot ask for; an exact entry with `confirm: never` in config.yaml allows it',
  ),
  SHARE_NO_MATCH: row('invalid_argument', 'nothing that may be shared matches {pattern}: {why}', { exit: EXIT.usage }),
  METHOD_NOT_SERVED: row('unimplemented', 'the device does not serve this method'),
  CALL_FOREIGN: row('permission_denied', 'the tool call was made for another device or session'),
  CLOCK_DOUBTED: row(
    'failed_precondition',
    'the clock of this machine is {off} {what}; calls are judged by the signed time of the control plane meanwhile; set whichever clock is wrong, or say `bowline clock reset` if this one is right',
  ),
  CALL_EXPIRED: row('deadline_exceeded', 'the tool call came after its expiry time'),
  CALL_WITHOUT_EXPIRY: row('invalid_argument', 'the tool call has no usable expiry time'),
  KEY_REUSED: row('already_exists', 'the idempotency key was used for a call with other parameters'),
  RESULT_DROPPED: row('data_loss', 'it was done, but its result is no longer kept on the device', { retryable: false }),
  REFUSED_BEFORE: row('failed_precondition', 'this call was refused before; why is no longer kept on the device'),
  RESULT_TOO_LARGE: row('resource_exhausted', 'the result is larger than one frame may be; ask for less of it', {
    exit: EXIT.refused,
  }),
  EDGE_BUSY: row('resource_exhausted', 'the device has as many tool calls at work and waiting as it takes; try again', {
    retryable: true,
    exit: EXIT.failed,
  }),
  CALL_ENDED_PROCESS: row(
    'aborted',
    'the edge ended while it was at work on this call, perhaps because of it; it is not run again; look at edge.log and at what it was to read',
    { retryable: false },
  ),
  EDGE_STOPPING: row('unavailable', 'the device is about to stop and starts nothing new'),
  // orchestrator
  EVENT_UNKNOWN: row(
    'unimplemented',
    'the history of {stream} holds an event of a newer version; a newer replica must go on with it',
    {
      retryable: true,
    },
  ),
  HISTORY_INVALID: row('data_loss', 'the history of {stream} contradicts itself at event {version}: {problem}', {
    retryable: false,
  }),
  VERSIONS_MIXED: row(
    'unavailable',
    'a replica of an older version is still at work, which could not read what this would write; it is done when that one has ended',
    { retryable: true },
  ),
  RUN_SET_ASIDE: row(
    'failed_precondition',
    'the history of the run {run} cannot be read by this version ({problem}), so it was set aside and nothing waits for it; start a newer version, try it again with `bowline runs retry {run}`, or end it with `bowline runs end {run}`',
    { exit: EXIT.failed },
  ),
  CONVERSATION_UNREADABLE: row(
    'failed_precondition',
    'the history of the conversation {conversation} cannot be read by this version ({problem}); ask in a new conversation, or start a newer version',
    { exit: EXIT.failed },
  ),
  RUN_NOT_SET_ASIDE: row(
    'failed_precondition',
    'the run {run} is not set aside; end it with `bowline runs cancel {run}`',
    {
      exit: EXIT.failed,
    },
  ),
  RUN_EXISTS: row('already_exists', 'another run with the id {run} exists already; ask again with a new id'),
  RUN_BUSY: row('resource_exhausted', 'too many commands wait for this run; try again shortly', {
    retryable: true,
    exit: EXIT.failed,
  }),
  RUN_CONTENDED: row('aborted', 'other replicas changed this run again and again; try again'),
  ATTEMPTS_LOST: row('unavailable', '{target} was lost {times} times while it ran this; see its log, then ask again', {
    retryable: false,
  }),
  EDGE_ENDED_AT_CALL: row(
    'aborted',
    '{target} ended {times} times while it had this call, which it gets no more; look at edge.log there, and ask for less or for something else',
    { retryable: false },
  ),
  OUTCOME_UNKNOWN: row(
    'unknown',
    'whether this happened cannot be told ({why}); look at the device before it is repeated',
  ),
  MODEL_OUTPUT_INVALID: row('internal', 'the model sent something that is no answer: {problem}', { retryable: true }),
  ANSWER_EMPTY: row('internal', 'the model ended without saying anything; ask again or choose another model'),
  ANSWER_CUT: row('resource_exhausted', 'the answer is cut off: the model met its output limit', {
    exit: EXIT.answered,
  }),
  ANSWER_FILTERED: row('permission_denied', 'the provider of the model filtered the answer'),
  TOOL_NOT_OFFERED: row('not_found', 'there is no tool {tool} here; these can be used: {known}'),
  TAINT_PRIVATE: row(
    'permission_denied',
    'private content was read in this run ({origin}), and its field {field} could carry it away: it does not stand in the question. {tool} needs the owner’s approval for that, which this version cannot ask for; the owner can ask again and name the address, or the words to search for, in the question',
  ),
  TAINT_UNTRUSTED: row(
    'permission_denied',
    'what others wrote was read in this run ({origin}), so {tool} needs the owner’s approval, which this version cannot ask for; the owner can do it, or ask for it alone in a new conversation',
  ),
  COLLECTION_NOT_GRANTED: row(
    'permission_denied',
    'this run may not look into the collection {collection}; those it may look into: {known}',
  ),
  COLLECTION_OTHER_RECIPIENTS: row(
    'permission_denied',
    'the collection {collection} was granted to other recipients than the rest of this question; ask with it alone: --in {collection}, without --share',
  ),
  RETRIEVAL_NOT_SERVED: row(
    'failed_precondition',
    'no worker that looks into collections was connected; see `bowline workers ls`, start one, and ask again',
  ),
  TOOL_NOT_RUN: row('failed_precondition', 'this tool call was not run'),
  // cli
  CONNECTION_LOST: row('unavailable', 'the connection to {where} was lost: {problem}'),
  // identity: a restored database
  DATABASE_RESTORED: row(
    'failed_precondition',
    'the database is older than what the device {device} knows (its last session was {known}, the database gave {given}): it was restored from a backup. No work is taken or given out until its owner runs `bowline control recover`',
    { exit: EXIT.failed },
  ),
  DATABASE_WENT_BACK: row(
    'failed_precondition',
    'the database lost what the replica {replica} had written (its number {known}, the database has {given}): a backup or a standby that lagged took its place. No work is taken or given out until its owner runs `bowline control recover`',
    { exit: EXIT.failed },
  ),
  // store
  STORE_UNAVAILABLE: row(
    'unavailable',
    'the database did not answer ({problem}); whether this was done is not known, so ask again with the same id',
  ),
  STORE_BUSY: row('resource_exhausted', 'the database is behind: {waiting} commits wait already; try again shortly', {
    retryable: true,
    exit: EXIT.failed,
  }),
  STORE_REFUSED: row('internal', 'the database refused this record ({problem})'),
  DATABASE_UNUSABLE: row('failed_precondition', 'the database cannot be used: {problem}'),
  DATABASE_NEWER: row(
    'failed_precondition',
    'a newer version of Bowline has been at work in this database; start that version',
  ),
  PLUGIN_INVALID: row('invalid_argument', 'this cannot be a plugin: {problem}'),
  PLUGIN_TAKEN: row('already_exists', 'the package {package} is another one here; give yours another name'),
  CHILD_REFUSED: row('permission_denied', 'a job may not call {method} here: {why}', { exit: EXIT.failed }),
  // worker
  SESSION_LOST: row('unavailable', 'the session with the control plane was lost: {why}'),
  WORKER_BUSY: row('resource_exhausted', 'this worker has no free slot', { retryable: true, exit: EXIT.failed }),
  WORKER_DRAINING: row('unavailable', 'this worker is leaving'),
  MODEL_UNKNOWN: row('not_found', 'no model named {model} here; known: {known}. See `bowline models ls`'),
  PROVIDER_UNAVAILABLE: row('unavailable', 'the model provider {provider} did not answer: {problem}'),
  PROVIDER_RATE_LIMITED: row('resource_exhausted', 'the model provider {provider} asks to wait: too many requests', {
    retryable: true,
    exit: EXIT.failed,
  }),
  PROVIDER_KEY_MISSING: row(
    'failed_precondition',
    'the model {model} has no usable key: {problem}; set one with `bowline models set {model}`',
  ),
  DIMENSION_WRONG: row(
    'failed_precondition',
    'the embedding model {model} answers vectors of {got} numbers where {declared} are declared; set it with `bowline models set {model} --embedding --dimension {got}`',
  ),
  PROVIDER_REFUSED: row('failed_precondition', 'the model provider {provider} refused the request: {problem}'),
  LLAMA_MISSING: row(
    'failed_precondition',
    'models.yaml names a GGUF file, and the optional package that runs it is not installed; where Bowline is installed, run `{command}`',
  ),
  // retrieval
  RETRIEVAL_UNAVAILABLE: row('failed_precondition', 'documents cannot be kept or searched here: {problem}', {
    exit: EXIT.failed,
  }),
  COLLECTION_UNKNOWN: row('not_found', 'there is no collection named {collection}; see `bowline docs ls`'),
  COLLECTION_OTHER_MODEL: row(
    'failed_precondition',
    'the collection {collection} holds vectors of the model {has}, and these would be of {wanted}; use that model, put the documents into another collection, or make its vectors anew: `bowline docs re-embed {collection}`',
  ),
  DOCUMENT_UNREADABLE: row('invalid_argument', 'the document cannot be read: {problem}', { exit: EXIT.failed }),
  CONTEXT_TOO_LONG: row(
    'out_of_range',
    'the conversation is too long for the model {model}; begin a new one, share less, or use a larger model',
    { exit: EXIT.failed },
  ),
  DESCRIPTOR_INHERITED: row(
    'failed_precondition',
    'no program is started, because it would inherit descriptor {number} of this process: start this process without descriptors above 2',
  ),
  SANDBOX_UNAVAILABLE: row('failed_precondition', 'programs cannot be isolated here: {why}; {todo}'),
  SANDBOX_FILE_REFUSED: row('invalid_argument', '{which} is refused: {why}', { exit: EXIT.failed }),
  LANGUAGE_UNKNOWN: row('unimplemented', 'this worker does not run {language}; it runs {known}'),
  // web
  URL_NOT_ALLOWED: row('permission_denied', 'this URL is not read: {problem}', { exit: EXIT.failed }),
  WEB_UNREACHABLE: row('unavailable', 'the server cannot be read from: {problem}'),
  WEB_ANSWER_INVALID: row('failed_precondition', 'what the server answers cannot be used: {problem}'),
  WEB_TOO_SLOW: row('failed_precondition', 'the server is too slow: {problem}'),
  WEB_BUSY: row('unavailable', 'the server cannot be asked now: {problem}'),
  WEB_STATUS: row('failed_precondition', 'the server answered with status {status}'),
  WEB_TOO_LARGE: row('failed_precondition', 'what the server sends is larger than {limit} bytes'),
  WEB_NOT_TEXT: row(
    'failed_precondition',
    'this is {mediaType}, which has no text to read; HTML, text, JSON, XML, PDF and DOCX have',
  ),
  WEB_ROBOTS: row('permission_denied', 'this page is not read because of the robots.txt of {host}: {problem}', {
    exit: EXIT.failed,
  }),
  WEB_SEARCH_NOT_CONFIGURED: row(
    'failed_precondition',
    'no search service is configured for this worker; the operator sets one, for instance a SearXNG',
  ),
  WEB_SEARCH_FAILED: row('unavailable', 'the search service {provider} gave no answer: {problem}'),
  // documents
  DOCUMENT_NOT_TEXT: row(
    'failed_precondition',
    'this is {mediaType}, which has no text to read; HTML, text, JSON, XML, PDF and DOCX have',
  ),
  DOCUMENT_INVALID: row('failed_precondition', 'the document cannot be read: {problem}'),
  DOCUMENT_TOO_COSTLY: row('resource_exhausted', 'the document was not read: {problem}', { exit: EXIT.failed }),
  PARSER_UNAVAILABLE: row(
    'failed_precondition',
    'documents cannot be parsed safely on this machine: {problem}. Or accept a weaker child process with BOWLINE_PARSER_ISOLATION=process',
  ),
} as const satisfies Record<string, Row>;

export type Reason = keyof typeof ERRORS;

/** An error as it came over the wire, whose reason this version may not know. */
export interface WireReason {
  readonly reason: string;
  readonly code: Code;
  readonly retryable: boolean;
  readonly message: string;
  /** Exit code; by default derived from the code. */
  readonly exit?: number;
}

/** The only error that Bowline throws. */
export class AppError extends Error {
  override readonly name = 'AppError';
  /** A reason of the table, or of a newer peer's table. */
  readonly reason: string;
  readonly code: Code;
  readonly retryable: boolean;
  /** Public, goes over the wire in ErrorInfo; never put content, secrets or absolute paths of others into it. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly exit: number;

  constructor(
    reason: Reason | WireReason,
    metadata: Record<string, string | number> = {},
    options: { cause?: unknown; message?: string } = {},
  ) {
    const known = typeof reason === 'string';
    const entry: Row = known ? ERRORS[reason] : { ...reason, message: reason.message };
    const data = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
    super(options.message ?? filled(entry.message, data), options);
    this.reason = known ? reason : reason.reason;
    this.code = entry.code;
    this.retryable = entry.retryable;
    this.metadata = data;
    this.exit = entry.exit ?? exitOf(entry.code);
  }
}

const filled = (template: string, data: Readonly<Record<string, string>>): string =>
  template.replace(/\{(\w+)\}/g, (whole, key: string) => data[key] ?? whole);

/** Exit code of a verb that ended with this gRPC code. */
export function exitOf(code: Code): number {
  switch (code) {
    case 'invalid_argument':
    case 'out_of_range':
      return EXIT.usage;
    case 'permission_denied':
    case 'unauthenticated':
    case 'resource_exhausted':
      return EXIT.refused;
    case 'deadline_exceeded':
      return EXIT.timedOut;
    default:
      return EXIT.failed;
  }
}

/** Whether a text names a reason of this version. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(ERRORS, text);
}
