// The spans of a run, made of its events: one for the run, below it one for each job, and below that one for each attempt, which is linked
// to the attempt before it. Names, numbers, ids and reason codes only. Pure.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type JobQueued, type RunAccepted, type RunEvent, TargetKind } from '../../../gen/bowline/event/v1/event_pb.ts';
import { ATTRS, MARKS, OPERATIONS, SPANS } from '../../base/telemetry/names.ts';
import {
  attemptSpan,
  jobSpan,
  runSpan,
  type SpanData,
  type SpanMark,
  traceOf,
} from '../../base/telemetry/span-data.ts';
import { parseTraceParent } from '../../base/telemetry/trace-parent.ts';
import { usageRows } from '../orchestrator/decide/usage-rows.ts';
import { CHAT_METHOD } from '../orchestrator/run/method-names.ts';
import type { FoldedRun } from '../orchestrator/run/state.ts';
import type { UsageRow } from '../store/unit.ts';

interface OpenAttempt {
  readonly epoch: number;
  readonly start: number;
}

interface OpenJob {
  readonly queued: JobQueued;
  readonly start: number;
  readonly marks: SpanMark[];
  readonly ended: number[];
  attempt: OpenAttempt | undefined;
}

/** @param run its state after all of these events, which are all that it has */
export function runSpans(run: FoldedRun, events: readonly RunEvent[]): SpanData[] {
  const uses = new Map(usageRows(run, events).map((row) => [`${row.job} ${row.epoch}`, row]));
  return new SpansOfRun(run, uses).of(events);
}

class SpansOfRun {
  readonly #run: FoldedRun;
  readonly #uses: ReadonlyMap<string, UsageRow>;
  readonly #jobs = new Map<string, OpenJob>();
  readonly #spans: SpanData[] = [];
  #accepted: { readonly at: number; readonly value: RunAccepted } | undefined;

  constructor(run: FoldedRun, uses: ReadonlyMap<string, UsageRow>) {
    this.#run = run;
    this.#uses = uses;
  }

  of(events: readonly RunEvent[]): SpanData[] {
    for (const { event, eventTime } of events) this.#see(event, eventTime ? timestampMs(eventTime) : 0);
    return this.#spans;
  }

  #see(event: RunEvent['event'], at: number): void {
    switch (event.case) {
      case 'accepted':
        this.#accepted = { at, value: event.value };
        break;
      case 'jobQueued': {
        const attempt = { epoch: Number(event.value.epoch), start: at };
        this.#jobs.set(event.value.job, { queued: event.value, start: at, marks: [], ended: [], attempt });
        break;
      }
      case 'attemptFailed':
        this.#endAttempt(event.value.job, at, event.value.failure?.reason ?? 'UNKNOWN');
        break;
      case 'attemptDue':
        this.#begin(event.value.job, Number(event.value.epoch), at);
        break;
      case 'attemptLost':
        this.#endAttempt(event.value.job, at, 'ATTEMPT_LOST');
        this.#begin(event.value.job, Number(event.value.nextEpoch), at);
        break;
      case 'jobReceived':
      case 'jobHeld':
      case 'jobReleased':
        this.#jobs.get(event.value.job)?.marks.push({ name: MARK_OF[event.case], at });
        break;
      case 'jobFinished': {
        const { result } = event.value;
        this.#endJob(event.value.job, at, result.case === 'done' ? undefined : (result.value?.reason ?? 'UNKNOWN'));
        break;
      }
      case 'jobCancelled':
        this.#endJob(event.value.job, at, 'CANCELED');
        break;
      case 'ended':
        this.#endRun(at, event.value.outcome?.failure?.reason);
        break;
    }
  }

  #begin(job: string, epoch: number, start: number): void {
    const open = this.#jobs.get(job);
    if (open) open.attempt = { epoch, start };
  }

  #endAttempt(job: string, end: number, failed: string | undefined): void {
    const open = this.#jobs.get(job);
    if (!open?.attempt) return;
    const { epoch, start } = open.attempt;
    const { method, target } = open.queued;
    const use = this.#uses.get(`${job} ${epoch}`);
    this.#add({
      name: `${SPANS.attempt} ${open.ended.length + 1}`,
      kind: 'client',
      id: attemptSpan(job, epoch),
      parent: jobSpan(job),
      start,
      end,
      attributes: {
        [ATTRS.rpcMethod]: method,
        [ATTRS.target]: target === TargetKind.DEVICE ? 'device' : 'worker',
        [ATTRS.epoch]: epoch,
        ...(method === CHAT_METHOD && { [ATTRS.operation]: OPERATIONS.chat }),
        ...(use && {
          [ATTRS.provider]: use.provider,
          [ATTRS.model]: use.model,
          [ATTRS.inputTokens]: use.inputTokens,
          [ATTRS.outputTokens]: use.outputTokens,
          [ATTRS.cost]: use.costMicros,
        }),
      },
      links: open.ended.slice(-1).map((before) => attemptSpan(job, before)),
      marks: [],
      ...(failed === undefined ? {} : { failed }),
    });
    open.ended.push(epoch);
    open.attempt = undefined;
  }

  #endJob(job: string, end: number, failed: string | undefined): void {
    const open = this.#jobs.get(job);
    if (!open) return;
    this.#endAttempt(job, end, failed);
    this.#jobs.delete(job);
    const { method, toolName, parent, parentEpoch } = open.queued;
    const isTool = toolName !== '';
    this.#add({
      name: isTool ? `${SPANS.tool} ${toolName}` : method === CHAT_METHOD ? SPANS.chat : method,
      kind: 'internal',
      id: jobSpan(job),
      parent: parent === '' ? runSpan(this.#run.id) : attemptSpan(parent, Number(parentEpoch)),
      start: open.start,
      end,
      attributes: {
        [ATTRS.rpcMethod]: method,
        [ATTRS.job]: job,
        [ATTRS.attempts]: open.ended.length,
        ...(isTool && { [ATTRS.operation]: OPERATIONS.tool, [ATTRS.tool]: toolName }),
      },
      links: [],
      marks: open.marks,
      ...(failed === undefined ? {} : { failed }),
    });
  }

  #endRun(end: number, failed: string | undefined): void {
    if (!this.#accepted) return;
    const { id, kind, tenant, phase, call, usage } = this.#run;
    const caller = parseTraceParent(this.#accepted.value.traceParent);
    this.#add({
      name: call ? `${SPANS.call} ${call.method}` : SPANS.ask,
      kind: 'server',
      id: runSpan(id),
      start: this.#accepted.at,
      end,
      attributes: {
        [ATTRS.run]: id,
        [ATTRS.tenant]: tenant,
        [ATTRS.kind]: kind,
        [ATTRS.state]: phase,
        ...(!call && { [ATTRS.operation]: OPERATIONS.agent, [ATTRS.agent]: 'bowline' }),
        [ATTRS.inputTokens]: usage.inputTokens,
        [ATTRS.outputTokens]: usage.outputTokens,
        [ATTRS.cost]: usage.costMicros,
      },
      links: [],
      ...(caller && { caller }),
      marks: [],
      ...(failed === undefined ? {} : { failed }),
    });
  }

  #add(span: Omit<SpanData, 'trace'>): void {
    this.#spans.push({ ...span, trace: traceOf(this.#run.id) });
  }
}

const MARK_OF = { jobReceived: MARKS.received, jobHeld: MARKS.held, jobReleased: MARKS.released } as const;
