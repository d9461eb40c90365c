// Where the spans of this worker go: to a collector, where its settings name one. Nothing of it is loaded otherwise.
import { SERVICES } from '../../base/telemetry/names.ts';
import type { SpanSink } from '../kit/spans.ts';

export interface OpenSpans {
  readonly take: SpanSink | undefined;
  /** Sends what waits. */
  close(): Promise<void>;
}

/** @param url of the collector; undefined for none */
export async function openSpans(url: string | undefined, name: string): Promise<OpenSpans> {
  if (url === undefined) return { take: undefined, close: async () => {} };
  const { openTraces } = await import('../../base/telemetry/trace-sdk.ts');
  const traces = openTraces(url, { 'service.name': SERVICES.worker, 'service.instance.id': name });
  return { take: (span) => traces.send([span]), close: () => traces.close() };
}
