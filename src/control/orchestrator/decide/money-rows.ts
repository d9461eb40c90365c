// What a commit reserves and settles in budgets, from the states before and after and the events between them. Pure. What is not known
// counts as the worst that it may be.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ChatRequestSchema } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Usage } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { dispatchId } from '../../../base/ids.ts';
import { moneyText } from '../../../base/money-text.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { MAX_COST_MICROS } from '../../../contract/usage.ts';
import type { EndRow, WantRow } from '../../store/unit.ts';
import { chatRequest } from '../models/chat-request.ts';
import { CHAT_METHOD, isPaid } from '../run/method-names.ts';
import { type FoldedJob, type FoldedRun, openJobs } from '../run/state.ts';
import type { Effects } from './effects.ts';

export interface MoneyRules {
  readonly methods: MethodRegistry;
  /** What a million tokens count where no price is known. */
  readonly unknownPrice: number;
}

export interface MoneyRows {
  readonly wants: readonly WantRow[];
  readonly ends: readonly EndRow[];
}

/** Tokens that a provider may count around a request, and around each message and tool of it. */
const AROUND = 512;
const AROUND_EACH = 64;

export function moneyRows(
  { before, after, events, effects }: RunStep & { readonly effects: Effects },
  rules: MoneyRules,
): MoneyRows {
  const told = events.flatMap((event) => toldEnd(after, event, rules));
  const known = new Set(told.map((end) => end.dispatchId));
  const gone = effects.outboxDone.filter((id) => !known.has(id));
  const silent = [...(before?.jobs.values() ?? [])].flatMap((job): EndRow[] => {
    const id = dispatchId(job.id, job.epoch, job.nonce);
    if (job.target !== 'worker' || !isPaid(job.method) || !gone.includes(id)) return [];
    return [{ ...whose(after), dispatchId: id, models: undefined, used: undefined }];
  });
  const wants = effects.outbox.flatMap((row): WantRow[] => {
    const job = after.jobs.get(row.job);
    if (!job || row.target !== 'worker' || row.state !== 'ready' || !isPaid(job.method)) return [];
    const models = job.bound && job.bound.models.length > 0 ? job.bound.models : undefined;
    return [
      { ...whose(after), dispatchId: row.dispatchId, job: job.id, models, most: worstCase(after, job, rules.methods) },
    ];
  });
  return { wants, ends: [...told, ...silent] };
}

interface RunStep {
  readonly before: FoldedRun | undefined;
  readonly after: FoldedRun;
  readonly events: readonly RunEvent[];
}

const whose = ({ conversation, device, principal }: FoldedRun) => ({
  conversation: conversation || null,
  device: device || null,
  principal,
});

/** What an attempt may use at most; undefined where no bound was recorded. A token is at least a byte of the request. */
export function worstCase(run: FoldedRun, job: FoldedJob, methods: MethodRegistry): WantRow['most'] {
  const { bound } = job;
  if (!bound) return undefined;
  let read = job.params.length + AROUND;
  let written = 0;
  if (job.method === CHAT_METHOD) {
    const made = job.params.length > 0 || run.kind === 'call';
    const request = made ? fromBinary(ChatRequestSchema, job.params) : chatRequest(run, job.id, methods);
    const { messages, tools } = request;
    read = toBinary(ChatRequestSchema, request).length + AROUND + AROUND_EACH * (messages.length + tools.length);
    written = request.maxOutputTokens || bound.maxOutputTokens;
  }
  const micros = Math.min(Math.ceil(read * bound.input + written * bound.output), MAX_COST_MICROS);
  return { micros, tokens: read + written, prices: bound.prices };
}

/** Why a job may not begin in a run whose asker said what it may cost: with what else is under way it might cost more. */
export function metOwnCost(run: FoldedRun, job: FoldedJob, methods: MethodRegistry): Failure | undefined {
  if (run.maxCostMicros === 0 || job.target !== 'worker' || !isPaid(job.method)) return undefined;
  const most = (each: FoldedJob) => worstCase(run, each, methods)?.micros ?? 0;
  const others = openJobs(run).filter((each) => each.id !== job.id && each.target === 'worker' && isPaid(each.method));
  const spent = others.reduce((sum, each) => sum + most(each), run.usage.costMicros);
  const needs = most(job);
  if (spent + needs <= run.maxCostMicros) return undefined;
  const text = (micros: number) => moneyText(BigInt(micros));
  const error = new AppError('ASK_COST_MET', {
    limit: text(run.maxCostMicros),
    spent: text(spent),
    needs: text(needs),
  });
  return toFailure(error);
}

/** The end of an attempt whose use is known; none where the event says nothing of one. */
function toldEnd(run: FoldedRun, { event }: RunEvent, rules: MoneyRules): EndRow[] {
  if (event.case !== 'jobFinished' && event.case !== 'attemptFailed' && event.case !== 'lateResult') return [];
  const { job: id, epoch, usage } = event.value;
  const job = run.jobs.get(id);
  if (job?.target !== 'worker' || !usage) return [];
  const tokens = Number(usage.inputTokens + usage.outputTokens);
  const micros = charged(usage, job, rules);
  if (!isPaid(job.method) && tokens + micros === 0) return [];
  const { model } = usage;
  const models = model ? [model.name, `${model.provider}/${model.name}`] : undefined;
  return [{ ...whose(run), dispatchId: dispatchId(id, Number(epoch), job.nonce), models, used: { micros, tokens } }];
}

/** Money of what was used: as its worker says, or, where no price is known, the configured worst case. */
function charged({ costMicros, inputTokens, outputTokens, model }: Usage, job: FoldedJob, rules: MoneyRules): number {
  if (costMicros > 0n || model?.local || job.bound?.isPriced) return Number(costMicros);
  return Math.min(Math.ceil(Number(inputTokens + outputTokens) * rules.unknownPrice), MAX_COST_MICROS);
}
