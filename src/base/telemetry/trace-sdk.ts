// Sends spans to a collector with OpenTelemetry's exporter (OTLP over HTTP, as JSON). Loaded only where there is a collector.
import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { ATTRS } from './names.ts';
import type { SpanData } from './span-data.ts';

export interface Traces {
  /** Queues them; what a collector does not take in time is dropped. Never throws. */
  send(spans: readonly SpanData[]): void;
  /** Sends what is queued. */
  close(): Promise<void>;
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };
/** So many spans wait for the collector at most. */
const QUEUE = 4096;

/**
 * @param url of the collector, without `/v1/traces`
 * @param resource attributes of this process, such as `service.name`
 */
export function openTraces(url: string, resource: Readonly<Record<string, string>>): Traces {
  const exporter = new OTLPTraceExporter({ url: `${url.replace(/\/$/, '')}/v1/traces`, timeoutMillis: 5_000 });
  const processor = new BatchSpanProcessor({ exporter, maxQueueSize: QUEUE, scheduledDelayMillis: 1_000 });
  const own = resourceFromAttributes({ ...resource });
  // Few: one for each kind of program that sends nothing itself.
  const others = new Map<string, Resource>();
  const ofService = (service: string): Resource => {
    const known = others.get(service) ?? resourceFromAttributes({ 'service.name': service });
    others.set(service, known);
    return known;
  };
  return {
    send(spans) {
      for (const span of spans)
        processor.onEnd(readable(span, span.service === undefined ? own : ofService(span.service)));
    },
    close: () => processor.shutdown(),
  };
}

type Resource = ReadableSpan['resource'];

function readable(span: SpanData, resource: Resource): ReadableSpan {
  const context = (spanId: string) => ({ traceId: span.trace, spanId, traceFlags: TraceFlags.SAMPLED });
  const { failed, caller } = span;
  const links = span.links.map((id) => ({ context: context(id) }));
  if (caller) {
    const { trace: traceId, id: spanId } = caller;
    links.push({ context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED } });
  }
  return {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context(span.id),
    ...(span.parent === undefined ? {} : { parentSpanContext: context(span.parent) }),
    startTime: hrTime(span.start),
    endTime: hrTime(span.end),
    duration: hrTime(Math.max(span.end - span.start, 0)),
    ended: true,
    status: failed === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: failed },
    attributes: failed === undefined ? { ...span.attributes } : { ...span.attributes, [ATTRS.errorType]: failed },
    links,
    events: span.marks.map(({ name, at, attributes }) => ({ name, time: hrTime(at), attributes: { ...attributes } })),
    resource,
    instrumentationScope: { name: 'bowline' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
