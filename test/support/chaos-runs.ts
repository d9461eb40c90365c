// Two replicas of the run service over one store that fails and loses answers, and a world of workers, devices, timers and
// owners that does everything at any time. By seed.

import type { Clock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { AskCommand } from '../../src/control/orchestrator/decide/asks.ts';
import type { UntimedCommand } from '../../src/control/orchestrator/decide/run-commands.ts';
import { Orchestrator } from '../../src/control/orchestrator/service/orchestrator.ts';
import type { RunRow } from '../../src/control/store/unit.ts';
import { FaultyEventStore } from './faults/faulty-event-store.ts';
import { MemoryEventStore } from './memory-event-store.ts';
import { deviceTools, failed, methods, read, said } from './run-scenario.ts';
import { seeded } from './seeded.ts';

const TENANT = 't1';
const CALLS = [
  { name: 'fs_read', args: { path: 'a' } },
  { name: 'fs_write', args: { path: 'a', text: 'b' } },
  { name: 'sudo', args: {} },
];

export class ChaosRuns {
  readonly store: MemoryEventStore;
  readonly asks: AskCommand[] = [];
  readonly accepted = new Set<string>();
  readonly #random: () => number;
  readonly #replicas: Orchestrator[];
  readonly #past: (() => Promise<unknown>)[] = [];
  #now = Date.UTC(2026, 0, 1);

  constructor(seed: number) {
    this.#random = seeded(seed);
    const clock: Clock = {
      now: () => this.#now,
      monotonic: () => this.#now,
      after: (_ms, run) => {
        const soon = setImmediate(run);
        return () => clearImmediate(soon);
      },
    };
    this.store = new MemoryEventStore(clock);
    this.#replicas = [1, 2].map((replica) => {
      const plan = { seed: seed + replica, failBefore: 0.1, commitThenTimeout: 0.15 };
      const store = new FaultyEventStore(this.store, plan);
      const tools = async () => deviceTools('fs_read', 'fs_write');
      // So few that states are often loaded again.
      return new Orchestrator({
        store,
        clock,
        log: silentLogger,
        methods,
        tools,
        cacheRuns: 3,
        limits: { maxSteps: 3 },
      });
    });
  }

  /** Does `count` things, several at once. */
  async play(count: number): Promise<void> {
    for (let done = 0; done < count; done += 4) {
      await Promise.all([0, 1, 2, 3].map(() => this.#one()));
      this.#now += this.#int(2000);
    }
  }

  /** Answers what is outstanding and rings what is due until nothing is left, or the rounds are over. */
  async settle(rounds = 2000): Promise<void> {
    for (let round = 0; round < rounds && this.store.outbox.size + this.store.timers.size > 0; round++) {
      await Promise.all([this.#result(), this.#ring(true), this.#result()]);
    }
  }

  /** Runs of one conversation that have the turn together. */
  together(): RunRow[][] {
    const running = new Map<string, RunRow[]>();
    for (const row of this.store.runs.values()) {
      if (row.state === 'running' && row.conversation) {
        running.set(row.conversation, [...(running.get(row.conversation) ?? []), row]);
      }
    }
    return [...running.values()].filter((rows) => rows.length > 1);
  }

  async #one(): Promise<unknown> {
    const roll = this.#random();
    if (roll < 0.15) return this.#ask();
    if (roll < 0.2 && this.#past.length > 0) return this.#past[this.#int(this.#past.length)]!();
    if (roll < 0.65) return this.#result();
    if (roll < 0.75) return this.#lost();
    if (roll < 0.9) return this.#ring(false);
    if (roll < 0.93) return this.#cancel();
    return this.#received();
  }

  async #ask(): Promise<void> {
    const n = this.asks.length;
    const again = n > 0 && this.#random() < 0.3;
    const ask: AskCommand = again
      ? this.asks[this.#int(n)]!
      : {
          run: `run-${n}`,
          conversation: `conversation-${this.#int(3)}`,
          device: 'd1',
          deviceName: 'box',
          principal: 'device:d1',
          text: `Ask ${n}`,
          shares: [],
          source: 'device:d1',
          commandId: String(n),
        };
    if (!again) this.asks.push(ask);
    await this.#surely(async (service) => {
      const answer = await service.ask(TENANT, ask);
      if ('accepted' in answer) this.accepted.add(ask.run);
    });
  }

  async #result(): Promise<void> {
    const row = this.#pick([...this.store.outbox.values()]);
    if (!row) return;
    const chat = row.job.endsWith('/0');
    const roll = this.#random();
    const bad = failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true });
    const calls = CALLS.filter(() => this.#random() < 0.3);
    const good = chat ? said({ text: 'An answer.', calls }) : read('a', 'text');
    const result = roll < 0.15 ? bad : good;
    await this.#command(row.run, { type: 'result', job: row.job, epoch: row.epoch, result }, 'worker', row.dispatchId);
  }

  async #lost(): Promise<void> {
    const row = this.#pick([...this.store.outbox.values()]);
    if (!row) return;
    const request = { type: 'attemptLost', job: row.job, epoch: row.epoch, why: 'gone' } as const;
    await this.#command(row.run, request, 'dispatch', `lost:${row.dispatchId}`);
  }

  async #received(): Promise<void> {
    const row = this.#pick([...this.store.outbox.values()].filter((each) => each.target === 'device'));
    if (!row) return;
    const request = { type: 'received', job: row.job, epoch: row.epoch } as const;
    await this.#command(row.run, request, 'device', `received:${row.dispatchId}`);
  }

  async #ring(any: boolean): Promise<void> {
    const timer = this.store.due()[0] ?? (any ? this.#pick([...this.store.timers.values()]) : undefined);
    if (!timer || (any && this.#random() < 0.8 && timer.kind === 'deadline')) return;
    await this.#command(timer.stream, { type: 'timer', id: timer.id, kind: timer.kind }, 'timer', timer.id);
  }

  async #cancel(): Promise<void> {
    const ask = this.#pick(this.asks);
    if (!ask) return;
    const request = { type: 'cancel', principal: 'owner', requestId: 'x' } as const;
    await this.#command(ask.run, request, 'api', `cancel:${ask.run}:${this.#int(1000)}`);
  }

  async #command(run: string, request: UntimedCommand, source: string, commandId: string): Promise<void> {
    const send = () => this.#surely((service) => service.command(TENANT, run, request, { source, commandId }));
    if (this.#past.length < 500) this.#past.push(send);
    await send();
  }

  /** As its senders do: what failed as retryable is sent again, perhaps to the other replica. */
  async #surely(send: (service: Orchestrator) => Promise<unknown>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await send(this.#replicas[this.#int(2)]!);
        return;
      } catch (error) {
        if (!(error instanceof AppError && error.retryable) || attempt > 100) throw error;
      }
    }
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#int(list.length)];
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}
