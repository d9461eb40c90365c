// The errors of the tools of the edge: what they refuse, and what became of a call.
import { EXIT } from '../status-codes.ts';
import { type ErrorRow, row } from './row.ts';

export const EDGE_TOOL_ERRORS = {
  PATH_NOT_ALLOWED: row(
    'permission_denied',
    'this path is not allowed on the device. To read it, name its folder with --allow or under allow.read in config.yaml. To write it, name it, or its folder, under allow.write. A name that begins with a dot must stand under allow.hidden. Secret files, links out of a folder, writing through a link, and names with control or direction characters are never allowed',
  ),
  FILE_NOT_FOUND: row('not_found', 'there is no such file or folder in the allowed folders', { exit: EXIT.failed }),
  NAME_AMBIGUOUS: row(
    'failed_precondition',
    'several names there look the same and differ only in how their letters are put together ({names}), and none of them is exactly the name that was asked for; write the name as the list of its folder shows it, or rename the others',
    {
      exit: EXIT.refused,
      bare: 'several names there look the same and differ only in how their letters are put together, and none of them is exactly the name that was asked for; write the name as the list of its folder shows it, or rename the others',
    },
  ),
  FILE_UNREADABLE: row('failed_precondition', 'the system refused access to the file; check its permissions'),
  REPLACED_UNREADABLE: row(
    'failed_precondition',
    'the user of the edge may not read what is there, so it could be neither shown nor kept for undo; nothing was changed; let that user read it',
  ),
  BOX_SECRET: row(
    'permission_denied',
    'the file holds the secret {name} of this box, so it is not added: a document leaves as it is; remove the value from the file',
    {
      bare: 'the file holds a secret of this box, so it is not added: a document leaves as it is; remove the value from the file',
    },
  ),
  SECRET_CONTENT: row(
    'permission_denied',
    'the file holds what looks like {what}, so it is not shared; remove that from it, share other files or folders, or share it all the same with --share-secrets',
    {
      bare: 'the file holds what looks like a secret, so it is not shared; remove that from it, share other files or folders, or share it all the same with --share-secrets',
    },
  ),
  FILE_EXISTS: row('already_exists', 'the file exists already; use mode REPLACE to replace it'),
  PLACE_TAKEN: row(
    'already_exists',
    'there is something of this name already; choose another name, or delete it first',
  ),
  FOLDER_NOT_EMPTY: row('failed_precondition', 'the folder is not empty; only an empty one is deleted'),
  MOVE_ACROSS: row(
    'failed_precondition',
    'the new place is on another file system; write the file there, and delete this one',
  ),
  CHANGES_UNKNOWN: row(
    'not_found',
    'nothing that this box changed is known under {id}; it changed nothing, or what it replaced is not kept any more',
  ),
  UNDO_INTERRUPTED: row(
    'unavailable',
    'the edge went away in the middle, and some changes may be taken back already. When it runs again, do the same undo again: it goes on where it was (bowline undo {target})',
  ),
  CHANGES_AMBIGUOUS: row('invalid_argument', 'several runs begin or end with {id}: {runs}; give more of the id', {
    exit: EXIT.usage,
  }),
  EDIT_NEEDS_GRANT: row(
    'permission_denied',
    'a file can be edited only if all of it is shared for this run, or this run wrote it; otherwise write the whole file, or append to it',
  ),
  EDIT_NO_MATCH: row(
    'failed_precondition',
    'the old text of edit {edit} does not stand in the file; nothing was changed. Give it exactly as it is there, with its spaces and line ends',
    { bare: 'the old text of an edit does not stand in the file; nothing was changed. Give it exactly as it is there' },
  ),
  EDIT_SEVERAL_MATCHES: row(
    'failed_precondition',
    'the old text of edit {edit} stands in the file {count} times; nothing was changed. Give more of what is around it, or set `all`',
    {
      bare: 'the old text of an edit stands in the file several times; nothing was changed. Give more of what is around it, or set `all`',
    },
  ),
  FILE_CHANGED: row('aborted', 'the file changed while it was being read or written; try again'),
  NOT_A_FILE: row('failed_precondition', 'this is not a regular file'),
  NOT_A_FOLDER: row('failed_precondition', 'this is not a folder'),
  NOT_TEXT: row(
    'failed_precondition',
    'the file is not UTF-8 text; share it, so that it is read as a document or in its own encoding',
  ),
  FILE_TOO_LARGE: row(
    'failed_precondition',
    'the file is larger than {limit} bytes, which is the limit for one file; raise {setting} in config.yaml, share some of its lines (FILE#L1-L200), or leave it out',
    {
      exit: EXIT.refused,
      bare: 'the file is larger than limits.file_bytes of the device; raise it in config.yaml, or leave the file out',
    },
  ),
  RANGE_NEEDS_GRANT: row(
    'permission_denied',
    'a part of a file can be read only if the file is shared for this run (--share); otherwise read the whole file',
  ),
  TERM_NOT_IN_ASK: row(
    'permission_denied',
    'files that are not shared can be searched only for words that stand in the ask itself',
  ),
  SEARCH_BUDGET: row(
    'resource_exhausted',
    'the number of words that a run may search for in files that are not shared is fixed, and it is reached; share the files with --share',
  ),
  COMMAND_NOT_ALLOWED: row(
    'permission_denied',
    'this command is not allowed on the device; to allow it, list its exact argv under allow.execute in config.yaml. {{word}} takes only plain words (letters, digits and _ . , @ + -, with a letter, a digit or _ first), {{path}} only paths without = that do not begin with - @ + ~ or %, and {{int}} only whole numbers',
  ),
  COMMAND_NOT_ISOLATED: row(
    'failed_precondition',
    'the command was not started, because nothing here keeps it apart from the home of Bowline and from other commands. Install bubblewrap, run the edge as root with setpriv and unshare (util-linux), or set `isolation: none` for this entry',
  ),
  COMMAND_HAS_NETWORK: row(
    'failed_precondition',
    'the command was not started, because it could not be kept from the network here; install bubblewrap, or set `network: true` for this entry',
  ),
  COMMAND_VIEW_TOO_LARGE: row(
    'failed_precondition',
    'the command was not started, because its folder holds too many files, or too many denied files that must be hidden. Name a smaller folder (`cwd` of the entry), or raise limits.walk_entries in config.yaml; the number of denied files is fixed',
  ),
  COMMAND_SHOWS_DENIED: row(
    'permission_denied',
    'the command was not started, because its folder holds denied files that could not be hidden from it; name a file instead, or let commands run in bubblewrap (install it, and leave `isolation` at `auto`)',
  ),
  COMMAND_FAILED_TO_START: row(
    'failed_precondition',
    'the command could not be started; check that its program exists and may be run',
  ),
  SECRET_UNUSABLE: row(
    'failed_precondition',
    'the secret {name} cannot be used: {problem}; `bowline secrets set {name}` sets it, and `bowline secrets ls` shows what uses it',
    {
      bare: 'nothing was run or sent, because a secret that its entry names cannot be used; `bowline secrets ls` on the device says why',
    },
  ),
  COMMAND_TIMED_OUT: row(
    'deadline_exceeded',
    'the command was stopped, because it ran longer than its call or limits.command_seconds in config.yaml allows',
  ),
  REQUEST_NOT_ALLOWED: row(
    'permission_denied',
    'this request is not allowed on the device; to allow it, list its server under allow.lan in config.yaml, with the method and a URL that it lies below. A URL begins with the name of an entry (heating/api) or with its URL as it is written there, and its path is plain: no `..`, no `//`, no encoded slash',
  ),
  HOST_NOT_LOCAL: row(
    'permission_denied',
    'the entry {entry} was not asked, because its host is no address of the local network; an address of the box itself must stand in its `url` as it is',
    { bare: 'the server was not asked, because its host is no address of the local network of the device' },
  ),
  HOST_UNREACHABLE: row('failed_precondition', 'the server of the entry {entry} could not be asked: {problem}', {
    bare: 'the server could not be reached, or did not answer in its time',
  }),
  HOST_UNPROVEN: row(
    'failed_precondition',
    'the server of the entry {entry} was not asked, because it did not prove who it is: {problem}; give its certificate by `ca` or `pin` of the entry',
    {
      bare: 'the server was not asked, because it did not prove who it is; its entry needs a certificate (`ca` or `pin`)',
    },
  ),
  HOST_ANSWER_INVALID: row('failed_precondition', 'the server of the entry {entry} gave no answer: {problem}', {
    bare: 'what the server answered is no answer that can be read',
  }),
  CONFIRMATION_NEEDED: row(
    'permission_denied',
    'this call changes nothing, so there is nothing that the owner could be asked about; send it without a confirmation',
  ),
  APPROVAL_DENIED: row('permission_denied', 'the owner was asked, and said no; nothing was changed'),
  PREVIEW_REFUSED: row(
    'failed_precondition',
    'what the command changed when it was tried cannot be shown and done again: {what}; nothing was changed',
    {
      bare: 'what the command changed when it was tried cannot be shown and done again, and nothing was changed; the log of the edge says why',
    },
  ),
  PREVIEW_UNCLEAR: row(
    'unknown',
    'a change of a command could not be done, and those before it could not all be taken back; look at its folders',
  ),
  APPROVAL_EXPIRED: row(
    'failed_precondition',
    'the owner was asked and did not answer in time, so nothing was changed; ask again to have it done. limits.approval_hours in config.yaml says how long an approval waits',
  ),
  APPROVAL_CHANGED: row(
    'failed_precondition',
    'what would happen is no longer what was shown, so nothing was changed; look at it again before you answer',
  ),
  APPROVAL_ENDED: row('failed_precondition', 'this approval waits for no answer any more: it is {state}', {
    bare: 'this approval waits for no answer any more',
  }),
  APPROVALS_OVER: row(
    'permission_denied',
    'the owner said no to this run twice, so it is not asked about any more; ask anew to try again',
  ),
  GRANT_TOO_WIDE: row('invalid_argument', 'no lasting grant was made: {why}', {
    exit: EXIT.usage,
    bare: 'no lasting grant was made: it would cover more than what was shown may be widened to',
  }),
  GRANTS_FULL: row(
    'resource_exhausted',
    'there are {limit} lasting grants, and no more may be, which is fixed; revoke one with `bowline grants revoke ID`',
    {
      bare: 'there are as many lasting grants as may be, which is fixed; revoke one with `bowline grants revoke ID`',
    },
  ),
  SHARE_NO_MATCH: row('invalid_argument', 'nothing that may be shared matches {pattern}: {why}', {
    exit: EXIT.usage,
    bare: 'nothing that may be shared matches one of the patterns',
  }),
  METHOD_NOT_SERVED: row('unimplemented', 'the device does not serve this method'),
  CALL_FOREIGN: row('permission_denied', 'the tool call was made for another device or session'),
  CLOCK_DOUBTED: row(
    'failed_precondition',
    'the clock of this machine is {off} {what}, so calls are judged by the signed time of the control plane for now. Set the clock that is wrong, or run `bowline clock reset` if this one is right',
    {
      bare: 'the clock of the device is in doubt, so calls are judged by the signed time of the control plane for now. Set its clock, or run `bowline clock reset` there if it is right',
    },
  ),
  CALL_EXPIRED: row('deadline_exceeded', 'the tool call came after its expiry time'),
  CALL_WITHOUT_EXPIRY: row('invalid_argument', 'the tool call has no usable expiry time'),
  KEY_REUSED: row('already_exists', 'the idempotency key was used for a call with other parameters'),
  RESULT_DROPPED: row('data_loss', 'the call was done, but its result is no longer kept on the device', {
    retryable: false,
  }),
  REFUSED_BEFORE: row('failed_precondition', 'this call was refused before; the device no longer keeps why'),
  RESULT_TOO_LARGE: row(
    'resource_exhausted',
    'the result is larger than one frame may be; ask for less of it, or raise limits.frame_bytes of the device and BOWLINE_MAX_FRAME_BYTES of the control plane',
    {
      exit: EXIT.refused,
    },
  ),
  EDGE_BUSY: row(
    'resource_exhausted',
    'the device has as many tool calls at work and waiting as it takes; try again, or raise limits.parallel or limits.queue in its config.yaml',
    {
      retryable: true,
      exit: EXIT.failed,
    },
  ),
  CLIENTS_FULL: row(
    'resource_exhausted',
    'the edge serves {limit} clients at once, and has as many; end one (a command that waits, a `chat`, a `watch`) and try again, or raise limits.clients in config.yaml and start the edge again',
    { retryable: true, exit: EXIT.failed },
  ),
  CALL_ENDED_PROCESS: row(
    'failed_precondition',
    'the edge ended again and again while it ran this request, perhaps because of it, so this version of the edge does not run it again; nothing was changed. Look at edge.log, and at the files or the command that the request names; then ask for less or for something else',
  ),
  EDGE_STOPPING: row('unavailable', 'the edge is stopping and starts nothing new; try again when it is back'),
} as const satisfies Record<string, ErrorRow>;
