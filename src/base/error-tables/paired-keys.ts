// The errors of keys of an owner on other machines: pairing them, and what comes in their name.
import { EXIT } from '../status-codes.ts';
import { type ErrorRow, row } from './row.ts';

export const PAIRED_KEY_ERRORS = {
  OWNER_UNKNOWN: row(
    'permission_denied',
    'no such key is paired with this box; it was removed, or it never was. Pair that machine anew with `bowline owners pair`',
    { exit: EXIT.refused },
  ),
  OWNER_REMOVED: row(
    'permission_denied',
    'this machine is paired with {boxes} no more: its key was removed there, and nothing that waits is told here. To pair it again, run `bowline owners pair` on the box, then `bowline owners join` here',
    { exit: EXIT.refused },
  ),
  OWNER_SIGNATURE: row(
    'permission_denied',
    'an answer was not signed by the paired key that it names, so it counts for nothing',
  ),
  OWNER_ANSWER_OTHER: row(
    'permission_denied',
    'an answer was given for another box, key or approval than the one that it was sent for, so it counts for nothing',
  ),
  OWNER_ANSWER_REPLAYED: row(
    'permission_denied',
    'an answer was sent again after it had been taken, so it counts for nothing',
  ),
  OWNER_ANSWER_STALE: row(
    'failed_precondition',
    'the answer was given more than an hour before it came, which is fixed, or the clocks of the two machines differ by that; set them right, look at the approval again, and answer again',
  ),
  OWNERS_FULL: row(
    'resource_exhausted',
    'this box has {limit} paired keys, and no more are allowed; which is fixed; remove one with `bowline owners rm OWNER` and pair again',
    { exit: EXIT.refused },
  ),
  PAIRING_OPEN: row(
    'failed_precondition',
    'another `bowline owners pair` waits on this box; end that one, or use its code',
    { exit: EXIT.refused },
  ),
  PAIRING_FORGED: row('permission_denied', 'somebody who does not know the code tried to pair a key; it was refused'),
  PAIRING_USED: row(
    'permission_denied',
    'this code was used by another machine already; if that was not you, say no on the box, and begin anew with `bowline owners pair`',
    { exit: EXIT.refused },
  ),
  PAIRING_OVER: row(
    'failed_precondition',
    'this code is good no more: its ten minutes are over, or the command on the box was ended; begin anew with `bowline owners pair` on the box',
    { exit: EXIT.refused },
  ),
  ANSWER_UNCONFIRMED: row(
    'unavailable',
    'the answer was sent, and {box} has not confirmed it yet: it may be offline, or the control plane holds something back. It counts when the box says so; see `bowline approvals ls --all`',
    { retryable: true, exit: EXIT.approval },
  ),
  PAIRING_UNKNOWN: row(
    'not_found',
    'no box waits under this code: it was typed wrong, its ten minutes are over, or the box is not connected to this control plane; see what `bowline owners pair` shows on the box',
    { exit: EXIT.refused },
  ),
  PAIRING_CODE_INVALID: row(
    'invalid_argument',
    'this is no code of `bowline owners pair`: that has eight groups of four letters and digits',
    { exit: EXIT.usage },
  ),
  PAIRING_ENDED: row('failed_precondition', 'nothing was paired: {why}', { exit: EXIT.refused }),
  PAIRED_FILE_INVALID: row(
    'failed_precondition',
    'the file {file} with the keys for boxes elsewhere is damaged; restore it from a backup, or remove it and pair again with `bowline owners join`',
    { exit: EXIT.failed },
  ),
  PAIRING_REFUSED: row(
    'permission_denied',
    'the owner said on the box that the words are not the same, so nothing was paired',
    {
      exit: EXIT.refused,
    },
  ),
} as const satisfies Record<string, ErrorRow>;
