// Where a call with an idempotency key stands: which run answers it, or as which of its rounds it begins. A round follows when the one
// before left the key free. Each has an id of its own in the inbox, which makes it one run, whoever asks, on whatever replica.
import type { MethodRegistry } from '../../contract/registry.ts';
import { keyIsFree } from '../orchestrator/decide/key-is-free.ts';
import type { CommandId } from '../orchestrator/decide/run-commands.ts';
import type { FoldedRun } from '../orchestrator/run/state.ts';
import type { Orchestrator } from '../orchestrator/service/orchestrator.ts';
import { ifReadable } from '../orchestrator/service/unreadable.ts';

export interface KeyedCall {
  /** Of the run that answers, or that begins. */
  readonly id: CommandId;
  /** Whether it stands on record and answers. */
  readonly known: boolean;
  /** The run of the round before, which left the key free. */
  readonly before: FoldedRun | undefined;
}

/** @param name what makes two calls the same one: the method, the device and the key */
export async function keyedCall(
  runs: Pick<Orchestrator, 'runOf' | 'state'>,
  methods: MethodRegistry,
  tenant: string,
  name: string,
): Promise<KeyedCall> {
  const last = await lastRound(async (round) => (await runs.runOf(tenant, roundId(name, round))) !== undefined);
  if (last < 0) return { id: roundId(name, 0), known: false, before: undefined };
  const id = roundId(name, last);
  const run = await runs.runOf(tenant, id);
  // One that cannot be read says so itself.
  const state = run === undefined ? undefined : await ifReadable(runs.state(tenant, run));
  if (!state || !keyIsFree(state, methods)) return { id, known: true, before: undefined };
  return { id: roundId(name, last + 1), known: false, before: state };
}

/** The first round has the id that older versions give. A key may hold anything, so the round is no part of the name. */
const roundId = (name: string, round: number): CommandId => ({
  source: round === 0 ? 'keyed-call' : `keyed-call:${round}`,
  commandId: name,
});

/**
 * The last round on record, -1 for none, in as many looks as its number has binary digits, twice: a key that is asked for again and
 * again while a box is full must not cost more with each time.
 */
export async function lastRound(exists: (round: number) => Promise<boolean>): Promise<number> {
  let there = -1;
  let step = 1;
  while (await exists(there + step)) {
    there += step;
    step *= 2;
  }
  for (step = Math.floor(step / 2); step >= 1; step = Math.floor(step / 2)) {
    if (await exists(there + step)) there += step;
  }
  return there;
}
