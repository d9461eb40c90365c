// The asks of sensitive conversations, from the text to the answer: journaled, answered on this box, visible until they end, taken up
// again after a start. No session knows of them.
import { create } from '@bufbuild/protobuf';
import { durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { SensitiveAsk } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import {
  type AskRequest,
  EndedSchema,
  type ListSensitiveRequest,
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
  type SensitiveTurn,
  SensitiveTurnSchema,
  WaitingSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { type Outcome, OutcomeSchema, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { isSensitiveId, newSensitiveId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { OneByOne } from '../../base/one-by-one.ts';
import { toFailure } from '../../contract/errors.ts';
import { type ListPage, pageOf } from '../../contract/paging.ts';
import { checkAsk } from '../asks/ask-request.ts';
import { cancelledOutcome, outcomeForJournal, timedOutOutcome } from '../asks/outcomes.ts';
import type { AskJournal } from '../asks/ports.ts';
import { WatchedRun } from '../asks/watched-run.ts';
import type { NotedTurn, SensitiveBook } from '../journal/sensitive-book.ts';
import type { AskedTurn, TurnParts } from './answer-turn.ts';

export interface SensitiveAsksParts {
  readonly journal: AskJournal;
  readonly book: SensitiveBook;
  /** Answers one turn. Throws what keeps it from that, and the signal's reason. */
  readonly answer: (asked: AskedTurn, parts: Pick<TurnParts, 'signal' | 'onJob' | 'onText'>) => Promise<Outcome>;
  /** Who answers, in words. */
  readonly answeredBy: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Asks without an answer, and those at work at once. */
const MOST_OPEN = 64;
const AT_ONCE = 2;
/** Earlier turns that are told, and characters of them. */
const MOST_EARLIER = 12;
const MOST_EARLIER_CHARS = 24_000;
/** How long to wait before an answer that could not be journaled is tried again. */
const RETRY_MS = 10_000;
/** Starts of the edge after which an ask is given up: answering it may be what ends it. */
const MOST_STARTS = 5;
const MOST_OF_PAGE = 250;

interface AtWork {
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

interface SensitiveAsked {
  readonly run: string;
  readonly conversation: string;
  readonly expiresAt: number | undefined;
}

export class SensitiveAsks {
  readonly #parts: SensitiveAsksParts;
  readonly #views = new Map<string, WatchedRun>();
  readonly #atWork = new Map<string, AtWork>();
  readonly #timers = new Map<string, () => void>();
  /** By the ids of the owner's requests: one id is one ask. */
  readonly #commits = new OneByOne();
  #committing = 0;
  #stopping = false;

  constructor(parts: SensitiveAsksParts) {
    this.#parts = parts;
  }

  get answeredBy(): string {
    return this.#parts.answeredBy;
  }

  /** Takes up what earlier processes left without an answer. */
  start(): void {
    for (const turn of this.#parts.book.open()) this.#show(turn);
    this.#pump();
  }

  /** What is at work stops, and begins anew at the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#timers.values()) stop();
    for (const { abort } of this.#atWork.values()) abort.abort(new AppError('EDGE_STOPPING'));
    await Promise.all([...this.#atWork.values()].map(({ done }) => done));
  }

  /** Whether an ask is one of these, by what it says and by the conversation that it is in. */
  takes({ sensitive, conversation }: Pick<AskRequest, 'sensitive' | 'conversation'>): boolean {
    return sensitive || isSensitiveId(conversation);
  }

  /**
   * Journals an ask. From then on it is answered, refused with a reason, or visibly waiting. Throws CONVERSATION_LEAVES for one in a
   * conversation that is not sensitive, NOT_FOUND for one that this box does not hold any more, QUEUE_FULL, INVALID_ARGUMENT.
   */
  async ask(request: AskRequest): Promise<SensitiveAsked> {
    checkAsk(request);
    return this.#commits.run(request.requestId, () => this.#commit(request));
  }

  async #commit(request: AskRequest): Promise<SensitiveAsked> {
    const { book, journal } = this.#parts;
    const known = book.get(book.runOfRequest(request.requestId) ?? '');
    if (known) return this.#repeated(known, request);
    this.#mustFit(request);
    const run = newSensitiveId();
    const conversation = request.conversation || newSensitiveId();
    const { text, requestId, timeout } = request;
    const now = journal.now();
    this.#committing++;
    try {
      const createTime = timestampFromMs(now);
      const value = { run, conversation, text, requestId, createTime, ...(timeout && { timeout }) };
      await journal.append([{ case: 'sensitiveAsk', value }]);
    } finally {
      this.#committing--;
    }
    const turn = book.get(run);
    if (turn) this.#show(turn, timeout && durationMs(timeout));
    this.#pump();
    return { run, conversation, expiresAt: timeout && now + durationMs(timeout) };
  }

  /** What happens to a run, from the beginning of its current text. Throws NOT_FOUND. */
  async *follow(run: string, signal: AbortSignal): AsyncGenerator<LocalRunEvent, void, undefined> {
    const view = this.#views.get(run);
    if (view) {
      yield* view.follow(signal);
      return;
    }
    const turn = this.#parts.book.get(run);
    const outcome = turn && (await this.#outcomeOf(turn));
    if (!turn || !outcome) throw new AppError('NOT_FOUND', { kind: 'run' });
    const value = create(EndedSchema, { run, conversation: turn.conversation, outcome });
    yield create(LocalRunEventSchema, { event: { case: 'ended', value } });
  }

  /** Ends a run on the owner's wish; idempotent. Throws NOT_FOUND. */
  async cancel(run: string): Promise<void> {
    const turn = this.#parts.book.get(run);
    if (!turn) throw new AppError('NOT_FOUND', { kind: 'run' });
    if (turn.endedIn === undefined) await this.#end(run, cancelledOutcome());
  }

  /** A page of whole turns of a conversation, or without one of the beginnings of all, oldest first. Throws INVALID_ARGUMENT. */
  async list({ conversation, ...page }: ListSensitiveRequest): Promise<ListPage<SensitiveTurn>> {
    const { book } = this.#parts;
    const all = conversation === '' ? book.all() : book.of(conversation);
    const { items, nextPageToken } = pageOf(all, placeOfTurn, page, MOST_OF_PAGE);
    const turns: SensitiveTurn[] = [];
    for (const turn of items) turns.push(conversation === '' ? turnOf(turn, turn.title) : await this.#whole(turn));
    return { items: turns, nextPageToken };
  }

  async #whole(turn: NotedTurn): Promise<SensitiveTurn> {
    const outcome = await this.#outcomeOf(turn);
    return turnOf(turn, (await this.#words(turn))?.text ?? turn.title, outcome);
  }

  #mustFit(request: AskRequest): void {
    const { book } = this.#parts;
    const { conversation, shares, piped, collections } = request;
    if (conversation !== '' && !isSensitiveId(conversation)) throw new AppError('CONVERSATION_LEAVES');
    if (conversation !== '' && book.of(conversation).length === 0)
      throw new AppError('NOT_FOUND', { kind: 'sensitive conversation on this box' });
    if (shares.length > 0 || collections.length > 0 || piped.length > 0)
      throw new AppError('INVALID_ARGUMENT', {
        what: 'a sensitive ask shares nothing and looks into no collection: it reads the files of this box as they are',
      });
    if (book.open().length + this.#committing >= MOST_OPEN) throw new AppError('QUEUE_FULL', { limit: MOST_OPEN });
  }

  async #repeated(turn: NotedTurn, { text, requestId }: AskRequest) {
    const ask = await this.#words(turn);
    if (ask && ask.text !== text) throw new AppError('REQUEST_ID_REUSED', { id: requestId });
    const { run, conversation, at } = turn;
    return { run, conversation, expiresAt: ask?.timeout && at + durationMs(ask.timeout) };
  }

  #show({ run, conversation, at }: NotedTurn, timeoutMs?: number): void {
    const view = new WatchedRun(run, conversation);
    this.#views.set(run, view);
    if (timeoutMs !== undefined) this.#endAt(run, at, timeoutMs);
  }

  #endAt(run: string, at: number, timeoutMs: number): void {
    const { clock, journal } = this.#parts;
    const left = Math.max(0, at + timeoutMs - journal.now());
    this.#timers.get(run)?.();
    this.#timers.set(
      run,
      clock.after(left, () => void this.#end(run, timedOutOutcome(`${timeoutMs} ms`))),
    );
  }

  /** Starts what may start: the oldest of each conversation, a few at once. */
  #pump(): void {
    if (this.#stopping) return;
    const busy = new Set<string>();
    for (const turn of this.#parts.book.open()) {
      const first = !busy.has(turn.conversation);
      busy.add(turn.conversation);
      if (this.#atWork.has(turn.run)) continue;
      if (!first || this.#atWork.size >= AT_ONCE) {
        this.#views.get(turn.run)?.setWaiting(create(WaitingSchema, { what: 'its turn on this box', sent: true }));
        continue;
      }
      const abort = new AbortController();
      const done = this.#work(turn, abort.signal).finally(() => {
        this.#atWork.delete(turn.run);
        this.#pump();
      });
      this.#atWork.set(turn.run, { abort, done });
    }
  }

  async #work(turn: NotedTurn, signal: AbortSignal): Promise<void> {
    const { log, answer } = this.#parts;
    const { run } = turn;
    const view = this.#views.get(run);
    try {
      const ask = await this.#words(turn);
      if (!ask) throw new AppError('NOT_FOUND', { kind: 'ask' });
      if (turn.starts >= MOST_STARTS) throw new AppError('CALL_ENDED_PROCESS');
      if (ask.timeout) this.#endAt(run, turn.at, durationMs(ask.timeout));
      view?.setWaiting(undefined);
      const outcome = await answer(
        { run, text: ask.text, earlier: await this.#earlier(turn) },
        { signal, onJob: (job) => view?.updateJob(job), onText: (chunk) => void view?.addText(chunk) },
      );
      if (!signal.aborted) await this.#end(run, outcome);
    } catch (error) {
      if (signal.aborted) return;
      await this.#end(run, create(OutcomeSchema, { state: RunState.FAILED, failure: toFailure(error, log) }));
    }
  }

  async #end(run: string, outcome: Outcome): Promise<void> {
    const { journal, book, log, clock } = this.#parts;
    const turn = book.get(run);
    if (!turn || turn.endedIn !== undefined) return;
    this.#timers.get(run)?.();
    this.#timers.delete(run);
    const value = { run, outcome: outcomeForJournal(outcome) };
    try {
      await journal.append([{ case: 'sensitiveEnded', value }], { ending: true });
    } catch (error) {
      log.error('an answer could not be journaled; it is shown, and tried again', error, { run });
    }
    this.#atWork.get(run)?.abort.abort(new AppError('CANCELED'));
    const view = this.#views.get(run);
    view?.end(create(EndedSchema, { run, conversation: turn.conversation, outcome }));
    if (book.get(run)?.endedIn === undefined)
      this.#timers.set(
        run,
        clock.after(RETRY_MS, () => void this.#end(run, outcome)),
      );
    else this.#views.delete(run);
  }

  /** The turns before, newest kept first, as many as fit. */
  async #earlier({ conversation, sequence }: NotedTurn): Promise<AskedTurn['earlier']> {
    const before = this.#parts.book.of(conversation).filter((turn) => turn.sequence < sequence);
    const kept: { text: string; answer: string }[] = [];
    let room = MOST_EARLIER_CHARS;
    for (const turn of before.slice(-MOST_EARLIER).reverse()) {
      const text = (await this.#words(turn))?.text ?? '';
      const answer = (await this.#outcomeOf(turn))?.answer ?? '';
      if (answer === '') continue;
      room -= text.length + answer.length;
      if (room < 0) break;
      kept.unshift({ text, answer });
    }
    return kept;
  }

  async #words({ run, storedIn }: NotedTurn): Promise<SensitiveAsk | undefined> {
    const record = (await this.#parts.journal.entry(storedIn))?.record;
    if (record?.case === 'sensitiveAsk') return record.value;
    return record?.case === 'checkpoint' ? record.value.sensitive.find(({ ask }) => ask?.run === run)?.ask : undefined;
  }

  async #outcomeOf({ run, endedIn }: NotedTurn): Promise<Outcome | undefined> {
    const record = endedIn === undefined ? undefined : (await this.#parts.journal.entry(endedIn))?.record;
    if (record?.case === 'sensitiveEnded') return record.value.outcome;
    if (record?.case !== 'checkpoint') return undefined;
    return record.value.sensitive.find(({ ask }) => ask?.run === run)?.ended?.outcome;
  }
}

const placeOfTurn = ({ sequence }: NotedTurn): string => String(sequence).padStart(16, '0');

const turnOf = ({ run, conversation, at, endedIn }: NotedTurn, text: string, outcome?: Outcome): SensitiveTurn =>
  create(SensitiveTurnSchema, {
    run,
    conversation,
    text,
    createTime: timestampFromMs(at),
    open: endedIn === undefined,
    ...(outcome && { outcome }),
  });
