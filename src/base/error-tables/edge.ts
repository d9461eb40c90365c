// The errors of the edge: its journal and its session.
import { EXIT } from '../status-codes.ts';
import { type ErrorRow, row } from './row.ts';

export const EDGE_ERRORS = {
  // edge journal
  JOURNAL_DAMAGED: row(
    'data_loss',
    'the journal file {file} is damaged at offset {offset}: {problem}; nothing was changed. Restore the journal from a copy, or begin a new one: start once with `bowline edge --new-journal`, which sets this one aside, and then run `bowline devices adopt DEVICE` for the device',
    {
      retryable: false,
    },
  ),
  JOURNAL_MISSING: row(
    'data_loss',
    'the journal {journal} of this device is not in {folder}: {problem}. It holds the ledger, the open asks, the standing grants, the budgets of the day and which calls were done. Restore it from a copy. If it is lost, start once with `bowline edge --home {home} --new-journal`; what was open is then asked and shared again. Either way the control plane may quarantine the device, and `bowline devices adopt DEVICE` takes it back',
    { retryable: false },
  ),
  JOURNAL_UNREADABLE: row(
    'failed_precondition',
    'the journal in {folder} could not be read ({problem}); nothing was changed. Check that its files are whole and belong to the user of the edge, and that the disk answers; then start again',
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
    'the journal failed: {problem}. This process ends, so that it promises nothing that is not on the disk',
    { bare: 'the journal of the device failed, so its edge ends; its log says why' },
  ),
  JOURNAL_WRITE: row('unavailable', 'the journal could not be written: {problem}; nothing was kept', {
    bare: 'the journal of the device could not be written, so nothing was kept; its log says why',
  }),
  JOURNAL_FULL: row(
    'resource_exhausted',
    'the journal of this device ({folder}) is full: it may hold {limit} bytes of what must be kept, which are asks without an answer and results that the control plane has not taken. Connect the device, or raise limits.journal_bytes in its config.yaml and start it again',
    {
      retryable: true,
      exit: EXIT.failed,
      bare: 'the journal of the device is full; connect the device, or raise limits.journal_bytes in its config.yaml and start it again',
    },
  ),
  LEDGER_FULL: row(
    'resource_exhausted',
    'the archive of the ledger ({folder}) is full: it may hold {limit} bytes. Nothing more can be pruned from the journal, so new work is refused. To go on, raise limits.ledger_bytes in config.yaml, or set ledger_full: drop_oldest there, and start the edge again',
    {
      retryable: true,
      exit: EXIT.failed,
      bare: 'the archive of the ledger is full, so the device refuses new work; raise limits.ledger_bytes in its config.yaml, or set ledger_full: drop_oldest there, and start the edge again',
    },
  ),
  DAY_CAP_MET: row(
    'resource_exhausted',
    'these files have {bytes} bytes; of the {limit} bytes of content that may leave this box on one day, {left} are left. Nothing of them was granted. {remedy} limits.egress_day_bytes in config.yaml',
    {
      retryable: false,
      exit: EXIT.failed,
      bare: 'the files do not fit in what may still leave the device today; wait for midnight there, or raise limits.egress_day_bytes in its config.yaml',
    },
  ),
  KEYS_FULL: row(
    'resource_exhausted',
    'the device remembers as many tool calls as it may. Connect it, so that the control plane takes their results (how many may wait for that is fixed); wait until some calls expire; or raise limits.tool_calls in config.yaml',
    { retryable: true, exit: EXIT.failed },
  ),
  JOURNAL_BUSY: row(
    'unavailable',
    'the fixed room for records that wait for the disk of the device is used up; try again',
  ),
  JOURNAL_PRUNED: row('out_of_range', 'record {sequence} is no longer in the journal; the oldest is {first}', {
    exit: EXIT.failed,
  }),
  DISK_FULL: row('resource_exhausted', 'the disk has no room for {what}; free some space and try again', {
    retryable: true,
    bare: 'the disk of the device is full; free some space and try again',
  }),
  EDGE_DISK_LOW: row(
    'resource_exhausted',
    'the disk of this device is nearly full ({free} left in {folder}), so new asks and tool calls may soon be refused; free some space there',
    { retryable: true, bare: 'the disk of the device is nearly full; free some space' },
  ),
  PERMISSIONS_UNKNOWN: row(
    'failed_precondition',
    'nothing is allowed on this device until its config.yaml can be used again: {problem}. Mend that; it counts as soon as it is saved',
    {
      retryable: true,
      bare: 'nothing is allowed on the device until its owner has mended its config.yaml; `bowline status` there says what is wrong',
    },
  ),
  // edge session
  NOT_JOINED: row(
    'failed_precondition',
    'the home {home} has not joined a control plane; make a join line there with `bowline devices join-token`, and give it to `bowline edge --home {home} --join` on standard input',
    { exit: EXIT.usage },
  ),
  ALREADY_JOINED: row(
    'failed_precondition',
    'the home {home} has already joined {control} as the device {name}; use another --home to join as another device',
    { exit: EXIT.usage },
  ),
  JOIN_LINE_INVALID: row(
    'invalid_argument',
    'the join line {problem}; `bowline devices join-token` makes one: `URL TOKEN [NAME]`, or one line of JSON with the keys url, token and name',
    { exit: EXIT.usage },
  ),
  INSECURE_CONTROL: row(
    'failed_precondition',
    'refusing to send a secret to {url} without TLS; use https://, or a tunnel to http://127.0.0.1',
    { exit: EXIT.usage },
  ),
  DEVICE_FILE_INVALID: row('failed_precondition', 'the file {file} {problem}. {remedy}', {
    bare: 'a file of the device is not valid; its log says which',
  }),
  SIGNING_KEY_CHANGED: row(
    'failed_precondition',
    'the control plane at {control} signs tool calls with another key than the one pinned when this device joined; nothing was sent to it. If its owner changed the key on purpose, join again',
  ),
  CONTROL_UNREACHABLE: row('unavailable', 'the control plane at {control} cannot be reached: {problem}'),
  PROXY_FAILED: row(
    'unavailable',
    'the proxy {proxy} does not connect to {to}: {problem}; check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of this program',
  ),
  CONTROL_UNPROVEN: row(
    'unavailable',
    'the server at {control} did not prove that it is the control plane that is known here: {problem}; nothing was sent to it. {remedy}',
  ),
  CONTROL_PIN_MISSING: row(
    'failed_precondition',
    'no secret was sent to {control}, because its key is not known here. {remedy}',
  ),
  CONTROL_SILENT: row(
    'unavailable',
    'the control plane at {control} does not answer: it takes connections, and said nothing for {ms} ms. Its process may be stopped or very busy',
  ),
  SESSION_SILENT: row('unavailable', 'the control plane did not answer for {ms} ms'),
  SESSION_FLAPS: row(
    'unavailable',
    'the session with the control plane was lost {count} times within a minute, and each time it came back; `bowline logs edge` says why',
  ),
  FRAME_MALFORMED: row('invalid_argument', 'a frame was malformed: {problem}'),
  MESSAGE_REFUSED: row('internal', 'a {what} of this job cannot be sent: {problem}; it is not tried again', {
    exit: EXIT.failed,
  }),
  SUPERSEDED: row(
    'aborted',
    'another edge took over this device; it was started from this home or from a copy of it. This edge stays offline, and what is asked here waits. Stop the other edge for good, then start this one again. If the device is quarantined then, run `bowline devices adopt {device}` with the owner key, and start the edge once more',
    { retryable: false },
  ),
  QUARANTINED: row(
    'failed_precondition',
    'the journal of this device does not match what the control plane remembers, because this home is a clone or a restored backup. Stop the other edge if there is one. Then run `bowline devices adopt {device}` with the owner key, and start this edge again; what is asked here waits until then',
  ),
  QUEUE_FULL: row(
    'resource_exhausted',
    'the asks that wait for an answer have reached their number ({limit}) or the fixed length of their text; wait, take some back (`bowline queue ls`, then `bowline queue rm ID`), or raise limits.asks in config.yaml, of which 256 at most count',
    { retryable: true },
  ),
  CONVERSATION_LEAVES: row(
    'failed_precondition',
    'this conversation is at the control plane already, so it cannot become sensitive; nothing was asked. Begin a new one: leave -c away, or say /new in a chat',
    { exit: EXIT.refused },
  ),
  SOCKET_UNSAFE: row('failed_precondition', 'the socket {path} is not used: {problem}', { exit: EXIT.refused }),
  SOCKET_IN_USE: row('failed_precondition', 'the socket {path} cannot be used: {problem}'),
} as const satisfies Record<string, ErrorRow>;
