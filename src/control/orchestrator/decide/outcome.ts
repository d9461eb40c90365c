// How a run ended, as clients see it: answer, sources, failure, what was withheld, and its jobs. Pure.
import { create } from '@bufbuild/protobuf';
import {
  type Escalation,
  EscalationSchema,
  type Outcome,
  OutcomeSchema,
  RunState as State,
  type Withheld,
  WithheldReason,
} from '../../../../gen/bowline/run/v1/run_pb.ts';
import { sourcesOf } from '../models/answer-sources.ts';
import { leftOutOf } from '../models/collections-left-out.ts';
import { passagesOf } from '../models/retrieval.ts';
import { chatJob, chatOf, lastStep } from '../models/steps.ts';
import type { Ending } from '../run/ending.ts';
import { usageToProto, viewJob } from '../run/job-view.ts';
import { MAX_ANSWER_CHARS, MAX_OUTCOME_ENTRIES } from '../run/limits.ts';
import type { FoldedRun } from '../run/state.ts';

/**
 * The outcome of a run in this state. Sources and model are those of the last model turn. The summary is not among the jobs: it
 * goes on after the end.
 */
export function outcomeOf(run: FoldedRun, ending: Ending): Outcome {
  const step = ending.step ?? lastStep(run);
  const finish = ending.state === State.ANSWERED ? chatOf(run, step)?.finish : undefined;
  const model = finish?.model;
  const answer = (ending.answer ?? '').slice(0, MAX_ANSWER_CHARS).toWellFormed();
  return create(OutcomeSchema, {
    state: ending.state,
    answer,
    sources: ending.state === State.ANSWERED ? sourcesOf(run, answer, finish?.sources ?? []) : [],
    usage: usageToProto(run.usage),
    withheld: withheldOf(run),
    leftOut: leftOutOf(run),
    jobs: [...run.jobs.values()].filter(({ role }) => role !== 'summary').map((job) => viewJob(run, job)),
    escalations: escalationsOf(run, step),
    tier: chatJob(run, step)?.route?.tier ?? '',
    ...(ending.failure ? { failure: ending.failure } : {}),
    ...(model ? { model } : {}),
  });
}

/** What stayed on the box, over all jobs, each thing once; not that a file is unshared whose text a collection gave. */
export function withheldOf(run: FoldedRun): Withheld[] {
  const found = new Map<string, Withheld>();
  const held = new Set(passagesOf(run).map(({ document }) => document));
  for (const job of run.jobs.values()) {
    for (const each of job.result?.withheld ?? []) {
      if (each.why === WithheldReason.NO_GRANT && held.has(each.name)) continue;
      if (found.size >= MAX_OUTCOME_ENTRIES) return [...found.values()];
      found.set(`${each.name}\0${each.field}\0${each.why}`, each);
    }
  }
  return [...found.values()];
}

/** Turns that were asked again one tier up, with what came of it. @param answered the step that the answer is from */
function escalationsOf(run: FoldedRun, answered: number): Escalation[] {
  const turns = [...run.jobs.values()].filter(({ role }) => role === 'turn');
  return run.escalations.slice(0, MOST_ESCALATIONS).map(({ job, fromTier, toTier, reason, ...sure }) => {
    const left = run.jobs.get(job)?.step ?? -1;
    const better = turns.filter(({ step, route }) => step > left && route?.tier === toTier);
    const failure = answered > left ? undefined : better.at(-1)?.lastFailure;
    return create(EscalationSchema, {
      fromTier,
      toTier,
      reason,
      confidence: sure.confidence,
      below: sure.below,
      mostMicros: sure.mostMicros,
      costMicros: BigInt(better.reduce((sum, { usage }) => sum + usage.costMicros, 0)),
      ...(failure ? { failure } : {}),
    });
  });
}

/** That the contract has room for. */
const MOST_ESCALATIONS = 64;
