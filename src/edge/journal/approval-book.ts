// What the owner was asked, and what was answered: which approvals wait, which answers are not used yet, what answers hold for a run,
// and which runs are asked about no more. Folded from the journal, so that no restart asks twice; those that are over stay there.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Approval,
  ApprovalSchema,
  ApprovalScope,
  ApprovalState,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  type ApprovalAnswered,
  type ApprovalRequested,
  ApprovalRequestedSchema,
  type Checkpoint,
  type KeptApproval,
  KeptApprovalSchema,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';
import { isShareEntry } from './share-entry.ts';

/** An approval that waits, or was allowed and is not used up. */
export interface OpenApproval {
  /** As it is now. */
  readonly approval: Approval;
  readonly key: string;
  /** SHA-256 of method and parameters in hex. */
  readonly params: string;
  /** What was answered; undefined while it waits. */
  readonly answer: ApprovalAnswered | undefined;
  /** Whether its call has begun. */
  readonly used: boolean;
}

/** One that is over: without its effect, which stands in the record. */
interface EndedApproval {
  readonly approval: Approval;
  /** Record that holds it whole: its own, or a checkpoint's. */
  readonly storedIn: number;
}

/** What the owner's answers say of a run. */
interface RunAnswers {
  /** Entries of which a call was allowed, and had its effect as it was shown. */
  readonly allowed: Set<string>;
  /** Entries that were allowed for the whole run. */
  readonly whole: Set<string>;
  denials: number;
  /** How often the owner has said no to sharing. */
  shareDenials: number;
  /** The answers, for checkpoints. */
  readonly kept: Map<string, KeptApproval>;
}

/** Those over that are remembered; the journal has the others as long as it goes back. */
const MOST_ENDED = 1000;
/** Runs whose answers are remembered, and answers of one; who is forgotten is asked again. */
const MOST_RUNS = 1024;
const MOST_KEPT = 64;

/** What came of an approval whose request is not known: a checkpoint that follows may still list it. */
interface Early {
  readonly answer?: ApprovalAnswered;
  readonly state?: ApprovalState;
  readonly used?: boolean;
  readonly at: number;
}

export class ApprovalBook implements Fold {
  readonly #open = new Map<string, OpenApproval & { readonly request: ApprovalRequested; readonly storedIn: number }>();
  readonly #keys = new Map<string, string>();
  readonly #ended = new Map<string, EndedApproval>();
  readonly #runs = new Map<string, RunAnswers>();
  readonly #early = new Map<string, Early>();
  /** Runs that were cancelled, or ended. */
  readonly #over = new Map<string, true>();
  readonly #listeners = new Set<(approval: Approval) => void>();
  readonly #closeListeners = new Set<() => void>();

