// The errors of the control plane: who is known, the queue, the runs, and the store.
import { EXIT } from '../status-codes.ts';
import { type ErrorRow, row } from './row.ts';

export const CONTROL_ERRORS = {
  // identity
  UNAUTHENTICATED: row(
    'unauthenticated',
    'the call has no valid credential; pass "authorization: Bearer <key>" (the owner key is in {hint})',
    {
      exit: EXIT.refused,
    },
  ),
  PERMISSION_DENIED: row('permission_denied', 'this credential may not do that: {what}'),
  NOT_FOUND: row('not_found', 'no such {kind} here', { exit: EXIT.failed }),
  // identity: keys, enrolment, workers
  DEVICE_SUSPENDED: row(
    'permission_denied',
    'the device {device} was suspended by its owner, who lets it back in with `bowline devices resume {device}`; what is asked here, and what it has to do, waits until then',
  ),
  DEVICE_REMOVED: row(
    'permission_denied',
    'the device {device} was removed by its owner, so it is told nothing and asked for nothing any more. If it is to come back, it joins again as a new device. Where `bowline up` runs it, stop that and start it again. Else stop its edge, make a join line with `bowline devices join-token`, and give that line to `bowline edge --join` on standard input; what was asked there and not answered has to be asked again',
    { retryable: false },
  ),
  DEVICE_UNKNOWN: row(
    'unauthenticated',
    'the control plane at {control} does not know this device: its database is another one, or was restored from a copy older than the device. Join again: stop this edge, make a join line there with `bowline devices join-token`, and give that line to `bowline edge --join` on standard input',
    { exit: EXIT.refused },
  ),
  DEVICE_NAME_TAKEN: row(
    'already_exists',
    'a device named {name} exists already; choose another name, or remove that device first: `bowline devices remove {name} --yes`',
  ),
  JOIN_TOKEN_INVALID: row(
    'not_found',
    'this join token is unknown, expired or used; make a new one with `bowline devices join-token`',
  ),
  WORKER_CLAIM_REFUSED: row(
    'permission_denied',
    'the key of this worker does not allow {what}; create a key that does with `bowline workers create-key NAME --package PACKAGE`',
  ),
  SECRET_FILE_UNSAFE: row('failed_precondition', 'the key file {file} {problem}', {
    bare: 'a key file cannot be used; the log of the program says why',
  }),
  OWNER_KEY_REVOKED: row(
    'failed_precondition',
    'the owner key in {file} was revoked; remove the file and start again to get a new one',
  ),
  LAST_OWNER_KEY: row(
    'failed_precondition',
    'this is the last owner key of its tenant; without it nobody could act for the tenant. Make another one, and revoke this one with that: `(umask 077; bowline keys create NAME > FILE)`, then `BOWLINE_OWNER_KEY_FILE=FILE bowline keys revoke {id} --yes`. If this one is in the owner.key of a control plane, put the other one there before it starts again',
  ),
  OWNER_KEY_ENDED: row(
    'unauthenticated',
    'the owner key of this call was revoked meanwhile; call again with another one (BOWLINE_OWNER_KEY_FILE)',
    { exit: EXIT.refused },
  ),
  // identity: a restored database
  DATABASE_RESTORED: row(
    'failed_precondition',
    'the database is older than what the device {device} knows (its last session was {known}, and the database gave {given}), so it was restored from a backup. No work is started until its owner runs `bowline control recover`',
    { exit: EXIT.failed },
  ),
  DATABASE_WENT_BACK: row(
    'failed_precondition',
    'the database has lost what the replica {replica} wrote (the replica wrote number {known}, and the database has {given}). A backup or a standby that lagged took its place. No work is started until its owner runs `bowline control recover`',
    { exit: EXIT.failed },
  ),
  // what stands in the way of answers
  CONTROL_DISK_FULL: row(
    'unavailable',
    'the disk of the control plane is full ({free} left in {folder}), so nothing is answered. Free some space there; what waits then goes on by itself',
  ),
  DATABASE_AWAY: row(
    'unavailable',
    'the database of the control plane takes no writes or does not answer ({problem}), so nothing is answered. Mend that; what waits then goes on by itself',
  ),
  REDIS_AWAY: row(
    'unavailable',
    'Redis does not answer ({problem}), so only what one replica can do alone is answered. Start it, or correct REDIS_URL and start the control plane again',
  ),
  NO_MODEL: row('unavailable', 'no worker with a language model is connected, so nothing is answered; {remedy}'),
  WORKER_LACKS: row('unavailable', 'the worker is without {what}'),
  // queue
  QUEUE_UNAVAILABLE: row('unavailable', 'the job queue cannot be reached: {problem}'),
  BUS_UNAVAILABLE: row('unavailable', 'the bus cannot be reached: {problem}'),
  REDIS_UNUSABLE: row(
    'failed_precondition',
    'Redis at {where} cannot be used: {problem}; check REDIS_URL, its user, password, rights and TLS',
  ),
  REDIS_INSECURE: row(
    'failed_precondition',
    'refusing Redis at {where} without {missing}, because it is not on this machine. Use rediss://user:password@host, or set BOWLINE_REDIS_INSECURE=1 if the network itself is private',
  ),
  // orchestrator
  EVENT_UNKNOWN: row(
    'unimplemented',
    'the history of {stream} holds an event of a newer version, so a newer replica must continue it',
    {
      retryable: true,
    },
  ),
  HISTORY_INVALID: row('data_loss', 'the history of {stream} contradicts itself at event {version}: {problem}', {
    retryable: false,
  }),
  VERSIONS_MIXED: row(
    'unavailable',
    'a replica of an older version is still running and could not read what this would write; try again when that replica has ended',
    { retryable: true },
  ),
  RUN_SET_ASIDE: row(
    'failed_precondition',
    'this version cannot read the history of the run {run} ({problem}), so the run was set aside and nothing waits for it. Start a newer version, try the run again with `bowline runs retry {run}`, or end it with `bowline runs end {run}`',
    { exit: EXIT.failed },
  ),
  CONVERSATION_UNREADABLE: row(
    'failed_precondition',
    'this version cannot read the history of the conversation {conversation} ({problem}); ask in a new conversation, or start a newer version',
    { exit: EXIT.failed },
  ),
  RUN_NOT_SET_ASIDE: row(
    'failed_precondition',
    'the run {run} is not set aside: it goes on, or has ended; see `bowline runs show {run}`',
    {
      exit: EXIT.failed,
    },
  ),
  RUN_REMOVED: row('not_found', 'the run {run} was removed at {when}: {why}'),
  RUN_EXISTS: row('already_exists', 'another run with the id {run} exists already; ask again with a new id'),
  RUN_BUSY: row(
    'resource_exhausted',
    'the number of commands that may wait for this run is fixed, and it is reached; try again shortly',
    {
      retryable: true,
      exit: EXIT.failed,
    },
  ),
  RUN_CONTENDED: row('aborted', 'other replicas kept changing this run; try again'),
  ATTEMPTS_LOST: row('unavailable', '{target} was lost {times} times while it ran this; see its log, then ask again', {
    retryable: false,
    bare: 'the worker or the device was lost each time while it ran this; see its log, then ask again',
  }),
  EDGE_ENDED_AT_CALL: row(
    'aborted',
    '{target} ended {times} times while it ran this call, so the call is not sent again; look at edge.log there, and ask for less or for something else',
    {
      retryable: false,
      bare: 'the edge ended each time while it ran this call, so the call is not sent again; look at edge.log there, and ask for less or for something else',
    },
  ),
  OUTCOME_UNKNOWN: row(
    'unknown',
    'nobody can tell whether this happened ({why}); look at the device before you repeat it',
    { bare: 'nobody can tell whether this happened; look at the device before you repeat it' },
  ),
  MODEL_OUTPUT_INVALID: row('internal', 'the answer of the model cannot be used: {problem}', { retryable: true }),
  ANSWER_EMPTY: row('internal', 'the model ended without saying anything; ask again or choose another model'),
  ANSWER_CUT: row(
    'resource_exhausted',
    'the answer is cut off, because the model met its output limit; ask it to go on',
    {
      exit: EXIT.answered,
    },
  ),
  ANSWER_FILTERED: row(
    'permission_denied',
    'the provider of the model filtered the answer; ask in other words, or choose another model',
  ),
  TOOL_NOT_OFFERED: row('not_found', 'there is no tool {tool} here; these can be used: {known}', {
    bare: 'a tool was called that is not offered here',
  }),
  TAINT_PRIVATE: row(
    'permission_denied',
    'this run has read private content ({origin}), and the field {field} of {tool} could carry it away, because that text does not stand in the ask. Such a call needs the owner’s approval, which this version cannot ask for. The owner can ask again and write the address, or the words to search for, into the question',
    {
      bare: 'this run has read private content, which a tool call could carry away, because its text does not stand in the ask. Such a call needs the owner’s approval, which this version cannot ask for. The owner can ask again and write the address, or the words to search for, into the question',
    },
  ),
  TAINT_UNTRUSTED: row(
    'permission_denied',
    'this run has read what others wrote ({origin}), so {tool} is not called: it changes something where no owner can be asked. The owner can do it, or ask for it alone in a new conversation',
    {
      bare: 'this run has read what others wrote, so a tool is not called that changes something where no owner can be asked. The owner can do it, or ask for it alone in a new conversation',
    },
  ),
  COLLECTION_NOT_GRANTED: row(
    'permission_denied',
    'this run may not search the collection {collection}; it may search these: {known}',
    { bare: 'this run may not search that collection' },
  ),
  COLLECTION_OTHER_RECIPIENTS: row(
    'permission_denied',
    'the collection {collection} was granted to other recipients than the rest of this ask; ask about it alone: --in {collection}, without --share',
    {
      bare: 'a collection was granted to other recipients than the rest of this ask; ask about it alone: --in COLLECTION, without --share',
    },
  ),
  RETRIEVAL_NOT_SERVED: row(
    'failed_precondition',
    'no worker that searches collections was connected; see `bowline workers ls`, start one, and ask again',
  ),
  TOOL_NOT_RUN: row('failed_precondition', 'this tool call was not run'),
  // store
  STORE_UNAVAILABLE: row(
    'unavailable',
    'the database did not answer ({problem}), so it is not known whether this was done; try again: under the same request id it is done once',
  ),
  STORE_NOT_READ: row(
    'unavailable',
    'the database did not answer ({problem}), so nothing could be read; nothing was changed. Try again when it answers',
  ),
  STORE_BUSY: row(
    'resource_exhausted',
    'the database is behind: {waiting} commits are waiting, which is the fixed limit; try again shortly',
    {
      retryable: true,
      exit: EXIT.failed,
    },
  ),
  STORE_REFUSED: row('internal', 'the database refused this record ({problem})'),
  JOB_NOT_RETRIED: row('failed_precondition', 'the job {job} is not tried again: {why}', { exit: EXIT.refused }),
  BLOB_DAMAGED: row('data_loss', 'the stored payload {sha256} does not match its hash; restore it from a backup', {
    retryable: false,
  }),
  ARCHIVE_UNREADABLE: row('data_loss', 'what the archive has of the run {run} cannot be read here: {problem}', {
    retryable: false,
  }),
  BLOB_STORE_AWAY: row('unavailable', 'the store of large payloads ({store}) does not answer: {problem}'),
  BLOB_STORE_UNUSABLE: row('failed_precondition', 'the store of large payloads ({store}) cannot be used: {problem}'),
  S3_MISSING: row(
    'failed_precondition',
    'large payloads are to lie in a bucket, but the optional client of S3 is not installed; run `{command}` on each machine of the control plane',
  ),
  DATABASE_UNUSABLE: row('failed_precondition', 'the database cannot be used: {problem}'),
  DATABASE_NEWER: row('failed_precondition', 'a newer version of Bowline has used this database; start that version'),
  PLUGIN_INVALID: row('invalid_argument', 'this cannot be a plugin: {problem}'),
  PLUGIN_TAKEN: row('already_exists', 'the package {package} belongs to something else here; give yours another name'),
  CHILD_REFUSED: row('permission_denied', 'a job may not call {method} here: {why}', {
    exit: EXIT.failed,
    bare: 'a job called what it may not call here',
  }),
} as const satisfies Record<string, ErrorRow>;
