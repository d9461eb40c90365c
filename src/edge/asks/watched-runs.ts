// The views of all open runs: takes what the control plane says of them, bounds the memory of their texts, and knows from
// which position a text must be asked for again.
import { create } from '@bufbuild/protobuf';
import type { Approval } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { type FollowRun, FollowRunSchema, type RunText, type RunUpdate } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type Ended, WaitingSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApprovalBook } from '../journal/approval-book.ts';
import { WatchedRun } from './watched-run.ts';

/** Texts of all open runs together; beyond it those that nobody follows are dropped. */
const MAX_TEXT_BYTES = 8 << 20;

export class WatchedRuns {
  readonly #log: Logger;
  readonly #views = new Map<string, WatchedRun>();
  /** Runs whose text must be asked for. */
  readonly #needed = new Set<string>();
  /** Runs whose missing text was asked for and has not come yet. */
  readonly #asked = new Set<string>();
  readonly #full = new Set<string>();
  /** Runs whose text was dropped here and stands at the control plane only. */
  readonly #dropped = new Set<string>();
  readonly #changed: () => void;

  /** @param changed called when there is something to ask for */
  constructor(log: Logger, changed: () => void) {
    this.#log = log;
    this.#changed = changed;
  }

  open(run: string, conversation: string): WatchedRun {
    const known = this.#views.get(run);
    if (known) return known;
    const view = new WatchedRun(run, conversation);
    this.#views.set(run, view);
    this.#tellBehind(conversation);
    return view;
  }

  get(run: string): WatchedRun | undefined {
    return this.#views.get(run);
  }

  /** Ends a view and forgets it; who follows it reads on to the end. */
  close(run: string, ended: Ended): void {
    const view = this.#views.get(run);
    view?.end(ended);
    this.#views.delete(run);
    if (view) this.#tellBehind(view.conversation);
    for (const set of [this.#needed, this.#asked, this.#full, this.#dropped]) set.delete(run);
  }

  /** A new session begins: what an old one was asked for will not come. */
  reset(): void {
    this.#asked.clear();
    this.#needed.clear();
  }

  /** Where a run's text stands, as it is said in Hello and FollowRun. */
  position(run: string): FollowRun {
    const { job, epoch, offset } = this.#views.get(run)?.position ?? { job: '', epoch: 0, offset: 0 };
    return create(FollowRunSchema, { run, job, epoch: BigInt(epoch), offset: BigInt(offset) });
  }

  /** Asks for the text of a run from its position on. */
  need(run: string): void {
    if (!this.#views.has(run) || this.#asked.has(run) || this.#needed.has(run)) return;
    this.#needed.add(run);
    this.#changed();
  }

  /** The next position to ask for; it is then taken as asked for. */
  pullNeeded(): FollowRun | undefined {
    for (const run of this.#needed) {
      this.#needed.delete(run);
      this.#asked.add(run);
      return this.position(run);
    }
    return undefined;
  }

  text({ run, chunk }: RunText): void {
    const view = this.#views.get(run);
    if (!view || !chunk || view.ended || this.#dropped.has(run)) return;
    const added = view.addText(chunk);
    if (added === 'gap') this.need(run);
    else if (added === 'added') {
      this.#asked.delete(run);
      if (view.textBytes > 65_536) this.#shed();
    } else if (added === 'full' && !this.#full.has(run)) {
      this.#full.add(run);
      this.#log.warn('a streamed text is longer than what is kept; its answer comes whole at the end', { run });
    }
  }

  update({ run, job, waitsFor }: RunUpdate): void {
    const view = this.#views.get(run);
    if (!view || view.ended) return;
    if (job) view.updateJob(job);
    view.setWaiting(waitsFor === '' ? undefined : create(WaitingSchema, { what: waitsFor, sent: true }));
  }

  /** Shows approvals of open runs: those that wait now, then each change. Call once, after the views of earlier asks were opened. */
  showApprovals(book: Pick<ApprovalBook, 'pending' | 'onChange'>): void {
    const show = (approval: Approval) => {
      const view = this.#views.get(approval.run);
      view?.updateApproval(approval);
      if (view) this.#tellBehind(view.conversation);
    };
    for (const { approval } of book.pending()) show(approval);
    book.onChange(show);
  }

  /** Asks of a conversation are answered one after the other: what one waits for, those behind it wait for. */
  #tellBehind(conversation: string): void {
    const views = [...this.#views.values()].filter((view) => view.conversation === conversation);
    for (const [at, view] of views.entries())
      view.setBehind(views.slice(0, at).find(({ pending }) => pending)?.pending);
  }

  /** Someone begins to follow: a text that was dropped is asked for again. */
  attached(view: WatchedRun): void {
    if (this.#dropped.delete(view.run)) this.need(view.run);
  }

  #shed(): void {
    let total = 0;
    for (const view of this.#views.values()) total += view.textBytes;
    for (const view of this.#views.values()) {
      if (total <= MAX_TEXT_BYTES) return;
      if (view.followers > 0 || view.textBytes === 0) continue;
      total -= view.textBytes;
      view.dropText();
      this.#dropped.add(view.run);
      this.#log.info('the text of a run that nobody follows was dropped to save memory', { run: view.run });
    }
  }
}