  /** Called with each one that begins or changes; must be quick and must not throw. Returns how to stop it. */
  onChange(listener: (approval: Approval) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when one is over: its call has ended, or it is asked no more. Must be quick and must not throw. */
  onClose(listener: () => void): void {
    this.#closeListeners.add(listener);
  }

  /** Those that wait, oldest first. */
  pending(): OpenApproval[] {
    return [...this.#open.values()].filter(({ approval }) => approval.state === ApprovalState.PENDING);
  }

  /** Those that wait, or were allowed and are not used up. */
  opened(): OpenApproval[] {
    return [...this.#open.values()];
  }

  /** The one that waits, or was allowed and is not used up, for the call of this key. */
  ofKey(key: string): OpenApproval | undefined {
    return this.#open.get(this.#keys.get(key) ?? '');
  }

  get(id: string): OpenApproval | undefined {
    return this.#open.get(id);
  }

  /** One that is over and remembered. */
  ended(id: string): EndedApproval | undefined {
    return this.#ended.get(id);
  }

  /** All that are known, oldest first; of those that are over without the effect. */
  all(): Approval[] {
    return [...this.#ended.values(), ...this.#open.values()].map(({ approval }) => approval);
  }

  /** Whether a call of this job was allowed, and was not so any more when it was to run. */
  changed(run: string, job: string): boolean {
    return this.all().some((one) => one.state === ApprovalState.CHANGED && one.run === run && one.job === job);
  }

  /** Whether a call of this entry was allowed in this run: one that had its effect, or all. */
  allowed(run: string, entry: string): 'once' | 'run' | undefined {
    const answers = this.#runs.get(run);
    if (answers?.whole.has(entry)) return 'run';
    return answers?.allowed.has(entry) ? 'once' : undefined;
  }

  /** How often the owner has said no in this run: to sharing, or to changes. */
  denials(run: string, toSharing: boolean): number {
    const answers = this.#runs.get(run);
    return (toSharing ? answers?.shareDenials : answers?.denials) ?? 0;
  }

  /** Whether this very question was answered, or ended without an answer; one that nobody wanted any more counts as not asked. */
  wasAsked(run: string, digest: Uint8Array): boolean {
    const isOver = ({ state }: Approval) => state !== ApprovalState.PENDING && state !== ApprovalState.WITHDRAWN;
    return this.all().some((one) => one.run === run && isOver(one) && Buffer.compare(one.digest, digest) === 0);
  }

  /** Whether the run was cancelled, or ended: nobody is asked about it. */
  runOver(run: string): boolean {
    return this.#over.has(run);
  }

  /** What a checkpoint must keep. */
  kept(): KeptApproval[] {
    const open = [...this.#open.values()].map(({ request, answer }) =>
      create(KeptApprovalSchema, { request, ...(answer && { answer }) }),
    );
    const answers = [...this.#runs.values()].flatMap(({ kept }) => [...kept.values()]);
    const ids = new Set(this.#open.keys());
    return [...open, ...answers.filter(({ request }) => !ids.has(request?.approval?.id ?? ''))];
  }

  apply({ sequence, at, record }: Entry): void {
    switch (record.case) {
      case 'approvalRequested':
        this.#request(record.value, sequence);
        return;
      case 'approvalAnswered':
        this.#answer(record.value, at);
        return;
      case 'approvalEnded':
        this.#end(record.value.id, record.value.state, at);
        return;
      case 'intent':
        if (record.value.approval !== '') this.#use(record.value.approval, at);
        return;
      case 'toolOutcome':
        this.#keyEnded(record.value.idempotencyKey, record.value.result?.keyFree === true, at);
        return;
      case 'toolRefused':
        this.#keyEnded(record.value.idempotencyKey, false, at);
        return;
      case 'cancel':
      case 'runAnswered':
        this.#runEnded(record.value.run);
        return;
      case 'checkpoint':
        this.#checkpoint(record.value, sequence);
        return;
      default:
        return;
    }
  }

  #request(request: ApprovalRequested, sequence: number): void {
    const { approval, idempotencyKey: key } = request;
    if (!approval || this.#open.has(approval.id)) return;
    const params = Buffer.from(request.paramsSha256).toString('hex');
    const state = { approval, key, params, answer: undefined, used: false };
    this.#open.set(approval.id, { ...state, request, storedIn: sequence });
    this.#keys.set(key, approval.id);
    this.#tell(approval);
  }

  #answer(answer: ApprovalAnswered, at: number): void {
    const { id, allowed, scope, by } = answer;
    const open = this.#open.get(id);
    if (!open) this.#remember(id, { answer, at });
    if (open?.approval.state !== ApprovalState.PENDING) return;
    const state = allowed ? ApprovalState.ALLOWED : ApprovalState.DENIED;
    const more = allowed ? { scope: scope || ApprovalScope.ONCE } : {};
    const approval = create(ApprovalSchema, {
      ...open.approval,
      ...more,
      state,
      ...endedAt(at),
      answeredBy: by,
    });
    this.#open.set(id, { ...open, approval, answer });
    this.#hold(approval, open.request, answer);
    if (!allowed) this.#close(id);
    this.#tell(approval);
  }

  /** What the answer says for the rest of its run. */
  #hold(approval: Approval, request: ApprovalRequested, answer: ApprovalAnswered): void {
    if (this.#over.has(approval.run)) return;
    const answers = this.#runs.get(approval.run) ?? {
      allowed: new Set(),
      whole: new Set(),
      denials: 0,
      shareDenials: 0,
      kept: new Map(),
    };
    this.#runs.delete(approval.run);
    this.#runs.set(approval.run, answers);
    dropOldest(this.#runs, MOST_RUNS);
    const isShare = isShareEntry(approval.entry);
    if (!answer.allowed) isShare ? answers.shareDenials++ : answers.denials++;
    else if (approval.scope === ApprovalScope.RUN) answers.whole.add(approval.entry);
    const { effect: _, ...bare } = request.approval ?? approval;
    const asked = create(ApprovalRequestedSchema, { ...request, approval: create(ApprovalSchema, bare) });
    answers.kept.set(approval.id, create(KeptApprovalSchema, { request: asked, answer }));
    dropOldest(answers.kept, MOST_KEPT);
  }

  #end(id: string, state: ApprovalState, at: number): void {
    const open = this.#open.get(id);
    if (!open) {
      this.#remember(id, { state, at });
      return;
    }
    // What was answered stays so in the record; nobody wanted the call any more before it had begun.
    const stays = state === ApprovalState.WITHDRAWN && open.approval.state !== ApprovalState.PENDING;
    const approval = stays ? open.approval : create(ApprovalSchema, { ...open.approval, state, ...endedAt(at) });
    this.#open.set(id, { ...open, approval });
    this.#close(id);
    this.#tell(approval);
  }

  #use(id: string, at: number): void {
    const open = this.#open.get(id);
    if (open) this.#open.set(id, { ...open, used: true });
    else this.#remember(id, { used: true, at });
  }

  /** The call has its answer, so nobody needs that of the owner any more; or it is free, and the yes still holds. */
  #keyEnded(key: string, free: boolean, at: number): void {
    const id = key === '' ? undefined : this.#keys.get(key);
    const open = id === undefined ? undefined : this.#open.get(id);
    if (id === undefined || !open) return;
    if (open.approval.state === ApprovalState.PENDING && free) return;
    if (free) this.#open.set(id, { ...open, used: false });
    else if (open.approval.state === ApprovalState.PENDING) this.#end(id, ApprovalState.WITHDRAWN, at);
    else this.#close(id);
  }

  #close(id: string): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    if (this.#keys.get(open.key) === id) this.#keys.delete(open.key);
    const { effect: _, ...bare } = open.approval;
    this.#ended.set(id, { approval: create(ApprovalSchema, bare), storedIn: open.storedIn });
    dropOldest(this.#ended, MOST_ENDED);
    this.#holdForOthers(open);
    for (const listener of this.#closeListeners) listener();
  }

  /** A yes to one call says something of others once it was used: what was shown then is what came. */
  #holdForOthers({ approval: { id, run, entry, scope, state }, answer, used }: OpenApproval): void {
    const answers = this.#runs.get(run);
    if (!answers || !answer?.allowed || scope === ApprovalScope.RUN) return;
    if (used && state === ApprovalState.ALLOWED) answers.allowed.add(entry);
    else if (!isShareEntry(entry)) answers.kept.delete(id);
  }

  #runEnded(run: string): void {
    this.#runs.delete(run);
    this.#over.set(run, true);
    dropOldest(this.#over, MOST_RUNS);
    for (const { approval } of this.pending()) if (approval.run === run) this.#tell(approval);
  }

  #checkpoint({ approvals, intents }: Checkpoint, sequence: number): void {
    for (const { request, answer } of approvals) {
      const id = request?.approval?.id ?? '';
      const early = this.#early.get(id);
      this.#early.delete(id);
      if (!request?.approval || this.#ended.has(id)) continue;
      const open = this.#open.get(id);
      if (open) this.#open.set(id, { ...open, storedIn: sequence });
      else this.#restore(request, answer ?? early?.answer, early, sequence);
    }
    for (const { approval } of intents) if (this.#open.has(approval)) this.#use(approval, 0);
  }

  #restore(
    request: ApprovalRequested,
    answer: ApprovalAnswered | undefined,
    early: Early | undefined,
    sequence: number,
  ): void {
    const { id = '', effect } = request.approval ?? {};
    this.#request(request, sequence);
    const at = early?.at ?? 0;
    if (answer) this.#answer(answer, at);
    if (early?.state) this.#end(id, early.state, at);
    if (early?.used) this.#use(id, at);
    // Only what it says of its run was kept.
    if (effect) return;
    this.#use(id, at);
    this.#close(id);
  }

  #remember(id: string, early: Early): void {
    if (this.#ended.has(id)) return;
    this.#early.set(id, { ...this.#early.get(id), ...early });
    dropOldest(this.#early, MOST_ENDED);
  }

  #tell(approval: Approval): void {
    for (const listener of this.#listeners) listener(approval);
  }
}

/** When an answer was given that stands in a checkpoint is not known. */
const endedAt = (at: number) => (at === 0 ? {} : { endTime: timestampFromMs(at) });
