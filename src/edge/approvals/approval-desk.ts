// Asks the owner about tool calls, and takes the answers: each call is in the journal before anybody is told that it waits, each
// answer before it counts. An approval ends once: by an answer, its time, its run, or because what was shown is not so any more.
//
// A call of the control plane comes in by `ask` and goes by its signal; the owner alone reaches `answer`.
import { create } from '@bufbuild/protobuf';
import {
  type Approval,
  ApprovalScope,
  ApprovalState,
  type GrantWish,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { ApprovalRequestedSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { AnsweredApproval } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toAppError } from '../../contract/errors.ts';
import type { OpenApproval } from '../journal/approval-book.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { RecordInit } from '../journal/records.ts';
import { isShareEntry } from '../journal/share-entry.ts';
import { type AnswerTerms, mustAnswer, mustBeOneForGrant } from './answer-check.ts';
import type { CallGrants } from './call-grants.ts';
import { approvalExpiry, type HeldCall, newApproval, reasonOf, refusalOf } from './held-call.ts';
import { isLasting } from './judge-call.ts';
import { TurnLine } from './turn-line.ts';

export interface DeskParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'approvals' | 'callGrants' | 'entry' | 'now'>;
  readonly grants: Pick<CallGrants, 'minted'>;
  /** Makes the records of what is shared with a yes. */
  readonly shares: (asked: readonly (OpenApproval | undefined)[], scope: ApprovalScope) => RecordInit[];
  /** The owner's words that a run began with; undefined when it was not asked here. */
  readonly titleOf: (run: string) => string | undefined;
  /** Those of now. */
  readonly limits: () => { readonly approval_hours: number; readonly approvals: number };
  /** Why nothing that is allowed now could be done, so that a yes would be spent. */
  readonly problem: () => AppError | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `ready`: the owner has answered, and the call is judged again. `refused`: the refusal is in the journal, under its key. */
export type AskedCall = { readonly kind: 'ready' } | { readonly kind: 'refused'; readonly why: AppError };

/** An approval that ends, and what its call is refused with; none: it may go on. */
interface Ending {
  readonly id: string;
  readonly state: ApprovalState;
  readonly why?: AppError;
}

interface WaitingCall {
  readonly call: HeldCall;
  readonly done: (asked: AskedCall) => void;
  /** Ends it where nobody wants it any more. */
  readonly leave: () => void;
}

/** After so many a run asks no more. Noes to sharing and noes to changes count apart. */
const MOST_DENIALS = 2;
/** Calls that may be held at once, also in line. */
const MOST_HELD = 256;
/** How often the time is looked at, because it may be set; and how long until an end that could not be written is tried again. */
const LOOK_MS = 3_600_000;
const RETRY_MS = 10_000;
/** How often a call in line is told to wait on. */
const TELL_MS = 60_000;

/** What an answer is looked up by, and must be for. */
type KeyedCall = Pick<HeldCall, 'key' | 'params' | 'run' | 'job'>;

export class ApprovalDesk {
  readonly #parts: DeskParts;
  readonly #waiting = new Map<string, WaitingCall>();
  /** Calls whose turn it is, until their approval is in the journal. */
  readonly #opening = new Map<string, HeldCall>();
  readonly #ending = new Map<string, Promise<unknown>>();
  readonly #line = new TurnLine();
  #held = 0;
  #stopTimer: (() => void) | undefined;
  #stopped = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    parts.journal.approvals.onChange((approval) => this.#changed(approval));
    parts.journal.approvals.onClose(() => this.#line.move());
  }

  /** Ends what an earlier start left and nobody needs any more. Call once, before the first session. */
  start(): void {
    for (const { approval } of this.#pending()) this.#endWithRun(approval);
    this.#arm();
  }

  /** Nothing is ended or asked any more; what waits stays in the journal. */
  stop(): void {
    this.#stopped = true;
    this.#stopTimer?.();
  }

  /** How many approvals wait. */
  get pending(): number {
    return this.#pending().length;
  }

  /** What was asked for this very call: it waits, or was allowed and is not used up. @throws KEY_REUSED for another call */
  askedFor(call: KeyedCall): Approval | undefined {
    const open = this.#openFor(call);
    return open?.used ? undefined : open?.approval;
  }

  /** Whether a run was cancelled, or ended: nothing is changed for it any more. */
  isOver(run: string): boolean {
    return this.#parts.journal.approvals.runOver(run);
  }

  /** Whether exactly this was asked in the run and is answered, or over without an answer. */
  wasAsked(run: string, digest: Uint8Array): boolean {
    return this.#parts.journal.approvals.wasAsked(run, digest);
  }

  /** Which calls of an entry the owner allowed in a run. */
  allowedIn(run: string, entry: string): 'once' | 'run' | undefined {
    return this.#parts.journal.approvals.allowed(run, entry);
  }

  /**
   * Asks, or attaches to what was asked for this key; resolves when there is something to go on with.
   * @throws what `show` throws, APPROVALS_OVER, EDGE_BUSY, KEY_REUSED, CANCELED, what the journal throws: nothing is asked then
   */
  async ask(call: HeldCall): Promise<AskedCall> {
    if (this.#held >= MOST_HELD) throw new AppError('EDGE_BUSY');
    this.#held++;
    try {
      return await this.#asked(call);
    } finally {
      this.#held--;
      this.#line.move();
    }
  }

  /** Calls that wait for the owner, or were allowed and have not begun, also those that have not come back since the start. */
  open(): { readonly job: string; readonly key: string }[] {
    const open = this.#parts.journal.approvals.opened().filter(({ used }) => !used);
    return open.map(({ approval: { job }, key }) => ({ job, key }));
  }

  /** What is asked about this job is asked no more. Calls that are held go by their signal. */
  withdraw(job: string, held: (key: string) => boolean): void {
    for (const { approval, key, used } of this.#parts.journal.approvals.opened()) {
      if (approval.job === job && !used && !held(key))
        this.#endLater(approval.id, 'WITHDRAWN', new AppError('CANCELED'));
    }
  }

  /**
   * The owner answers: all of them or none. @param by who, as records tell it; `wish` a lasting grant that is made with a yes to one
   * @throws GRANT_TOO_WIDE, GRANTS_FULL, NOT_FOUND, APPROVAL_CHANGED, APPROVAL_ENDED, what the journal throws, why nothing can be done now: nothing was answered then
   */
  async answer(
    answers: readonly Pick<AnsweredApproval, 'id' | 'digest'>[],
    allow: boolean,
    scope: ApprovalScope,
    by: string,
    wish?: GrantWish,
  ): Promise<string[]> {
    mustBeOneForGrant(answers, allow, scope, wish);
    const problem = allow ? this.#parts.problem() : undefined;
    if (problem) throw problem;
    const ids = [...new Set(answers.map(({ id }) => id))];
    // What is past its time takes no answer, whether that was seen already or not.
    this.#arm();
    for (let before = this.#endingOf(ids); before.length > 0; before = this.#endingOf(ids))
      await Promise.allSettled(before);
    const fresh = answers
      .filter((answer) => mustAnswer(this.#parts.journal.approvals, answer, allow))
      .map(({ id }) => id);
    const terms = { allow, scope: scope || ApprovalScope.ONCE, by, wish };
    if (fresh.length > 0) await this.#answered([...new Set(fresh)], terms);
    return ids;
  }

  async #answered(ids: readonly string[], { allow, scope, by, wish }: AnswerTerms): Promise<number> {
    const asked = ids.map((id) => this.#parts.journal.approvals.get(id)?.approval);
    const lasting = this.#parts.grants.minted(asked, wish, by);
    const answered = allow && scope === ApprovalScope.RUN ? [...ids, ...this.#coveredBy(ids)] : ids;
    const state = allow ? ApprovalState.ALLOWED : ApprovalState.DENIED;
    const endings = answered.map((id) => (allow ? { id, state } : { id, state, why: new AppError('APPROVAL_DENIED') }));
    const whole = answered.map((id) => this.#parts.journal.approvals.get(id));
    const minted = [...lasting, ...(allow ? this.#parts.shares(whole, scope) : [])];
    const record = (id: string): RecordInit => ({
      case: 'approvalAnswered',
      value: { id, allowed: allow, scope: allow ? scope : 0, by },
    });
    const done = this.#settle(endings, record, minted);
    return done.catch((error: unknown) => {
      // Whoever has gone meanwhile still goes.
      for (const { id } of endings) this.#waiting.get(id)?.leave();
      throw error;
    });
  }

  /** Others that wait and that an answer for the whole run stands for. */
  #coveredBy(ids: readonly string[]): string[] {
    const asked = ids.map((id) => this.#parts.journal.approvals.get(id)?.approval);
    return this.#pending().flatMap(({ approval: { id, run, entry } }) => {
      const cover = this.#waiting.get(id)?.call.cover ?? 'none';
      const same = asked.some((one) => one?.run === run && one.entry === entry);
      return same && cover !== 'none' && !ids.includes(id) && !this.#ending.has(id) ? [id] : [];
    });
  }

  async #asked(call: HeldCall): Promise<AskedCall> {
    const { run, entry, cover, signal } = call;
    const { callGrants } = this.#parts.journal;
    const { made } = callGrants;
    for (let toldAt: number | undefined; ; ) {
      const open = this.#openFor(call);
      if (open?.approval.state === ApprovalState.PENDING) return this.#wait(open.approval, call);
      if (open?.used) throw new AppError('REFUSED_BEFORE');
      signal.throwIfAborted();
      // A grant that was made since it was judged may cover it.
      const mayBeCovered = isLasting(cover) && callGrants.made !== made;
      if (open || mayBeCovered || this.#isCovered(call)) return { kind: 'ready' };
      this.#mustNotBeOver(call);
      const opened = this.#parts.journal.approvals.opened().map(({ approval }) => approval);
      const others = [...opened, ...this.#opening.values()].filter((one) => one.run === run);
      const asked = others.filter((one) => !('state' in one && one.state === ApprovalState.ALLOWED));
      // One that was allowed and is not done yet may stand for this one, too.
      const first = cover === 'first' && others.some((one) => one.entry === entry);
      if (asked.length < this.#parts.limits().approvals && !first) {
        if (!(await this.#open(call))) return { kind: 'ready' };
        continue;
      }
      const now = this.#parts.journal.now();
      if (toldAt === undefined || now - toldAt > TELL_MS) {
        toldAt = now;
        call.waits(this.#lifeMs);
      }
      await this.#line.wait(signal);
    }
  }

  /** Whether an answer to another call of the run stands for this one by now. */
  #isCovered({ run, entry, cover }: HeldCall): boolean {
    const allowed = !isLasting(cover) ? undefined : this.allowedIn(run, entry);
    return allowed === 'run' || (allowed === 'once' && cover === 'first');
  }

  /** False when there is nothing to ask any more. */
  async #open(call: HeldCall): Promise<boolean> {
    const { key, params } = call;
    this.#opening.set(key, call);
    try {
      const effect = await call.show();
      call.signal.throwIfAborted();
      if (!effect) return false;
      // The owner may have said no meanwhile.
      this.#mustNotBeOver(call);
      const title = this.#parts.titleOf(call.run) ?? '';
      const reason = reasonOf(call, this.#parts.journal.approvals.changed(call.run, call.job));
      const now = this.#parts.journal.now();
      const approval = newApproval({ ...call, reason }, effect, { title, now, lifeMs: this.#lifeMs });
      const value = create(ApprovalRequestedSchema, { approval, idempotencyKey: key, paramsSha256: params });
      await this.#parts.journal.append([{ case: 'approvalRequested', value }]);
    } finally {
      this.#opening.delete(key);
    }
    this.#arm();
    return true;
  }

  #wait(approval: Approval, call: HeldCall): Promise<AskedCall> {
    const { id } = approval;
    const { signal } = call;
    return new Promise((resolve) => {
      const leave = () => void this.#endLater(id, 'WITHDRAWN', toAppError(signal.reason));
      const leaveIfGone = () => {
        if (signal.aborted) leave();
      };
      const done = (asked: AskedCall) => {
        this.#waiting.delete(id);
        signal.removeEventListener('abort', leave);
        resolve(asked);
      };
      this.#waiting.set(id, { call, done, leave: leaveIfGone });
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
      call.waits(Math.max(0, approvalExpiry(approval) - this.#parts.journal.now()));
    });
  }

  #changed(approval: Approval): void {
    const { state, run } = approval;
    if (state !== ApprovalState.PENDING) this.#line.move();
    // An answer may be the end of its run, and whoever begins to wait may come too late for it.
    if (state === ApprovalState.PENDING || state === ApprovalState.DENIED)
      queueMicrotask(() => {
        for (const { approval: one } of this.#pending()) if (one.run === run) this.#endWithRun(one);
      });
  }

  #endWithRun(approval: Approval): void {
    const { id } = approval;
    const why = this.#whyOver(approval);
    if (why) this.#endLater(id, 'WITHDRAWN', why);
  }

  #mustNotBeOver(call: Pick<HeldCall, 'run' | 'entry'>): void {
    const why = this.#whyOver(call);
    if (why) throw why;
  }

  /** Why a run asks nothing any more; undefined while it may. */
  #whyOver({ run, entry }: Pick<HeldCall, 'run' | 'entry'>): AppError | undefined {
    const book = this.#parts.journal.approvals;
    if (book.runOver(run)) return new AppError('CANCELED');
    return book.denials(run, isShareEntry(entry)) >= MOST_DENIALS ? new AppError('APPROVALS_OVER') : undefined;
  }

  /** Whoever comes first ends it. */
  #endLater(id: string, state: 'WITHDRAWN' | 'EXPIRED', why: AppError): void {
    if (this.#stopped || this.#ending.has(id) || !this.#parts.journal.approvals.get(id)) return;
    const ending = { id, state: ApprovalState[state], why };
    this.#settle([ending], () => ({ case: 'approvalEnded', value: { id, state: ending.state } })).catch(
      (error: unknown) => {
        this.#parts.log.error('the end of an approval could not be journaled; it is tried again', error, { id });
        this.#parts.clock.after(RETRY_MS, () => this.#endLater(id, state, why));
      },
    );
  }

  /** Writes down the ends of approvals in one append, with the refusals of their calls; then their calls go on. */
  #settle(
    endings: readonly Ending[],
    record: (id: string) => RecordInit,
    before: readonly RecordInit[] = [],
  ): Promise<number> {
    const book = this.#parts.journal.approvals;
    const asked = endings.map(({ id }) => book.get(id));
    const records = endings.flatMap((ending, at) => {
      const ended: RecordInit = { case: 'approvalEnded', value: { id: ending.id, state: ending.state } };
      const own = ending.state === ApprovalState.WITHDRAWN ? ended : record(ending.id);
      return [own, ...refusalOf(asked[at], ending.why)];
    });
    const done = this.#parts.journal.append([...before, ...records], { ending: true });
    for (const { id } of endings) this.#ending.set(id, done);
    return done
      .then((sequence) => {
        for (const { id, why } of endings)
          this.#waiting.get(id)?.done(why ? { kind: 'refused', why } : { kind: 'ready' });
        return sequence;
      })
      .finally(() => {
        for (const { id } of endings) this.#ending.delete(id);
      });
  }

  #endingOf(ids: readonly string[]): Promise<unknown>[] {
    return ids.flatMap((id) => this.#ending.get(id) ?? []);
  }

  /** Ends what nobody answered in time, and looks again when the next one is due. */
  #arm(): void {
    this.#stopTimer?.();
    if (this.#stopped) return;
    const now = this.#parts.journal.now();
    let next = LOOK_MS;
    for (const { approval } of this.#pending()) {
      const left = approvalExpiry(approval) - now;
      if (left <= 0) this.#endLater(approval.id, 'EXPIRED', new AppError('APPROVAL_EXPIRED'));
      else next = Math.min(next, left);
    }
    this.#stopTimer = this.#parts.clock.after(next, () => this.#arm());
  }

  #openFor({ key, params, run, job }: KeyedCall): OpenApproval | undefined {
    const open = this.#parts.journal.approvals.ofKey(key);
    const same =
      open?.params === Buffer.from(params).toString('hex') && open.approval.run === run && open.approval.job === job;
    if (open && !same) throw new AppError('KEY_REUSED');
    return open;
  }

  #pending(): OpenApproval[] {
    return this.#parts.journal.approvals.pending();
  }

  get #lifeMs(): number {
    return this.#parts.limits().approval_hours * 3_600_000;
  }
}
