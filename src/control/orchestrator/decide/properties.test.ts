// Whatever comes in whatever order: the run stays legal, its record of what is outstanding is right, and folding its
// events again gives the same state.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type JobFinished,
  RunAcceptedSchema,
  type RunEvent,
  RunKind,
  TargetKind,
} from '../../../../gen/bowline/event/v1/event_pb.ts';
import { Sensitivity } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { CollectionUseSchema } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { EgressSchema, UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { BudgetPlay } from '../../../../test/support/budget-play.ts';
import { describe } from '../../../../test/support/describe-run.ts';
import { illegalOutstanding, illegalState, illegalStep } from '../../../../test/support/legal.ts';
import {
  deviceTools,
  failed,
  failure,
  methods,
  read,
  said,
  workerTools,
} from '../../../../test/support/run-scenario.ts';
import { lastStep } from '../models/steps.ts';
import { judgeToolCalls } from '../models/tool-calls.ts';
import { fold } from '../run/evolve.ts';
import { limitsToProto } from '../run/limits.ts';
import { type FoldedRun, isEnded, isOpen } from '../run/state.ts';
import { readRunEvent, storeRunEvent } from '../service/event-codec.ts';
import { decide } from './decide.ts';
import { openTimers } from './open-timers.ts';
import type { RunCommand } from './run-commands.ts';

const LIMITS = {
  maxSteps: 3,
  maxJobs: 9,
  maxParallel: 3,
  maxAttempts: 2,
  maxToolBytes: 2000,
  maxDepth: 2,
  maxCostMicros: 60,
  maxEdgeEnds: 2,
  summaryTurns: 1,
};
const FIRST = 1_800_000_000_000;

/** A run, and the record of what it has outstanding, kept as a store would keep it. */
class World {
  at = FIRST;
  run: FoldedRun | undefined;
  readonly events: RunEvent[] = [];
  readonly outbox = new Set<string>();
  readonly timers = new Set<string>();
  readonly #verdicts = new Map<string, string>();
  readonly budget: BudgetPlay;

  constructor(limit: number) {
    this.budget = new BudgetPlay(limit);
  }

  apply(command: RunCommand): void {
    const before = this.run;
    const decided = this.budget.decide(before, command);
    if (!decided) return;
    const { events, state, effect } = decided;
    for (const row of effect.outbox) this.outbox.add(row.dispatchId);
    for (const id of effect.outboxDone) expect(this.outbox.delete(id)).toBe(true);
    for (const row of effect.timers) this.timers.add(row.id);
    for (const id of effect.timersDone) expect(this.timers.delete(id)).toBe(true);
    this.run = state;
    this.events.push(...events);
    this.budget.settle(decided, this.outbox);
    expect(illegalState(state, methods)).toEqual([]);
    expect(illegalStep(before, state, events)).toEqual([]);
    expect(illegalOutstanding(state, this.outbox, this.timers)).toEqual([]);
    this.#judgeAgain(state);
  }

  /** What was once judged of a tool call is judged the same for ever, and what was refused never became a job. */
  #judgeAgain(run: FoldedRun): void {
    if (run.kind !== 'ask') return;
    for (let step = 0; step <= lastStep(run); step++) {
      for (const { index, verdict } of judgeToolCalls(run, step, methods)) {
        const now = verdict.ok ? 'ok' : verdict.failure.reason;
        const place = `${step}/${index}`;
        expect(now).toBe(this.#verdicts.get(place) ?? now);
        this.#verdicts.set(place, now);
        if (now !== 'ok') expect(run.jobs.has(`${run.id}/${place}`)).toBe(false);
      }
    }
  }
}

const TOOLS = [
  ...deviceTools('fs_read', 'fs_write', 'shell_run'),
  ...workerTools('web_fetch', 'web_search', 'sandbox_run', 'retrieval_search'),
];
const COLLECTIONS = [create(CollectionUseSchema, { name: 'notes', grant: 'g1', recipients: ['rules'] })];

const CALLS = [
  { name: 'fs_read', args: { path: 'a.md' } },
  { name: 'fs_write', args: { path: 'a.md', text: 'x' } },
  { name: 'shell_run', args: { argv: ['ls'] } },
  { name: 'fs_read', args: { nonsense: 1 } },
  { name: 'fs_read', args: '{' },
  { name: 'sudo', args: {} },
  { name: 'web_fetch', args: { url: 'https://example.com/' } },
  { name: 'web_fetch', args: { url: 'https://example.com/?leak=1' } },
  { name: 'web_search', args: { query: 'anything' } },
  { name: 'sandbox_run', args: { language: 'LANGUAGE_PYTHON', code: 'print(1)' } },
  { name: 'retrieval_search', args: { query: 'launch' } },
  { name: 'retrieval_search', args: { query: 'launch', collections: ['others'] } },
];

const EMBED = methods.resolve('embed_embed').fullName;

const usage = create(UsageSchema, { inputTokens: 3n, outputTokens: 2n, costMicros: 5n });
const egress = [create(EgressSchema, { path: 'a.md', field: 'text', sensitivity: Sensitivity.CONTENT, bytes: 4n })];

const anyResult = (tool: boolean): fc.Arbitrary<JobFinished['result']> =>
  fc.oneof(
    { weight: 12, arbitrary: tool ? fc.constant(read('a.md', 'text '.repeat(100))) : chatAnswer },
    fc.boolean().map((retryable) => failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable })),
    fc.constant<JobFinished['result']>({
      case: 'neverStarted',
      value: failure({ reason: 'PATH_NOT_ALLOWED', code: 7 }),
    }),
    fc.constant<JobFinished['result']>({ case: 'unknown', value: failure({ reason: 'OUTCOME_UNKNOWN', code: 2 }) }),
    fc.constant<JobFinished['result']>({ case: undefined }),
  );

