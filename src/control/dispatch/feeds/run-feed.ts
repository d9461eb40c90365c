// The live view of one run on this replica: its committed state, and what running attempts say beside the log. Readers keep
// their own position, so a slow one costs nothing. Nothing here is the truth; the end of a run comes from its state.
import { create } from '@bufbuild/protobuf';
import type { RunSignal } from '../../../../gen/bowline/bus/v1/bus_pb.ts';
import {
  type Job,
  JobState as JobStateProto,
  type Progress,
  ProgressSchema,
} from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { AppError } from '../../../base/errors.ts';
import { type AttemptText, LatestText, type SentPiece } from '../../../contract/text/latest-text.ts';
import { isSummingUp } from '../../orchestrator/models/summary.ts';
import { viewJob } from '../../orchestrator/run/job-view.ts';
import { type FoldedRun, isEnded, isOpen } from '../../orchestrator/run/state.ts';

export interface FeedSources {
  /** The text of an attempt that runs on this replica. */
  localText(job: string): AttemptText | undefined;
  /** Says to other replicas that the run is followed here, and which text is wanted from which offset on; none without a job. */
  follow(version: number, job: string, epoch: number, offset: number): void;
  /** Reads the state again, at least at this version. */
  reload(version: number): void;
  /** Room for messages, shared by all feeds. */
  readonly live: LiveSpace;
}

