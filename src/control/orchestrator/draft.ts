// Collects the events of one decision and keeps the state they lead to, so that the next thought starts from there.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type RunEvent, RunEventSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { MethodRegistry } from '../../contract/registry.ts';
import { evolve } from './evolve.ts';
import type { RunState } from './state.ts';

export type EventBody = MessageInitShape<typeof RunEventSchema>['event'];

/** Collects the events of one decision and keeps the state they lead to. */
export class Draft {
  readonly events: RunEvent[] = [];
  readonly methods: MethodRegistry;
  readonly #at: number;
  #state: RunState | undefined;

  constructor(state: RunState | undefined, at: number, methods: MethodRegistry) {
    this.#state = state;
    this.#at = at;
    this.methods = methods;
  }

  get at(): number {
    return this.#at;
  }

  /** The state so far. Throws NOT_FOUND when there is no run. */
  get run(): RunState {
    if (!this.#state) throw new AppError('NOT_FOUND', { kind: 'run' });
    return this.#state;
  }

  get state(): RunState | undefined {
    return this.#state;
  }

  add(event: NonNullable<EventBody>): void {
    const whole = create(RunEventSchema, { at: timestampFromMs(this.#at), event });
    this.#state = evolve(this.#state, whole);
    this.events.push(whole);
  }
}
