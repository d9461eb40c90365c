// Plays commands to one run without a store: decides, folds, keeps the events. For tests of the pure core.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CallSpec,
  type JobFinished,
  type OfferedTool,
  RunAcceptedSchema,
  type RunEvent,
  RunKind,
  type Turn,
} from '../../gen/bowline/event/v1/event_pb.ts';
import type { Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import type { CollectionUse, ShareGrant } from '../../gen/bowline/record/v1/record_pb.ts';
import { decide } from '../../src/control/orchestrator/decide/decide.ts';
import type { DecisionInputs } from '../../src/control/orchestrator/decide/draft.ts';
import type { RunCommand } from '../../src/control/orchestrator/decide/run-commands.ts';
import { DEFAULT_RUN_LIMITS, limitsToProto, type RecordedLimits } from '../../src/control/orchestrator/run/limits.ts';
import type { FoldedJob, FoldedRun } from '../../src/control/orchestrator/run/state.ts';
import { deviceTools, methods } from './run-scenario.ts';

export interface PlayOptions {
  readonly text?: string;
  readonly tools?: readonly OfferedTool[];
  readonly limits?: Partial<RecordedLimits>;
  readonly shares?: ShareGrant[];
  readonly collections?: CollectionUse[];
  readonly summary?: string;
  readonly summaryGrants?: readonly string[];
  readonly taints?: Taint[];
  readonly hosts?: string[];
  readonly history?: Turn[];
  readonly recipients?: string[];
  readonly call?: CallSpec;
  readonly device?: string;
  readonly maxCostMicros?: bigint;
  readonly asked?: { readonly tier?: string; readonly better?: boolean };
  readonly tierBefore?: string;
  readonly given?: DecisionInputs;
}

type Command = RunCommand extends infer C ? (C extends RunCommand ? Omit<C, 'at'> : never) : never;

export class PlayedRun {
  at = Date.UTC(2026, 0, 1);
  readonly events: RunEvent[] = [];
  readonly #given: DecisionInputs;
  #state: FoldedRun | undefined;

  constructor(options: PlayOptions = {}) {
    this.#given = options.given ?? {};
    const { text = 'What does notes.md say?', shares = [], call, device = 'd1' } = options;
    const accepted = create(RunAcceptedSchema, {
      run: 'r1',
      tenant: 't1',
      kind: call ? RunKind.CALL : RunKind.ASK,
      conversation: call ? '' : 'c1',
      device,
      deviceName: device ? 'kitchen-pi' : '',
      principal: 'device:d1',
      text,
      shares,
      collections: options.collections ?? [],
      timeout: durationFromMs(600_000),
      limits: limitsToProto({ ...DEFAULT_RUN_LIMITS, ...options.limits }),
      ...(call ? { call } : {}),
      maxCostMicros: options.maxCostMicros ?? 0n,
      ...options.asked,
    });
    this.apply({ type: 'accept', accepted });
    const {
      history = [],
      recipients = [],
      tools = call ? [] : deviceTools('fs_read', 'fs_write', 'shell_run'),
    } = options;
    const { summary, summaryGrants, taints = [], hosts } = options;
    const { tierBefore } = options;
    this.apply({ type: 'start', history, summary, summaryGrants, taints, tools, recipients, hosts, tierBefore });
  }

  get run(): FoldedRun {
    return this.#state!;
  }

  /** Returns the kinds of the events that follow. */
  apply(command: Command): string[] {
    const { events, state } = decide(this.#state, { ...command, at: this.at } as RunCommand, methods, this.#given);
    this.#state = state;
    this.events.push(...events);
    return events.map(({ event }) => event.case ?? '');
  }

  /** The job `step/index`. */
  job(place: string): FoldedJob {
    return this.run.jobs.get(`r1/${place}`)!;
  }

  result(place: string, result: JobFinished['result'], epoch = this.job(place).epoch): string[] {
    return this.apply({ type: 'result', job: `r1/${place}`, epoch, result });
  }

  ring(id: string): string[] {
    return this.apply({ type: 'timer', id: `r1/${id}`, kind: 'timer' });
  }
}
