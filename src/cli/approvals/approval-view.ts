// One approval on one screen: what will happen, for which run, since when and until when. Pure.
import {
  type Approval,
  ApprovalScope,
  ApprovalState,
  type DayRoom,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { isWhole } from '../short-id.ts';
import { agoText, bytesText, countText, timeText } from '../units.ts';
import { effectRows, effectTitle, isShowable } from './effect-lines.ts';
import { hasUnseen, seenSentence, seenWord, UNSEEN_NOTE } from './seen-text.ts';
import { hashText, RowMaker, type ViewRows } from './view-rows.ts';

export interface ViewOptions {
  readonly columns: number;
  /** Of the screen; undefined: everything that the box told is shown. */
  readonly rows: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What stands before the first line, as `1 of 3: `. */
  readonly number?: string;
}

/** Lines of diffs and outputs that are shown on the smallest screen. */
const LEAST_LINES = 6;

/** Its lines, none wider than the screen. */
export function approvalView(approval: Approval, { columns, rows, now, number = '' }: ViewOptions): ViewRows {
  const about = aboutRows(approval, columns, now, rows === undefined);
  const measured = new RowMaker({ columns, lines: 0 });
  effectRows(measured, approval.effect, 1);
  const most = rows === undefined ? undefined : Math.max(rows - measured.count - about.lines.length - 4, LEAST_LINES);
  const effect = new RowMaker({ columns, lines: most });
  effect.put(number + approvalTitle(approval), 'bold');
  if (!approval.effect && approval.state !== ApprovalState.PENDING) effect.words('', NO_DETAIL, 'dim');
  effectRows(effect, approval.effect, most);
  const { lines, isCut, isPart, hasUnseen: unseen } = effect.shown;
  const note = new RowMaker({ columns, lines: most });
  if (unseen || about.hasUnseen) note.words('', UNSEEN_NOTE, 'yellow');
  return {
    lines: [...lines, ...note.shown.lines, ...about.lines],
    isCut,
    isPart,
    hasUnseen: note.count > 0,
  };
}

/** A box tells machines elsewhere once what would happen. */
const NO_DETAIL = 'what it would have done is told while it waits, and not any more';

function aboutRows(approval: Approval, columns: number, now: number, whole: boolean): ViewRows {
  const rows = new RowMaker({ columns, lines: whole ? undefined : 0 });
  const { id, run, job, method, title, taints, reason, digest, dayRoom } = approval;
  rows.note([title, reason]);
  for (const taint of taints) {
    const words = TAINTS[taint];
    if (words !== undefined) rows.words('this run', words, taint === Taint.UNTRUSTED ? 'yellow' : undefined);
  }
  if (dayRoom) rows.words('day cap', dayText(dayRoom), 'yellow');
  if (reason) rows.words('because', seenSentence(reason));
  rows.row('for the ask', title ? `“${seenSentence(title)}”` : 'it was not asked on this box');
  rows.row('call', `${seenWord(method.slice(method.lastIndexOf('.') + 1))}, job ${seenWord(job || run)}`);
  const isPending = approval.state === ApprovalState.PENDING;
  rows.words(isPending ? 'waits' : 'state', approvalState(approval, now), STYLES[approval.state]);
  rows.row('id', `${seenWord(id)}, digest ${hashText(digest)}`, 'dim');
  return { ...rows.shown, hasUnseen: hasUnseen(title + reason) };
}

const dayText = ({ bytes, untilTime }: DayRoom): string =>
  `only ${bytesText(bytes)} may still leave today, so it would stay here after a yes, too: wait until ${timeText(untilTime)}, or raise limits.egress_day_bytes in config.yaml`;

/** What a run has read, for its owner. */
const TAINTS: Readonly<Partial<Record<Taint, string>>> = {
  [Taint.UNTRUSTED]: 'has read text that somebody else wrote, which may have led it here',
  [Taint.PRIVATE]: 'has read content of your files',
};

const STYLES: Readonly<Partial<Record<ApprovalState, 'yellow' | 'green' | 'red'>>> = {
  [ApprovalState.PENDING]: 'yellow',
  [ApprovalState.ALLOWED]: 'green',
  [ApprovalState.DENIED]: 'red',
};

/** `asked 3 min ago; silence is a no in 23 h (2026-12-01 12:00:00)`. */
export function approvalState(approval: Approval, now: number): string {
  const { state, createTime, expireTime, endTime } = approval;
  if (state === ApprovalState.PENDING) {
    const end = expireTime ? `; silence is a no ${agoText(expireTime, now)} (${timeText(expireTime)})` : '';
    return `asked ${agoText(createTime, now)}${end}`;
  }
  return `${approvalEnd(approval)}${endTime ? `, ${timeText(endTime)}` : ''}`;
}

const SCOPES: Readonly<Partial<Record<ApprovalScope, string>>> = {
  [ApprovalScope.RUN]: ' for this run',
  [ApprovalScope.PATTERN]: ', with a lasting grant',
};

/** How it ended: `allowed by box for this run`. */
export function approvalEnd({ state, scope, answeredBy }: Approval): string {
  const by = answeredBy ? ` by ${seenSentence(answeredBy)}` : '';
  switch (state) {
    case ApprovalState.ALLOWED:
      return `allowed${by}${SCOPES[scope] ?? ''}`;
    case ApprovalState.DENIED:
      return `denied${by}`;
    case ApprovalState.EXPIRED:
      return 'nobody answered in time';
    case ApprovalState.WITHDRAWN:
      return 'withdrawn: its run was cancelled or ended, or you said no to two calls of it';
    case ApprovalState.CHANGED:
      return 'what was shown is not so any more; it is asked anew';
    default:
      return 'waits';
  }
}

/** What it does in a few words; of one that is over only its method may be known. */
export const approvalTitle = ({ effect, state, method }: Approval): string =>
  effect || state === ApprovalState.PENDING ? effectTitle(effect) : seenWord(method.slice(method.lastIndexOf('.') + 1));

/** What a person types of its id. */
export const typedId = ({ id }: Pick<Approval, 'id'>): string => (isWhole(id) ? id.slice(-8) : id);

/** How many wait, and where they are; empty for none. */
export const waitingText = (count: number): string =>
  count === 0 ? '' : `${countText(count, 'call waits', 'calls wait')} for your yes: bowline approvals ls`;

/** Whether a yes to it can be given: it waits, and what it does can be shown. */
export const isAllowable = (approval: Approval): boolean =>
  approval.state === ApprovalState.PENDING && isShowable(approval.effect);

/** Whether a yes for the whole run would count: after foreign text each change asks. A share for the run is of the same file. */
export const mayAllowRun = ({ taints, effect }: Approval): boolean =>
  effect?.effect.case === 'share' || !taints.includes(Taint.UNTRUSTED);

/** Where a call stands in its step. */
export const placeInStep = ({ job }: Approval): number => Number(job.split('/')[2] ?? 0) || 0;

/** The run and the step whose calls belong together. */
export const stepOf = ({ run, job }: Approval): string => {
  const parts = job.split('/');
  return parts.length === 3 ? parts.slice(0, 2).join('/') : `${run}/${job}`;
};