/** Bytes of messages that all feeds keep together. */
export interface LiveSpace {
  /** False when there is no room. */
  reserve(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** Streamed response messages of a call that readers may still want; what is beyond these they get at the end. */
const MAX_MESSAGES = 65_536;
const MAX_MESSAGE_BYTES = 16 << 20;

export class RunFeed {
  #state: FoldedRun;
  readonly #text = new LatestText();
  readonly #sources: FeedSources;
  readonly #running = new Map<string, { epoch: number; targetName: string }>();
  readonly #progress = new Map<string, { epoch: number; progress: Progress }>();
  readonly #waits = new Map<string, string>();
  readonly #readers = new Set<() => void>();
  #messages: Uint8Array[] = [];
  #messageBytes = 0;
  #messagesEpoch = 0;
  #revision = 1;
  #news = false;
  #failed: AppError | undefined;

  constructor(state: FoldedRun, sources: FeedSources) {
    this.#state = state;
    this.#sources = sources;
    this.#attach();
  }

  get state(): FoldedRun {
    return this.#state;
  }

  /** Why nothing newer comes: the run cannot be read any more. Whoever reads it opens it again. */
  get failed(): AppError | undefined {
    return this.#failed;
  }

  /** It cannot be read any more. */
  fail(why: AppError): void {
    this.#failed = why;
    this.#changed();
  }

  /**
   * The text that is being written, if any. A reader whose text has another job or epoch begins again. Of a turn that may be asked again
   * one tier up there is none: what its readers have of it could not be taken back.
   */
  get text(): AttemptText | undefined {
    const { held } = this.#text;
    return held && mayBeLeft(this.#state, held.job) ? undefined : held;
  }

  /** The response messages of one attempt of a call, from 0 without gaps; a new attempt begins a new list. */
  get messages(): { readonly epoch: number; readonly list: readonly Uint8Array[] } {
    return { epoch: this.#messagesEpoch, list: this.#messages };
  }

  /** Grows whenever the state, the jobs or what is waited for changed; text and messages do not count. */
  get revision(): number {
    return this.#revision;
  }

  /** What the run waits for that nobody can serve now, in words; empty otherwise. */
  get waitsFor(): string {
    return [...new Set(this.#waits.values())].join(' ');
  }

  /** The jobs, with what is known of attempts that run. */
  jobs(now: number): Job[] {
    return [...this.#state.jobs.values()].map((job) => {
      const view = viewJob(this.#state, job, now);
      const running = this.#running.get(job.id);
      const told = this.#progress.get(job.id);
      if (told && told.epoch === job.epoch && isOpen(job)) view.progress = told.progress;
      if (running && running.epoch === job.epoch && view.state === JobStateProto.QUEUED) {
        view.state = JobStateProto.RUNNING;
        view.target = running.targetName;
      }
      return view;
    });
  }

  onChange(reader: () => void): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** A newer state was committed. */
  committed(state: FoldedRun): void {
    this.#news = true;
    if (state.version <= this.#state.version) return;
    this.#state = state;
    for (const id of this.#waits.keys()) if (state.jobs.get(id)?.phase !== 'queued') this.#waits.delete(id);
    this.#changed();
  }

  /** Whether nothing was heard since the last call; then the caller reads the state again, in case a hint was lost. */
  quiet(): boolean {
    const quiet = !this.#news && goesOn(this.#state);
    this.#news = false;
    return quiet;
  }

  waiting(job: string, what: string): void {
    if (what === '') this.#waits.delete(job);
    else this.#waits.set(job, what);
    this.#changed();
  }

  /** An attempt runs; nothing is committed for it. */
  runs(job: string, epoch: number, targetName: string): void {
    this.#running.set(job, { epoch, targetName });
    this.#waits.delete(job);
    this.#changed();
  }

  signal({ signal }: RunSignal): void {
    this.#news = true;
    switch (signal.case) {
      case 'text':
        if (this.#piece(signal.value)) break;
        return;
      case 'message':
        if (
          this.#message(signal.value.job, Number(signal.value.epoch), Number(signal.value.index), signal.value.response)
        )
          break;
        return;
      case 'changed':
        if (Number(signal.value) > this.#state.version) this.#sources.reload(Number(signal.value));
        return;
      case 'running':
        this.runs(signal.value.job, Number(signal.value.epoch), signal.value.targetName);
        return;
      case 'progress': {
        const { job, epoch, done, total, note } = signal.value;
        this.#progress.set(job, { epoch: Number(epoch), progress: create(ProgressSchema, { done, total, note }) });
        this.#changed();
        return;
      }
      case 'waits':
        this.waiting(signal.value.job, signal.value.what);
        return;
      default:
        return;
    }
    this.#wake();
  }

  /** Nobody reads it any more: gives its messages back. */
  close(): void {
    this.#sources.live.giveBack(this.#messageBytes);
    this.#messages = [];
    this.#messageBytes = 0;
  }

  /** Something may have been missed. */
  gap(): void {
    this.#sources.reload(this.#state.version);
    this.#attach();
  }

  /** Says again that the run is followed here. */
  renew(): void {
    this.#attach();
  }

  #changed(): void {
    this.#revision++;
    this.#wake();
  }

  #wake(): void {
    for (const reader of [...this.#readers]) reader();
  }

  /** Finds the text that is being written right now, here or at its owner, and says that the run is followed. */
  #attach(): void {
    const writing = [...this.#state.jobs.values()].findLast(
      (job) => job.role === 'turn' && (job.phase === 'queued' || job.phase === 'running'),
    );
    const { version } = this.#state;
    if (!goesOn(this.#state)) return;
    const local = writing && this.#sources.localText(writing.id);
    if (writing && local?.epoch !== writing.epoch) {
      this.#sources.follow(version, writing.id, writing.epoch, this.#text.bytesOf(writing.id, writing.epoch));
    } else {
      if (local) this.#text.hold(local);
      this.#sources.follow(version, '', 0, 0);
    }
  }

  #piece(piece: SentPiece): boolean {
    const { job } = piece;
    const epoch = Number(piece.epoch);
    if (epoch < (this.#state.jobs.get(job)?.epoch ?? 0)) return false;
    const { held } = this.#text;
    if (held?.job !== job || held.epoch !== epoch) {
      const local = this.#sources.localText(job);
      if (local?.epoch === epoch) this.#text.hold(local);
    }
    // What is written here is known already, and its readers are told all the same.
    if (this.#text.receive(piece) !== 'gap') return true;
    this.#sources.follow(this.#state.version, job, epoch, this.#text.bytesOf(job, epoch));
    return false;
  }

  #message(job: string, epoch: number, index: number, response: Uint8Array): boolean {
    if (this.#state.kind !== 'call') return false;
    if (epoch < (this.#state.jobs.get(job)?.epoch ?? 0) || epoch < this.#messagesEpoch) return false;
    if (epoch > this.#messagesEpoch) {
      this.close();
      this.#messagesEpoch = epoch;
    }
    if (index !== this.#messages.length || index >= MAX_MESSAGES) return false;
    if (this.#messageBytes + response.length > MAX_MESSAGE_BYTES || !this.#sources.live.reserve(response.length))
      return false;
    this.#messages.push(response);
    this.#messageBytes += response.length;
    return true;
  }
}

/** Whether there may be more of it to tell: it has not ended, or its conversation is being summed up. */
const goesOn = (run: FoldedRun): boolean => !isEnded(run) || isSummingUp(run);

/** Whether a better answer may take the place of what this turn writes. A turn that is not known here yet follows those that are. */
function mayBeLeft({ jobs }: FoldedRun, job: string): boolean {
  const route = (jobs.get(job) ?? [...jobs.values()].findLast((each) => each.route))?.route;
  return route !== undefined && route.next !== '' && (route.below > 0 || route.on.length > 0);
}
