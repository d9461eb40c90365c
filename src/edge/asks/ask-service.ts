// The owner's asks from the text to the answer: journaled before anything is sent, visible until they end, rebuilt after
// a start. It sends nothing: ask-feed.ts says what is due, the session sends it.
import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { AskVerdict } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { GrantedFile } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import {
  type AskRequest,
  type Ended,
  EndedSchema,
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
  type Shared,
  WaitingSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import type { CollectionUse } from '../../../gen/bowline/record/v1/record_pb.ts';
import type { Outcome } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { OneByOne } from '../../base/one-by-one.ts';
import type { FactBook, FactOwner } from '../facts/fact-book.ts';
import { LeftOutFiles } from '../grants/left-out.ts';
import type { ShareRules } from '../grants/share-resolver.ts';
import { askRecord, checkAskThatLeaves, recipientsOf, sharedOf } from './ask-request.ts';
import { filledEvents } from './filled-events.ts';
import { grantFor } from './grant-for.ts';
import type { OpenAsks, UnansweredAsk } from './open-asks.ts';
import { cancelledOutcome, outcomeForJournal, refusedOutcome, timedOutOutcome } from './outcomes.ts';
import type { AskArchive, AskJournal, EgressLedger, Shares } from './ports.ts';
import { WatchedRuns } from './watched-runs.ts';

export interface AskLimits {
  /** Open asks; Hello lists at most 256. */
  readonly openAsks: number;
  /** Characters that the texts of open asks hold together. */
  readonly openChars: number;
  /** How long to wait before an answer that could not be journaled is tried again, in milliseconds. */
  readonly retryMs: number;
}

const ASK_LIMITS: AskLimits = { openAsks: 256, openChars: 4 << 20, retryMs: 10_000 };

export interface AskServiceDeps {
  readonly journal: AskJournal;
  readonly open: OpenAsks;
  readonly shares: Shares;
  readonly ledger: EgressLedger;
  readonly archive: AskArchive;
  /** What marks in answers stand for. */
  readonly facts: Pick<FactBook, 'lookUp'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The model that would answer now. */
  readonly model: () => ModelInfo | undefined;
  /** Collections that an ask may look into. Throws INVALID_ARGUMENT. Default: none. */
  readonly collections?: (wanted: readonly string[], reader: ModelInfo | undefined) => CollectionUse[];
  readonly limits?: Partial<AskLimits>;
  /** Told how a run ended, and when it was asked, in milliseconds since 1970. */
  readonly onEnded?: (run: string, at: number, outcome: Outcome) => void;
}

/** Where an ask lives. */
export interface AskedRun {
  readonly run: string;
  readonly conversation: string;
}

/** An ask that is checked and whose shares are frozen; nothing of it is journaled or sent yet. */
export interface PreparedAsk {
  readonly shared: Shared | undefined;
  /** Journals it. From then on it is answered, refused with a reason, or visibly waiting. */
  commit(): Promise<AskedRun>;
  /** Gives up what is not committed; no effect after `commit`. */
  discard(): void;
}

export class AskService {
  readonly views: WatchedRuns;
  readonly #deps: AskServiceDeps;
  readonly #limits: AskLimits;
  /** By the ids of the owner's requests: one id is one ask. */
  readonly #commits = new OneByOne();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, () => void>();
  readonly #listeners = new Set<() => void>();
  #pending = 0;
  /** Why nothing is answered at the control plane, while a session is open. */
  #stopped: string | undefined;
  #offline: string | undefined = 'the control plane, which is not connected yet';

  constructor(deps: AskServiceDeps) {
    this.#deps = deps;
    this.#limits = { ...ASK_LIMITS, ...deps.limits };
    this.views = new WatchedRuns(deps.log, () => this.#changed());
  }

  /** Takes up what earlier processes left open. Call once, after the journal was opened with the fold. */
  start(): void {
    this.#deps.open.live();
    for (const ask of this.#deps.open.all()) this.#show(ask);
  }

  /** How many asks may be open. */
  get most(): number {
    return this.#limits.openAsks;
  }

  stop(): void {
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
  }

  /** Called whenever something may be due to be sent; returns how to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Checks an ask and freezes what it shares. Throws SHARE_NO_MATCH, PATH_NOT_ALLOWED, QUEUE_FULL, REQUEST_ID_REUSED,
   * INVALID_ARGUMENT; nothing is kept then.
   * @param caller aborts when whoever asks goes: what is not accepted by then is dropped with the reason, or withdrawn before it is sent
   */
  async prepare(request: AskRequest, caller?: AbortSignal): Promise<PreparedAsk> {
    checkAskThatLeaves(request);
    await this.#commits.ended(request.requestId);
    const known = await this.#repeated(request);
    if (known) return { shared: undefined, commit: async () => known, discard() {} };
    this.#checkRoom();
    const run = newId();
    const conversation = request.conversation || newId();
    const left = new LeftOutFiles();
    const files = await this.#filesOf(request, left, caller);
    const model = this.#deps.model();
    const recipients = recipientsOf(request, model);
    const collections = request.noCollections ? [] : (this.#deps.collections?.(request.collections, model) ?? []);
    const { piped, shareSecrets: secrets } = request;
    const wanted = { files, piped, recipients: recipients.granted, secrets };
    const grants = await grantFor(this.#deps.shares, run, wanted);
    let kept = false;
    const discard = () => {
      if (!kept) this.#deps.shares.drop(run);
      kept = true;
    };
    const write = async (): Promise<AskedRun> => {
      caller?.throwIfAborted();
      this.#checkRoom();
      this.#pending++;
      try {
        const record = askRecord(request, {
          run,
          conversation,
          grants,
          recipients,
          collections,
          now: this.#deps.journal.now(),
        });
        await this.#deps.journal.append([{ case: 'ask', value: record }]);
        kept = true;
      } finally {
        this.#pending--;
      }
      const ask = this.#deps.open.get(run);
      if (ask) this.#show(ask);
      // Nobody was told of it: it ends as if it had not come, and whoever comes back with its request asks anew.
      if (ask && caller?.aborted && !ask.sent) await this.#withdraw(run);
      this.#changed();
      return { run, conversation };
    };
    const once = async () => (await this.#repeated(request)) ?? write();
    const commit = () => this.#commits.run(request.requestId, once).finally(discard);
    return { shared: sharedOf(grants, recipients, model, left), commit, discard };
  }

  /** What is shared; a file of several that cannot be read does not stand in the way of the others. */
  async #filesOf(request: AskRequest, left: LeftOutFiles, signal: AbortSignal | undefined): Promise<GrantedFile[]> {
    const { shares, excludes, gitignore, shareSecrets: secrets } = request;
    if (shares.length === 0) return [];
    const about: ShareRules['about'] = (path, known) => left.about(path, known);
    const rules = { excludes, gitignore, secrets, signal, about };
    const files = await this.#deps.shares.resolve(shares, (path, error) => left.add(path, error), rules);
    left.mustLeave(
      files,
      shares.map(({ pattern }) => pattern),
    );
    return files;
  }

  /** What marks stand for that were made here for this run or its conversation. */
  factsOf(owner: FactOwner, marks: readonly string[]): Promise<Map<string, string>> {
    return this.#deps.facts.lookUp(owner, marks, (sequence) => this.#deps.journal.entry(sequence));
  }

  /** As the owner sees it: with facts in the places of their marks. */
  follow(run: string, signal: AbortSignal): AsyncGenerator<LocalRunEvent, void, undefined> {
    return filledEvents(
      this.#follow(run, signal),
      (conversation) => (marks) => this.factsOf({ run, conversation }, marks),
    );
  }

  /** What happens to a run, from the beginning of its current text. Throws NOT_FOUND for a run that was not asked here. */
  async *#follow(run: string, signal: AbortSignal): AsyncGenerator<LocalRunEvent, void, undefined> {
    const view = this.views.get(run);
    if (view) {
      this.views.attached(view);
      yield* view.follow(signal);
      return;
    }
    const ended = await this.#endedBefore(run);
    if (!ended) throw new AppError('NOT_FOUND', { kind: 'run' });
    yield create(LocalRunEventSchema, { event: { case: 'ended', value: ended } });
  }

  /** Ends a run on the owner's wish; idempotent. What was never sent ends at once, what ended in the queue leaves it. Throws NOT_FOUND. */
  async cancel(run: string): Promise<void> {
    const ask = this.#deps.open.get(run);
    if (!ask) {
      if (this.#deps.open.hasMissed(run)) {
        await this.#deps.journal.append([{ case: 'cancel', value: { run } }]);
        return;
      }
      if (this.#deps.open.ended(run) || (await this.#deps.archive.run(run))) return;
      throw new AppError('NOT_FOUND', { kind: 'run' });
    }
    if (ask.cancel !== undefined) return;
    if (!ask.sent) return this.ended(run, cancelledOutcome());
    await this.#deps.journal.append([{ case: 'cancel', value: { run } }]);
    this.#changed();
  }

  /** Whether a run has no answer yet. */
  isOpen(run: string): boolean {
    return this.#deps.open.get(run) !== undefined;
  }

  /** Where a run was asked that is open, or ended not long ago; undefined for any other. */
  conversationOf(run: string): string | undefined {
    const { open } = this.#deps;
    return open.get(run)?.record.ask?.conversation ?? (open.ended(run)?.conversation || undefined);
  }

  /** The control plane says what became of an ask. */
  async outcome({ run, sequence, refused }: AskVerdict): Promise<void> {
    const ask = this.#deps.open.get(run);
    if (!ask || ask.sequence !== Number(sequence)) return;
    ask.lost = false;
    if (ask.accepted && !refused) return;
    if (refused)
      return this.#finish(run, refusedOutcome(refused), { case: 'askOutcome', value: { sequence, refused } });
    await this.#deps.journal.append([{ case: 'askOutcome', value: { sequence } }]);
    this.#timers.get(run)?.();
    this.#timers.delete(run);
    this.#tellWaiting(ask);
  }

  /** The control plane does not have a run that is open here, also one that it had accepted: it is presented again. */
  unknown(run: string): void {
    const ask = this.#deps.open.get(run);
    if (!ask?.accepted || ask.ending) return;
    this.#deps.log.warn('the control plane has lost an ask that it had accepted; it is presented again', { run });
    ask.lost = true;
    ask.sentIn = 0;
    ask.cancelSentIn = 0;
    this.#changed();
  }

  /** A run ended: its answer is journaled, its grants end, its followers see it. Repeats are ignored. */
  ended(run: string, outcome: Outcome): Promise<void> {
    return this.#finish(run, outcome, { case: 'runAnswered', value: { run, outcome: outcomeForJournal(outcome) } });
  }

  #withdraw(run: string): Promise<void> {
    const outcome = cancelledOutcome();
    return this.#finish(run, outcome, { case: 'runAnswered', value: { run, outcome, withdrawn: true } });
  }

  /** @param offline why nothing can be sent, in words; undefined while a session is open */
  connection(offline: string | undefined): void {
    this.#offline = offline;
    this.#stopped = undefined;
    for (const ask of this.#deps.open.all()) this.#tellWaiting(ask);
  }

  /** @param why nothing is answered at the control plane that is connected, in words */
  stopped(why: string | undefined): void {
    if (why === this.#stopped) return;
    this.#stopped = why;
    for (const ask of this.#deps.open.all()) this.#tellWaiting(ask);
  }

  #finish(run: string, outcome: Outcome, record: Parameters<AskJournal['append']>[0][number]): Promise<void> {
    const known = this.#ending.get(run);
    const ask = this.#deps.open.get(run);
    if (known || !ask) return known ?? Promise.resolve();
    ask.ending = true;
    this.#deps.onEnded?.(run, ask.at, outcome);
    const result = this.#end(run, outcome, record).finally(() => this.#ending.delete(run));
    this.#ending.set(run, result);
    return result;
  }

  async #end(run: string, outcome: Outcome, record: Parameters<AskJournal['append']>[0][number]): Promise<void> {
    const { journal, shares, log, open, clock } = this.#deps;
    const conversation = open.get(run)?.record.ask?.conversation ?? '';
    try {
      await journal.append([record]);
    } catch (error) {
      log.error('an answer could not be journaled; it is shown, and tried again', error, { run });
    }
    shares.endRun(run);
    const ended = await this.#endedOf(run, conversation, outcome);
    this.#timers.get(run)?.();
    if (!open.get(run)) {
      this.#timers.delete(run);
      this.views.close(run, ended);
    } else {
      this.views.get(run)?.end(ended);
      this.#timers.set(
        run,
        clock.after(this.#limits.retryMs, () => void this.#finish(run, outcome, record)),
      );
    }
    this.#changed();
  }

  async #endedOf(run: string, conversation: string, outcome: Outcome): Promise<Ended> {
    const ended = create(EndedSchema, { run, conversation, outcome });
    try {
      ended.egress = await this.#deps.ledger.ofRun(run, 1000);
    } catch (error) {
      this.#deps.log.error('the ledger could not be read', error, { run });
    }
    return ended;
  }

  async #endedBefore(run: string): Promise<Ended | undefined> {
    const recent = this.#deps.open.ended(run);
    const old = await this.#deps.archive.run(run);
    const conversation = recent?.conversation || old?.conversation || '';
    const at = recent?.endedAt ?? old?.endedIn ?? undefined;
    const record = at === undefined ? undefined : (await this.#deps.journal.entry(at))?.record;
    if (record?.case === 'runAnswered' && record.value.outcome)
      return this.#endedOf(run, conversation, record.value.outcome);
    if (record?.case !== 'askOutcome' || !record.value.refused) return undefined;
    return this.#endedOf(run, conversation, refusedOutcome(record.value.refused));
  }

  async #repeated(request: AskRequest): Promise<AskedRun | undefined> {
    const { open, archive } = this.#deps;
    if (request.requestId === '') return undefined;
    const run = open.runOfRequest(request.requestId);
    if (run === undefined) return archive.runOfRequest(request.requestId);
    const ask = open.get(run)?.record.ask;
    if (ask && ask.text !== request.text) throw new AppError('REQUEST_ID_REUSED', { id: request.requestId });
    const conversation = ask?.conversation ?? open.ended(run)?.conversation ?? (await archive.run(run))?.conversation;
    return { run, conversation: conversation ?? '' };
  }

  #checkRoom(): void {
    const { openAsks, openChars } = this.#limits;
    const { open } = this.#deps;
    if (open.size + this.#pending < openAsks && open.openBytes < openChars) return;
    throw new AppError('QUEUE_FULL', { limit: openAsks });
  }

  #show(open: UnansweredAsk): void {
    const { ask } = open.record;
    if (!ask) return;
    this.views.open(ask.run, ask.conversation);
    this.#tellWaiting(open);
    if (!ask.timeout || open.accepted) return;
    const total = durationMs(ask.timeout);
    // The time may have been set back since.
    const left = Math.min(total, open.at + total - this.#deps.journal.now());
    this.#timers.set(
      ask.run,
      this.#deps.clock.after(left, () => void this.#expire(ask.run, total)),
    );
  }

  /** An ask that nobody accepted in its time. An accepted one is ended by the control plane. */
  async #expire(run: string, ms: number): Promise<void> {
    if (this.#deps.open.get(run)?.accepted) return;
    await this.ended(run, timedOutOutcome(`${ms / 1000} s, and no control plane had taken the ask`));
  }

  #tellWaiting({ record, accepted }: UnansweredAsk): void {
    const view = this.views.get(record.ask?.run ?? '');
    const what = this.#offline ?? this.#stopped;
    view?.setWaiting(what === undefined ? undefined : create(WaitingSchema, { what, sent: accepted }));
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
