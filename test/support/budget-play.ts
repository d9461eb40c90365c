// Plays a budget as the store keeps it, around decisions: reserves what they begin, settles what they end, and has them decided again where
// there is no room. It checks at each step that nothing is reserved for what is neither outstanding nor ended without a word.
import { create } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import type { Failure } from '../../gen/bowline/common/v1/common_pb.ts';
import { CostBoundSchema } from '../../gen/bowline/event/v1/event_pb.ts';
import { dispatchId } from '../../src/base/ids.ts';
import { decide } from '../../src/control/orchestrator/decide/decide.ts';
import { effects } from '../../src/control/orchestrator/decide/effects.ts';
import { moneyRows } from '../../src/control/orchestrator/decide/money-rows.ts';
import type { RunCommand } from '../../src/control/orchestrator/decide/run-commands.ts';
import { isPaid } from '../../src/control/orchestrator/run/method-names.ts';
import type { FoldedJob, FoldedRun } from '../../src/control/orchestrator/run/state.ts';
import { failure, methods } from './run-scenario.ts';

/** A millionth for each token, so that no answer is worth more than its request. */
const BOUND = create(CostBoundSchema, { input: 1, output: 1, maxOutputTokens: 1_000, isPriced: true });

export class BudgetPlay {
  /** In millionths. */
  readonly limit: number;
  #spent = 0;
  #reserved: ReadonlyMap<string, number> = new Map();
  /** Dispatches that ended without a word. */
  readonly #silent = new Set<string>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Decides as often as there is no room, each time with what met the budget, as the orchestrator does. Undefined: nothing changes. */
  decide(before: FoldedRun | undefined, command: RunCommand) {
    const met = new Map<string, Failure>();
    for (let round = 0; round < 100; round++) {
      const postponed = command.type === 'start';
      const { events, state } = decide(before, command, methods, { bound: () => BOUND, met, postponed });
      if (!state || events.length === 0) return undefined;
      const effect = effects(before, state, command.at);
      const money = moneyRows({ before, after: state, events, effects: effect }, { methods, unknownPrice: 1 });
      const reserved = new Map(this.#reserved);
      let spent = this.#spent;
      for (const { dispatchId: id, used } of money.ends) {
        if (used) reserved.delete(id);
        spent += used?.micros ?? 0;
      }
      const over = money.wants.find(({ dispatchId: id, most }) => {
        reserved.set(id, most?.micros ?? Number.NaN);
        return spent + sum(reserved.values()) > this.limit;
      });
      if (!over) return { events, state, effect, money, reserved, spent };
      met.set(over.job, failure({ reason: 'BUDGET_EXCEEDED', code: 8 }));
    }
    throw new Error('it met budgets without an end');
  }

  settle(
    { money, reserved, spent, state }: NonNullable<ReturnType<BudgetPlay['decide']>>,
    outbox: ReadonlySet<string>,
  ): void {
    for (const { dispatchId: id, used } of money.ends) {
      // What is told of an attempt is at most what was reserved for it.
      if (used && this.#reserved.has(id)) expect(used.micros).toBeLessThanOrEqual(this.#reserved.get(id) ?? 0);
      if (used) this.#silent.delete(id);
      else this.#silent.add(id);
    }
    this.#spent = spent;
    this.#reserved = reserved;
    for (const id of reserved.keys()) expect(outbox.has(id) || this.#silent.has(id)).toBe(true);
    for (const { id, epoch, nonce, method } of state.jobs.values()) {
      const outstanding = dispatchId(id, epoch, nonce);
      if (isPaid(method) && outbox.has(outstanding)) expect(reserved.has(outstanding)).toBe(true);
    }
  }

  /** What workers used is what was spent; only what other methods than those of models used goes beyond what was reserved. */
  mustBeWithin(run: FoldedRun | undefined): void {
    const jobs = [...(run?.jobs.values() ?? [])].filter(({ target }) => target === 'worker');
    const cost = (some: readonly FoldedJob[]) => sum(some.map(({ usage }) => usage.costMicros));
    expect(this.#spent).toBe(cost(jobs));
    const unreserved = cost(jobs.filter(({ method }) => !isPaid(method)));
    expect(this.#spent + sum(this.#reserved.values())).toBeLessThanOrEqual(this.limit + unreserved);
  }
}

const sum = (all: Iterable<number>): number => [...all].reduce((before, each) => before + each, 0);
