// Judges early hand-off: asks over a control plane whose commits are held and then pass, lose their answer, fail or come second, by a
// seed. What an owner sees is of committed attempts alone, no dispatch is given out twice, and none that was given out for a commit that failed
// comes to be.
import { newId } from '../../src/base/ids.ts';
import type { EventStore } from '../../src/control/store/unit.ts';
import { CommitGate, type HeldCommit, handsOut } from '../support/commit-gate.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import type { EdgeStream } from '../support/fake-edge.ts';
import type { WorkerStream } from '../support/fake-worker.ts';
import { seeded } from '../support/seeded.ts';

const ASKS = 20;
const CONVERSATIONS = 6;
/** Turns of the driver that a commit is held at most. */
const HELD_TURNS = 12;
const PATIENCE_MS = 60_000;

const said = (dispatchId: string): string => `${dispatchId} says so.`;

export interface Played {
  readonly wrong: readonly string[];
  /** How often each way was gone, and how many jobs were at their worker before their commit. */
  readonly ways: Readonly<Record<'pass' | 'passSilently' | 'conflict', number>>;
  readonly early: number;
}

/** One control plane that is played on again and again. */
export class EarlySite {
  readonly #gate = new CommitGate();
  #watch = new Watch();
  #control: TestControl | undefined;

  static async start(): Promise<EarlySite> {
    const site = new EarlySite();
    site.#control = await TestControl.start({ wrapStore: (store) => site.#gate.wrap(site.#noted(store)) });
    return site;
  }

  async close(): Promise<void> {
    await this.#control?.close();
  }

  async play(seed: number): Promise<Played> {
    const control = this.#control!;
    const edge = control.closing(await (await control.device()).connect());
    const workers = [await control.worker({ name: 'w1' }), await control.worker({ name: 'w2' })];
    this.#watch = new Watch();
    try {
      edge.ask('ready?');
      await eventually(() => this.#watch.look(edge, workers) && edge.all('runEnded').length === 1, PATIENCE_MS);
      return await this.#drive(seeded(seed), edge, workers);
    } finally {
      this.#gate.hold(undefined);
      for (const held of this.#gate.held.splice(0)) held.pass();
      await Promise.all([edge, ...workers].map((stream) => stream.cut()));
    }
  }

  async #drive(random: () => number, edge: EdgeStream, workers: readonly WorkerStream[]): Promise<Played> {
    const watch = this.#watch;
    const lines = Array.from({ length: CONVERSATIONS }, () => newId());
    const ways = { pass: 0, passSilently: 0, conflict: 0 };
    const due = new Map<HeldCommit, number>();
    let asked = 1;
    let early = 0;
    const end = (held: HeldCommit) => {
      const ids = held.unit.outbox.map(({ dispatchId }) => dispatchId);
      if (ids.some((id) => watch.given.has(id))) early++;
      const roll = random();
      const way = roll < 0.5 ? 'pass' : roll < 0.75 ? 'passSilently' : 'conflict';
      ways[way]++;
      if (way === 'conflict') watch.failed(ids);
      held[way]();
    };
    this.#gate.hold(handsOut);
    await eventually(() => {
      if (asked < ASKS && random() < 0.5) {
        edge.ask(`ask ${asked++}`, { conversation: lines[Math.floor(random() * CONVERSATIONS)]! });
      }
      for (const held of this.#gate.held.splice(0)) due.set(held, 1 + Math.floor(random() * HELD_TURNS));
      watch.look(edge, workers);
      for (const [held, turns] of due) {
        due.set(held, turns - 1);
        if (turns > 0) continue;
        due.delete(held);
        end(held);
      }
      return edge.all('runEnded').length === ASKS;
    }, PATIENCE_MS).catch(() => watch.wrong.push(`${edge.all('runEnded').length} of ${asked} asks ended`));
    for (const { run, outcome } of edge.all('runEnded')) watch.ended(run, outcome?.answer ?? '');
    return { wrong: watch.wrong, ways, early };
  }

  /** Notes what is committed, before anybody can be told. */
  #noted(store: EventStore): EventStore {
    return {
      commit: async (unit) => {
        const result = await store.commit(unit);
        if (result.status === 'committed') this.#watch.committed(unit.outbox.map(({ dispatchId }) => dispatchId));
        return result;
      },
      outcome: (...of) => store.outcome(...of),
      load: (...of) => store.load(...of),
    };
  }
}

class Watch {
  readonly wrong: string[] = [];
  /** Dispatches that some worker was given. */
  readonly given = new Set<string>();
  readonly #committed = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #seen = new WeakMap<object, number>();

  committed(dispatchIds: readonly string[]): void {
    for (const id of dispatchIds) {
      this.#committed.add(id);
      if (this.#failed.has(id)) this.wrong.push(`${id} failed to be committed, and came to be`);
    }
  }

  failed(dispatchIds: readonly string[]): void {
    for (const id of dispatchIds) this.#failed.add(id);
  }

  /** Reads what came since the last look, and answers jobs. Always true. */
  look(edge: EdgeStream, workers: readonly WorkerStream[]): true {
    for (const worker of workers) {
      for (const job of this.#news(worker, worker.all('job'))) {
        if (this.given.has(job.dispatchId)) this.wrong.push(`${job.dispatchId} was given out twice`);
        this.given.add(job.dispatchId);
        worker.reply(job, said(job.dispatchId));
      }
    }
    for (const { chunk } of this.#news(edge, edge.all('runText'))) {
      if (chunk) this.#shown(chunk.text);
    }
    return true;
  }

  ended(run: string, answer: string): void {
    const id = answer.replace(/ says so\.$/, '');
    if (!id.startsWith(run) || !this.#committed.has(id)) this.wrong.push(`${run} ended with what was not committed`);
  }

  #shown(text: string): void {
    const id = text.replace(/ says so\.$/, '');
    if (text.endsWith(' says so.') && !this.#committed.has(id)) this.wrong.push(`${id} was shown before its commit`);
  }

  #news<T>(of: object, all: readonly T[]): readonly T[] {
    const from = this.#seen.get(of) ?? 0;
    this.#seen.set(of, all.length);
    return all.slice(from);
  }
}
