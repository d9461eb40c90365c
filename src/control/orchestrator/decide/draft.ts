// Collects the events of one decision and keeps the state they lead to, so that the next thought starts from there.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import {
  type CostBound,
  type JobQueuedSchema,
  type RunEvent,
  RunEventSchema,
  TargetKind,
  type TurnEscalatedSchema,
  type TurnRoute,
} from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { isHarmless } from '../../../contract/policy.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { evolve } from '../run/evolve.ts';
import { isPaid } from '../run/method-names.ts';
import type { FoldedRun } from '../run/state.ts';

export type NewJob = Omit<MessageInitShape<typeof JobQueuedSchema>, '$typeName' | 'epoch' | 'nonce'>;

/** That a turn is asked again one tier up, without what it may cost. */
export type StepUp = Omit<MessageInitShape<typeof TurnEscalatedSchema>, '$typeName' | 'mostMicros'>;

export type EventBody = MessageInitShape<typeof RunEventSchema>['event'];

/** What a decision is given beside its command. */
export interface DecisionInputs {
  /** Epochs up to it may have been given before the database was restored, and are not given again; default 0. */
  readonly epochBase?: number | undefined;
  /** No other decision has it; default none. */
  readonly nonce?: string | undefined;
  /** What an attempt of a job may cost at most; default: no budget is known. */
  readonly bound?: ((job: PricedJob) => CostBound) | undefined;
  /** Jobs that met a budget when the same was decided before, by id, with what they end with; default none. */
  readonly met?: ReadonlyMap<string, Failure> | undefined;
  /** They are tried once more by a commit of their own, which ends them. */
  readonly postponed?: boolean;
  /** Which tiers model turns go to; default: there are no routing rules. */
  readonly routes?: TurnRoutes | undefined;
}

/** What routing rules and the workers that are connected say of the turns of one run. */
export interface TurnRoutes {
  /** For its first turn, and the tier that is left for a better one because its owner wants that. */
  first(run: FoldedRun, recipients: readonly string[]): RoutedTurn & { readonly from: string | undefined };
  /** One tier up; undefined where nobody who is connected serves a better one. */
  above(run: FoldedRun, tier: string, recipients: readonly string[]): RoutedTurn | undefined;
  /** What an attempt may cost at most, whether or not there is a budget. */
  bound(job: PricedJob): CostBound | undefined;
}

export interface RoutedTurn {
  readonly route: TurnRoute;
  /** Labels that a worker must have. */
  readonly selector: Readonly<Record<string, string>>;
  /** Most time of the turn; 0 is that of the run. */
  readonly timeoutMs: number;
}

/** A job whose use is paid for. */
export interface PricedJob {
  readonly method: string;
  /** Its request names the model, or may. */
  readonly called: boolean;
  readonly recipients: readonly string[];
  /** The model that routing rules chose; default none. */
  readonly model?: string | undefined;
}

/** Collects the events of one decision and keeps the state they lead to. */
export class DecisionDraft {
  readonly events: RunEvent[] = [];
  readonly methods: MethodRegistry;
  readonly #at: number;
  readonly #epochBase: number;
  readonly #nonce: string;
  readonly #bound: DecisionInputs['bound'];
  readonly routes: TurnRoutes | undefined;
  readonly #given: DecisionInputs;
  #state: FoldedRun | undefined;

  constructor(state: FoldedRun | undefined, at: number, methods: MethodRegistry, given: DecisionInputs = {}) {
    this.#state = state;
    this.#at = at;
    this.methods = methods;
    this.#epochBase = given.epochBase ?? 0;
    this.#nonce = given.nonce ?? '';
    this.#bound = given.bound;
    this.routes = given.routes;
    this.#given = given;
  }

  /** The epoch of the attempt after this one; after 0 that of the first. */
  epochAfter(epoch: number): bigint {
    return BigInt(Math.max(epoch, this.#epochBase) + 1);
  }

  get at(): number {
    return this.#at;
  }

  /** The state so far. Throws NOT_FOUND when there is no run. */
  get run(): FoldedRun {
    if (!this.#state) throw new AppError('NOT_FOUND', { kind: 'run' });
    return this.#state;
  }

  get state(): FoldedRun | undefined {
    return this.#state;
  }

  /** Queues a job for its first attempt. @param isBetter it is a turn one tier up, of which is always told what it may cost */
  queue(job: NewJob, isBetter = false): void {
    const nonce = job.target === TargetKind.WORKER ? this.#nonce : '';
    const { method = '', params, recipients = [], route } = job;
    const selector = this.#selectorOf(job);
    const isBound = job.target === TargetKind.WORKER && isPaid(method);
    const priced = { method, recipients, called: (params?.length ?? 0) > 0, model: route?.model };
    const bounds = this.#bound ?? (isBetter ? this.routes?.bound : undefined);
    const bound = isBound ? bounds?.(priced) : undefined;
    this.add({
      case: 'jobQueued',
      value: { ...job, selector, epoch: this.epochAfter(0), nonce, ...(bound ? { bound } : {}) },
    });
  }

  /** What must not run twice is not given to a worker that may be taken away, unless its caller says so. */
  #selectorOf({ target, method = '', selector = {} }: NewJob) {
    const found = target === TargetKind.WORKER ? this.methods.byFullName(method) : undefined;
    const stays = found && !isHarmless(found.effect) && !found.idempotent && selector.spot === undefined;
    return stays ? { ...selector, spot: 'false' } : selector;
  }

  /** Queues a turn one tier up. @param most what it may cost, in the state that it leads to */
  queueBetter(up: StepUp, job: NewJob, most: (run: FoldedRun, job: string) => number): void {
    const trial = new DecisionDraft(this.#state, this.#at, this.methods, this.#given);
    trial.add({ case: 'escalated', value: up });
    trial.queue(job, true);
    this.add({ case: 'escalated', value: { ...up, mostMicros: BigInt(most(trial.run, job.job ?? '')) } });
    this.queue(job, true);
  }

  add(event: NonNullable<EventBody>): void {
    const whole = create(RunEventSchema, { eventTime: timestampFromMs(this.#at), event });
    this.#state = evolve(this.#state, whole);
    this.events.push(whole);
  }
}
