// What the events of a commit add to the metrics: numbers, names of methods and models, reason codes. Pure.
import type { RunEvent } from '../../../gen/bowline/event/v1/event_pb.ts';
import type { MetricValue } from '../../base/telemetry/names.ts';
import { usageRows } from '../orchestrator/decide/usage-rows.ts';
import type { FoldedJob, FoldedRun } from '../orchestrator/run/state.ts';
import type { UsageRow } from '../store/unit.ts';

/** @param state the run after these events */
export function runMeasures(state: FoldedRun, events: readonly RunEvent[]): MetricValue[] {
  return [...events.flatMap(({ event }) => ofEvent(state, event)), ...usageRows(state, events).flatMap(ofUsage)];
}

function ofEvent(state: FoldedRun, event: RunEvent['event']): MetricValue[] {
  const { kind } = state;
  switch (event.case) {
    case 'accepted':
      return [{ metric: 'runsBegun', value: 1, labels: { kind } }];
    case 'ended': {
      const seconds = ((state.endedAt ?? state.createdAt) - state.createdAt) / 1000;
      const reason = event.value.outcome?.failure?.reason ?? '';
      return [
        { metric: 'runsEnded', value: 1, labels: { kind, state: state.phase, reason } },
        { metric: 'runSeconds', value: Math.max(seconds, 0), labels: { kind, state: state.phase } },
      ];
    }
    case 'attemptFailed': {
      const { job, failure } = event.value;
      const reason = failure?.reason ?? '';
      return [{ metric: 'attemptsFailed', value: 1, labels: { method: methodOf(state, job), reason } }];
    }
    case 'attemptLost':
      return [
        { metric: 'attemptsFailed', value: 1, labels: { method: methodOf(state, event.value.job), reason: 'lost' } },
      ];
    case 'jobFinished':
    case 'jobCancelled':
      return ended(state.jobs.get(event.value.job));
    case 'jobHeld':
      return [{ metric: 'approvals', value: 1, labels: { event: 'asked' } }];
    case 'jobReleased':
      return [{ metric: 'approvals', value: 1, labels: { event: 'released' } }];
    default:
      return [];
  }
}

const methodOf = (state: FoldedRun, job: string): string => state.jobs.get(job)?.method ?? '';

function ended(job: FoldedJob | undefined): MetricValue[] {
  if (!job) return [];
  const { method, phase, lastFailure, queuedAt, endedAt = queuedAt, heldMs } = job;
  const reason = phase === 'done' ? '' : (lastFailure?.reason ?? '');
  return [
    { metric: 'jobsEnded', value: 1, labels: { method, state: phase, reason } },
    { metric: 'jobSeconds', value: Math.max(endedAt - queuedAt - heldMs, 0) / 1000, labels: { method } },
  ];
}

function ofUsage({ provider, model, inputTokens, outputTokens, costMicros }: UsageRow): MetricValue[] {
  const labels = { 'gen_ai.provider.name': provider, 'gen_ai.request.model': model };
  return [
    { metric: 'tokens', value: inputTokens, labels: { ...labels, 'gen_ai.token.type': 'input' } },
    { metric: 'tokens', value: outputTokens, labels: { ...labels, 'gen_ai.token.type': 'output' } },
    { metric: 'cost', value: costMicros, labels },
  ];
}
