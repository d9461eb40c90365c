// What an edge told of its own work, as spans, numbers and lines of the log. An edge may say anything: only codes of the table, bounded
// numbers, and jobs of the run that they are said of are passed on. Pure.
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  EdgeLogLevel,
  EdgeMeasureKind,
  type EdgeSpan,
  EdgeSpanKind,
  type EdgeTelemetry,
} from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import { isReason } from '../../base/errors.ts';
import type { Fields } from '../../base/logger.ts';
import { ATTRS, type MetricValue, SERVICES, SPANS } from '../../base/telemetry/names.ts';
import {
  attemptSpan,
  edgeAskSpan,
  edgeCallSpan,
  runSpan,
  type SpanData,
  traceOf,
} from '../../base/telemetry/span-data.ts';

/** Runs that one telling may be about. */
const MOST_RUNS = 64;
/** More cannot have happened between two tellings. */
const MOST_COUNT = 100_000;

/** The runs that it says something of; who may say so is for others to judge. */
export const runsTold = ({ spans }: EdgeTelemetry): string[] =>
  [...new Set(spans.map(({ run }) => run))].slice(0, MOST_RUNS);

/** @param mayTell whether a run is one of this device */
export function edgeSpans(device: string, told: EdgeTelemetry, mayTell: (run: string) => boolean): SpanData[] {
  return told.spans
    .filter(({ run, job }) => mayTell(run) && (job === '' || job.startsWith(`${run}/`)))
    .flatMap((span) => spanOf(device, span));
}

function spanOf(device: string, span: EdgeSpan): SpanData[] {
  const { kind, run, job } = span;
  const epoch = Number(span.epoch);
  const start = msOf(span.startTime);
  const common = {
    kind: 'internal',
    trace: traceOf(run),
    service: SERVICES.edge,
    start,
    end: Math.max(start, msOf(span.endTime)),
    links: [],
    marks: [],
    ...(span.reason !== '' && { failed: reasonIn(span.reason) }),
  } as const;
  const about = { [ATTRS.device]: device };
  if (kind === EdgeSpanKind.ASK)
    return [{ ...common, name: SPANS.edgeAsk, id: edgeAskSpan(run), parent: runSpan(run), attributes: about }];
  if (kind !== EdgeSpanKind.TOOL_CALL || job === '') return [];
  return [
    {
      ...common,
      name: SPANS.edgeCall,
      id: edgeCallSpan(job, epoch),
      parent: attemptSpan(job, epoch),
      attributes: { ...about, [ATTRS.epoch]: epoch },
    },
  ];
}

/** Counts and sizes without the name of the device: operators count devices, they do not watch one. */
export function edgeMeasures({ measures, logs }: EdgeTelemetry): MetricValue[] {
  const numbers = new Map(measures.map(({ kind, value }) => [kind, Number(value)] as const));
  const count = (kind: EdgeMeasureKind) => Math.min(numbers.get(kind) ?? 0, MOST_COUNT);
  const failed = count(EdgeMeasureKind.CALLS_FAILED);
  const memory = numbers.get(EdgeMeasureKind.MEMORY);
  return [
    { metric: 'edgeCalls', value: Math.max(count(EdgeMeasureKind.CALLS) - failed, 0), labels: { state: 'done' } },
    { metric: 'edgeCalls', value: failed, labels: { state: 'failed' } },
    { metric: 'edgeAsks', value: count(EdgeMeasureKind.ASKS), labels: {} },
    ...(memory === undefined ? [] : [{ metric: 'edgeMemory', value: memory, labels: {} } as const]),
    ...logs.map(({ level, reason, count: lines }): MetricValue => {
      const labels = { level: LEVELS[level] ?? 'warn', reason: reasonIn(reason) };
      return { metric: 'edgeLines', value: Math.min(lines, MOST_COUNT), labels };
    }),
  ];
}

/** Its lines of the log, as fields of a line of ours. */
export const edgeLines = ({ logs }: EdgeTelemetry): Fields[] =>
  logs.map(({ level, reason, count }) => ({ level: LEVELS[level] ?? 'warn', reason: reasonIn(reason), count }));

const LEVELS: Readonly<Record<number, string>> = { [EdgeLogLevel.WARN]: 'warn', [EdgeLogLevel.ERROR]: 'error' };

const reasonIn = (reason: string): string => (isReason(reason) ? reason : 'UNKNOWN');

const msOf = (time: Timestamp | undefined): number => (time ? timestampMs(time) : 0);
