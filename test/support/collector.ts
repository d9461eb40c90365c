// A collector of traces: takes what is sent by OTLP over HTTP as JSON, and tells it as spans.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Collected {
  readonly trace: string;
  readonly id: string;
  /** Empty for the first of its trace. */
  readonly parent: string;
  readonly name: string;
  /** What it failed with; empty when it did not. */
  readonly failed: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Sent {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[] }[];
}

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly status?: { readonly message?: string };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly spanId: string }[];
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

export async function startCollector() {
  const bodies: string[] = [];
  const spans: Collected[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    bodies.push(body);
    const sent = JSON.parse(body) as Sent;
    for (const { scopeSpans } of sent.resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans.map(collected));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Of one trace, by their start. */
    spans: (trace: string) => spans.filter((span) => span.trace === trace).sort((a, b) => Number(a.start - b.start)),
    /** Everything that came, as it came. */
    raw: () => bodies.join('\n'),
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function collected(span: SentSpan): Collected {
  const number = ({ intValue, ...other }: Readonly<Record<string, unknown>>) =>
    intValue === undefined ? Object.values(other)[0] : Number(intValue);
  return {
    trace: span.traceId,
    id: span.spanId,
    parent: span.parentSpanId ?? '',
    name: span.name,
    failed: span.status?.message ?? '',
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    links: (span.links ?? []).map(({ spanId }) => spanId),
    attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, number(value)])),
  };
}
