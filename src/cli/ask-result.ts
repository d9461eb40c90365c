// What an ask came to, and its one JSON object.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Approval, ApprovalSchema } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { FailureSchema, ModelInfoSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { type Ended, type Shared, SharedSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import {
  EscalationSchema,
  type Job,
  JobStateSchema,
  LeftOutCollectionSchema,
  type Outcome,
  RunStateSchema,
  SourceSchema,
  UsageSchema,
  type Withheld,
  WithheldReason,
  WithheldSchema,
} from '../../gen/bowline/run/v1/run_pb.ts';
import { EXIT } from '../base/status-codes.ts';
import { fromFailure } from '../contract/errors.ts';
import { exitOfRun } from './exit-codes.ts';
import { leavesPart } from './left-out-text.ts';
import { enumText, type Plain, type PlainObject, plain } from './plain.ts';

/** Where an ask stands when the command ends. */
export interface AskResult {
  run: string;
  conversation: string;
  shared: Shared | undefined;
  readonly jobs: Map<string, Job>;
  ended: Ended | undefined;
  /** Who answers a sensitive ask; empty for any other. */
  answeredBy: string;
  /** Whether the control plane has it. */
  sent: boolean;
  /** Whether it waits for the owner's answer to an approval. */
  approval: boolean;
  /** Those that wait for an answer, by their ids, as far as they are known here. */
  readonly approvals: Map<string, Approval>;
  /** Paths of files that its owner was asked to share while it went on. */
  readonly askedToShare: Set<string>;
  /** What it waited for last, in words; empty when it was not told. */
  waitsFor: string;
  /** Whether the time of `--timeout` is over. */
  late: boolean;
  /** Milliseconds since 1970 when it ends without an answer, where it was given a time. */
  expires?: number;
}

/** Of an ask that nothing is known of yet. */
export const newAskResult = (conversation: string): AskResult => ({
  run: '',
  conversation,
  shared: undefined,
  jobs: new Map(),
  ended: undefined,
  answeredBy: '',
  sent: false,
  approval: false,
  approvals: new Map(),
  askedToShare: new Set(),
  waitsFor: '',
  late: false,
});

/** What stayed on the box and its owner was not asked for while it went on. */
export const notAskedBefore = (
  { askedToShare }: Pick<AskResult, 'askedToShare'>,
  withheld: readonly Withheld[],
): Withheld[] => withheld.filter(({ name }) => !askedToShare.has(name));

/** Exit code: of the outcome, else of what it waits for. An answer without a file that was to be shared is one in part. @param named what was to be shared, as it was typed */
export function exitOfAsk(result: AskResult, named: readonly string[] = []): number {
  const { ended, approval, late, shared } = result;
  const answered = ended?.outcome && exitOfRun(ended.outcome.state);
  if (
    answered === EXIT.answered &&
    ((shared?.moreLeftOut ?? 0) > 0 ||
      leavesPart(shared?.leftOut ?? [], named) ||
      withheldShares(result, UNREAD).length > 0)
  )
    return EXIT.partial;
  if (answered !== undefined) return answered;
  if (approval) return EXIT.approval;
  return late ? EXIT.timedOut : EXIT.queued;
}

/** What a share that stands lets through. */
const ENDED: ReadonlySet<WithheldReason> = new Set([
  WithheldReason.NO_GRANT,
  WithheldReason.CAP,
  WithheldReason.CHANGED,
  WithheldReason.RESTARTED,
  WithheldReason.EXPIRED,
  WithheldReason.RECIPIENT,
]);

/** Also where the share stands. */
const UNREAD: ReadonlySet<WithheldReason> = new Set([...ENDED, WithheldReason.DAY_CAP]);

/** Names of files that were shared for this run and withheld all the same: their share ended before they were read. */
export const unsharedOf = (result: Pick<AskResult, 'ended' | 'shared'>): string[] => withheldShares(result, ENDED);

function withheldShares(
  { ended, shared }: Pick<AskResult, 'ended' | 'shared'>,
  reasons: ReadonlySet<WithheldReason>,
): string[] {
  const given = new Set((shared?.paths ?? []).map((path) => path.replace(/#L\d{1,9}-L\d{1,9}$/, '')));
  const withheld = ended?.outcome?.withheld ?? [];
  return [...new Set(withheld.filter(({ name, why }) => reasons.has(why) && given.has(name)).map(({ name }) => name))];
}

/** The object of `ask --json`. */
export function askJson(result: AskResult): PlainObject {
  const outcome = result.ended?.outcome;
  const jobs = outcome && outcome.jobs.length > 0 ? outcome.jobs : [...result.jobs.values()];
  return {
    id: result.run,
    conversation: result.conversation,
    state: stateOf(result),
    answeredBy: result.answeredBy,
    waitsFor: result.ended?.outcome ? '' : result.waitsFor,
    expireTime: result.expires === undefined ? null : new Date(result.expires).toISOString(),
    ...outcomeJson(outcome, jobs),
    egress: (result.ended?.egress ?? []).map(({ path, field, bytes, grant }) => ({
      path,
      field,
      bytes: Number(bytes),
      grant,
    })),
    shared: result.shared ? plain(SharedSchema, result.shared) : null,
    sharesEnded: unsharedOf(result),
    approvals: [...result.approvals.values()].map((each) => plain(ApprovalSchema, each)),
  };
}

/** What `ask --json`, `runs show --json` and `runs watch --json` say of an outcome. */
export function outcomeJson(outcome: Outcome | undefined, jobs: readonly Job[]): PlainObject {
  return {
    answer: outcome?.answer ?? '',
    sources: (outcome?.sources ?? []).map((source) => plain(SourceSchema, source)),
    jobs: jobs.map(jobJson),
    withheld: (outcome?.withheld ?? []).map((item) => plain(WithheldSchema, item)),
    leftOut: (outcome?.leftOut ?? []).map((item) => plain(LeftOutCollectionSchema, item)),
    usage: outcome?.usage ? plain(UsageSchema, outcome.usage) : null,
    tier: outcome?.tier ?? '',
    escalations: (outcome?.escalations ?? []).map((each) => plain(EscalationSchema, each)),
    model: outcome?.model ? plain(ModelInfoSchema, outcome.model) : null,
    failure: failureJson(outcome?.failure),
  };
}

export function jobJson(job: Job): PlainObject {
  return {
    id: job.id,
    method: job.method,
    target: job.target,
    state: enumText(JobStateSchema, job.state),
    attempts: job.attempts,
    milliseconds: job.elapsed ? durationMs(job.elapsed) : null,
    failure: failureJson(job.failure),
  };
}

function failureJson(failure: Outcome['failure']): Plain {
  if (!failure) return null;
  return { ...plain(FailureSchema, failure), message: fromFailure(failure).message };
}

function stateOf({ ended, approval, sent }: AskResult): string {
  if (ended?.outcome) return enumText(RunStateSchema, ended.outcome.state);
  return approval ? 'approval' : sent ? 'running' : 'queued';
}