const chatAnswer: fc.Arbitrary<JobFinished['result']> = fc
  .record({ text: fc.constantFrom('', 'Some text.'), calls: fc.array(fc.constantFrom(...CALLS), { maxLength: 5 }) })
  .map(said);

const KINDS = [
  ...['result', 'result', 'result', 'result', 'result', 'lost', 'started', 'received', 'timer', 'timer'],
  ...['heldBy', 'heldBy', 'endsEdges', 'held', 'held', 'released'],
  ...['cancel', 'accept', 'start', 'refuse', 'child', 'child'],
];

/** One thing that happens; what it hits is chosen among what is there. */
const happening = fc.record({
  kind: fc.constantFrom(...KINDS),
  pick: fc.nat(),
  /** How far the epoch is off. */
  off: fc.constantFrom(0, 0, 0, 0, -1, 1),
  open: fc.constantFrom(true, true, true, false),
  chat: anyResult(false),
  tool: anyResult(true),
  wait: fc.nat({ max: 5000 }),
  rare: fc.nat({ max: 20 }),
});

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function commandOf(world: World, it: Happening): RunCommand | undefined {
  const { run, at } = world;
  if (!run) return undefined;
  const all = [...run.jobs.values()];
  const candidates = it.open ? all.filter(isOpen) : all;
  const job = candidates[it.pick % Math.max(candidates.length, 1)];
  const timers = openTimers(run);
  const due = timers[it.pick % Math.max(timers.length, 1)];
  switch (it.kind) {
    case 'timer':
      if (!due || (due.kind === 'deadline' && it.rare > 0)) return { type: 'timer', at, id: 'none', kind: 'retry' };
      return { type: 'timer', at, id: due.id, kind: due.kind };
    case 'cancel':
      return it.rare > 1 ? undefined : { type: 'cancel', at, principal: 'owner', requestId: 'r' };
    case 'start':
      return { type: 'start', at, history: [], taints: [], tools: TOOLS, recipients: ['rules'] };
    case 'refuse':
      return it.rare > 4 ? undefined : { type: 'refuse', at, failure: failure({ reason: 'LIMIT_EXCEEDED', code: 8 }) };
    case 'accept':
      return { type: 'accept', at, accepted: create(RunAcceptedSchema, { run: run.id }) };
  }
  if (!job) return undefined;
  const epoch = job.epoch + it.off;
  switch (it.kind) {
    case 'lost':
      return { type: 'attemptLost', at, job: job.id, epoch, why: 'it went away' };
    case 'started':
      return { type: 'attemptStarted', at, job: job.id, epoch, targetName: 'worker w1' };
    case 'received':
      return { type: 'received', at, job: job.id, epoch };
    case 'held':
      return { type: 'held', at, job: job.id, epoch, leftMs: it.rare * 100_000 };
    case 'released':
      return { type: 'held', at, job: job.id, epoch, leftMs: undefined };
    case 'heldBy':
      return { type: 'received', at, job: job.id, epoch, heldBy: `boot ${it.rare % 5}` };
    case 'endsEdges':
      return { type: 'endsEdges', at, job: job.id, epoch, boot: `boot ${it.rare % 5}`, targetName: 'device d1' };
    case 'child':
      return {
        type: 'childCall',
        at,
        job: job.id,
        epoch,
        number: (it.rare % 4) + 1,
        method: it.rare === 7 ? methods.resolve('llm_chat').fullName : EMBED,
        params: new Uint8Array([1]),
        selector: {},
      };
    default:
      return {
        type: 'result',
        at,
        job: job.id,
        epoch,
        result: job.role === 'summary' || (job.role === 'turn' && run.kind === 'ask') ? it.chat : it.tool,
        usage,
        ...(job.target === 'device' && it.rare % 2 === 0 ? { egress } : {}),
      };
  }
}

type Kind = 'ask' | 'documents' | 'waiting' | 'read' | 'write' | 'search' | 'ingest';

const CALLED = { read: 'fs_read', write: 'fs_write', search: 'retrieval_search', ingest: 'retrieval_ingest' } as const;

