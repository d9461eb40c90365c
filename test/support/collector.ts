// A collector: takes what is sent by OTLP over HTTP as JSON, reads it by the official contract, as strictly as a collector may, and tells
// it as spans and metrics. What breaks the contract is refused, and told by `problems`.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { ExportMetricsServiceRequestSchema } from '../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts';
import { ExportTraceServiceRequestSchema } from '../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts';
import type { AnyValue, KeyValue } from '../../gen/opentelemetry/proto/common/v1/common_pb.ts';
import type { Span } from '../../gen/opentelemetry/proto/trace/v1/trace_pb.ts';

export interface Collected {
  readonly trace: string;
  readonly id: string;
  /** Empty for the first of its trace. */
  readonly parent: string;
  readonly name: string;
  /** `service.name` of whoever it is of. */
  readonly service: string;
  /** What it failed with; empty when it did not. */
  readonly failed: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  /** Ids of spans, with their trace where it is another one. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Ids are hexadecimal in OTLP's JSON, and base64 in that of protobuf. */
const IDS: ReadonlySet<string> = new Set(['traceId', 'spanId', 'parentSpanId']);

function protobufJson(value: unknown, key = ''): JsonValue {
  if (IDS.has(key)) {
    if (!/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/.test(String(value))) throw new Error(`${key}: ${value}`);
    return Buffer.from(String(value), 'hex').toString('base64');
  }
  if (Array.isArray(value)) return value.map((each) => protobufJson(each));
  if (value === null || typeof value !== 'object') return value as JsonValue;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, protobufJson(each, name)]));
}

const parsed = <S extends DescMessage>(schema: S, body: string): MessageShape<S> =>
  fromJson(schema, protobufJson(JSON.parse(body)));

export async function startCollector() {
  const bodies: string[] = [];
  const problems: string[] = [];
  const spans: Collected[] = [];
  const metrics = new Map<string, number>();
  const take = (path: string, body: string): void => {
    if (path === '/v1/metrics') {
      for (const { scopeMetrics } of parsed(ExportMetricsServiceRequestSchema, body).resourceMetrics)
        for (const { metrics: each } of scopeMetrics)
          for (const { name, data } of each) metrics.set(name, (data.value?.dataPoints ?? []).length);
      return;
    }
    for (const { resource, scopeSpans } of parsed(ExportTraceServiceRequestSchema, body).resourceSpans) {
      const service = String(attributesOf(resource?.attributes ?? [])['service.name']);
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => collected(service, span)));
    }
  };
  const server = createServer(async (request, response) => {
    const body = await text(request);
    bodies.push(body);
    try {
      take(request.url ?? '', body);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    } catch (error) {
      problems.push(String(error));
      response.writeHead(400, { 'content-type': 'application/json' }).end('{}');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Of one trace, by their start. */
    spans: (trace: string) => spans.filter((span) => span.trace === trace).sort((a, b) => Number(a.start - b.start)),
    /** Points by the names of the metrics, of the last export of each. */
    metrics: metrics as ReadonlyMap<string, number>,
    /** Why something was refused. */
    problems: problems as readonly string[],
    /** Everything that came, as it came. */
    raw: () => bodies.join('\n'),
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Throws what the contract says in words. */
function collected(service: string, span: Span): Collected {
  const trace = hex(span.traceId);
  for (const id of [span.traceId, span.spanId]) if (id.every((byte) => byte === 0)) throw new Error('an empty id');
  if (span.traceId.length !== 16 || span.spanId.length !== 8) throw new Error('an id of a wrong length');
  if (span.name === '') throw new Error('a span without a name');
  return {
    trace,
    id: hex(span.spanId),
    parent: hex(span.parentSpanId),
    name: span.name,
    service,
    failed: span.status?.message ?? '',
    start: span.startTimeUnixNano,
    end: span.endTimeUnixNano,
    links: span.links.map(({ traceId, spanId }) =>
      hex(traceId) === trace ? hex(spanId) : `${hex(traceId)} ${hex(spanId)}`,
    ),
    attributes: attributesOf(span.attributes),
  };
}

const attributesOf = (pairs: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, plainOf(value)]));

function plainOf(any: AnyValue | undefined): unknown {
  const { case: kind, value } = any?.value ?? { case: undefined };
  if (kind === 'intValue') return Number(value);
  return kind === 'arrayValue' ? value.values.map(plainOf) : value;
}
