// Outcomes that the edge itself writes, and outcomes cut to what a journal record holds.
import { create, toBinary } from '@bufbuild/protobuf';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import { type Outcome, OutcomeSchema, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { toFailure } from '../../contract/errors.ts';

/** A record holds 1 MiB; this leaves room for its frame. */
const MAX_OUTCOME_BYTES = 1_000_000;

export const refusedOutcome = (failure: Failure): Outcome =>
  create(OutcomeSchema, { state: RunState.REFUSED, failure });

export const timedOutOutcome = (after: string): Outcome =>
  create(OutcomeSchema, {
    state: RunState.TIMED_OUT,
    failure: toFailure(new AppError('DEADLINE_EXCEEDED', { after })),
  });

export const cancelledOutcome = (): Outcome =>
  create(OutcomeSchema, { state: RunState.CANCELLED, failure: toFailure(new AppError('CANCELED')) });

/** The outcome, or where it is too long for a record, one without jobs and with a shortened answer that says so. */
export function outcomeForJournal(outcome: Outcome): Outcome {
  if (toBinary(OutcomeSchema, outcome).length <= MAX_OUTCOME_BYTES) return outcome;
  const what = 'the kept copy of this answer';
  const failure = toFailure(fixedLimit(what, `${MAX_OUTCOME_BYTES} bytes`, 'it was shown whole'));
  const { state, usage, model } = outcome;
  return create(OutcomeSchema, {
    state,
    answer: outcome.answer.slice(0, MAX_OUTCOME_BYTES / 4),
    failure: outcome.failure ?? failure,
    ...(usage && { usage }),
    ...(model && { model }),
  });
}