/** @param limit of a budget, in millionths */
function begin(kind: Kind, limit = Number.POSITIVE_INFINITY): World {
  const world = new World(limit);
  const isAsk = kind === 'ask' || kind === 'documents' || kind === 'waiting';
  const method = isAsk ? undefined : methods.resolve(CALLED[kind]).fullName;
  const target = kind === 'search' || kind === 'ingest' ? TargetKind.WORKER : TargetKind.DEVICE;
  const accepted = create(RunAcceptedSchema, {
    run: 'r1',
    tenant: 't1',
    kind: isAsk ? RunKind.ASK : RunKind.CALL,
    device: 'd1',
    text: 'What does https://example.com/ say?',
    collections: kind === 'documents' ? COLLECTIONS : [],
    timeout: durationFromMs(600_000),
    limits: limitsToProto(LIMITS),
    ...(method === undefined ? { conversation: 'c1' } : { call: { method, target } }),
  });
  world.apply({ type: 'accept', at: world.at, accepted });
  if (kind !== 'waiting') {
    world.apply({
      type: 'start',
      at: world.at,
      history: [],
      taints: [],
      tools: isAsk ? TOOLS : [],
      recipients: [],
    });
  }
  return world;
}

function play(world: World, story: readonly Happening[]): void {
  for (const it of story) {
    world.at += it.wait;
    const command = commandOf(world, it);
    if (command) world.apply(command);
  }
}

const stories = fc.tuple(
  fc.constantFrom<Kind[]>('ask', 'ask', 'documents', 'documents', 'waiting', 'read', 'write', 'search', 'ingest'),
  fc.array(happening, { maxLength: 60, size: 'max' }),
);

test('any interleaving of results, duplicates, retries, timers, losses and cancels leads to a legal state', () => {
  fc.assert(
    fc.property(stories, ([kind, story]) => {
      const world = begin(kind);
      play(world, story);
      // Again from the stored bytes, in one go and in two.
      const stored = world.events.map(storeRunEvent).map(readRunEvent);
      expect(describe(fold(stored))).toEqual(describe(world.run));
      const half = stored.length >> 1;
      expect(describe(fold(stored.slice(half), fold(stored.slice(0, half))))).toEqual(describe(world.run));
    }),
    { numRuns: 300 },
  );
});

test('whatever happened before, a run ends once its open jobs are answered or its timers ring', () => {
  fc.assert(
    fc.property(stories, fc.boolean(), ([kind, story], byTimers) => {
      const world = begin(kind);
      play(world, story);
      for (let round = 0; round < 200 && world.run && openTimers(world.run).length + world.outbox.size > 0; round++) {
        const { run, at } = world;
        const job = [...run.jobs.values()].find((each) => isOpen(each) && each.phase !== 'retrying');
        const timer = openTimers(run).toSorted((a, b) => a.dueAt - b.dueAt)[0];
        if (job && !byTimers) {
          const speaks = job.role === 'summary' || (job.role === 'turn' && run.kind === 'ask');
          const result = speaks ? said({ text: 'Done.' }) : read('a.md', 'x');
          world.apply({ type: 'result', at, job: job.id, epoch: job.epoch, result });
        } else if (timer) {
          world.at = Math.max(at, timer.dueAt);
          world.apply({ type: 'timer', at: world.at, id: timer.id, kind: timer.kind });
        }
      }
      expect(world.run && isEnded(world.run)).toBe(true);
      expect(world.outbox.size + world.timers.size).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test('with a budget, too: nothing is begun beyond it, what ended is settled once, and the run ends with what it has', () => {
  let met = 0;
  fc.assert(
    fc.property(stories, fc.nat({ max: 100_000 }), ([kind, story], limit) => {
      const world = begin(kind, limit);
      play(world, story);
      world.budget.mustBeWithin(world.run);
      if ([...(world.run?.jobs.values() ?? [])].some((job) => job.lastFailure?.reason === 'BUDGET_EXCEEDED')) met++;
      for (let round = 0; round < 200 && world.run && openTimers(world.run).length > 0; round++) {
        const timer = openTimers(world.run).toSorted((a, b) => a.dueAt - b.dueAt)[0]!;
        world.at = Math.max(world.at, timer.dueAt);
        world.apply({ type: 'timer', at: world.at, id: timer.id, kind: timer.kind });
      }
      expect(world.run && isEnded(world.run)).toBe(true);
      expect(world.outbox.size).toBe(0);
    }),
    { numRuns: 200 },
  );
  expect(met).toBeGreaterThan(10);
});

test('a command that came before changes nothing when it comes again at once', () => {
  fc.assert(
    fc.property(stories, ([kind, story]) => {
      const world = begin(kind);
      for (const it of story) {
        world.at += it.wait;
        const command = commandOf(world, it);
        if (!command) continue;
        world.apply(command);
        expect(decide(world.run, command, methods).events).toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
});
