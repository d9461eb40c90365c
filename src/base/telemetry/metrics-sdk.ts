// Metrics with OpenTelemetry's SDK, read in the text form of Prometheus. Loaded only where they are wanted: it takes some MB.
import type { Counter, Histogram, Observable } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { METRICS, type MetricKey, type MetricName, type MetricValue } from './names.ts';

/** The database may not answer; what is read without it is told all the same. */
const READ_MS = 5_000;

export interface Metrics {
  /** Adds to counters and histograms. Cheap, and never throws. */
  record(measure: MetricValue): void;
  /** All metrics as Prometheus reads them; gauges are read now. */
  text(): Promise<string>;
  close(): Promise<void>;
}

/**
 * @param resource attributes of this process, such as `service.name`
 * @param gauges reads everything that is a gauge; what it cannot read it leaves out
 */
export function openMetrics(
  resource: Readonly<Record<string, string>>,
  gauges: () => Promise<readonly MetricValue[]>,
): Metrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ resource: resourceFromAttributes({ ...resource }), readers: [reader] });
  const meter = provider.getMeter('bowline');
  const counters = new Map<MetricKey, Counter>();
  const histograms = new Map<MetricKey, Histogram>();
  const observed = new Map<MetricKey, Observable>();
  for (const [key, metric] of Object.entries(METRICS) as [MetricKey, MetricName][]) {
    const { name, kind, unit, what: description, bounds } = metric;
    if (kind === 'counter') counters.set(key, meter.createCounter(name, { unit, description }));
    else if (kind === 'gauge') observed.set(key, meter.createObservableGauge(name, { unit, description }));
    else if (kind === 'total') observed.set(key, meter.createObservableCounter(name, { unit, description }));
    else {
      const advice = bounds ? { explicitBucketBoundaries: [...bounds] } : {};
      histograms.set(key, meter.createHistogram(name, { unit, description, advice }));
    }
  }
  meter.addBatchObservableCallback(
    async (result) => {
      for (const { metric, value, labels } of await gauges()) {
        const gauge = observed.get(metric);
        if (gauge) result.observe(gauge, value, { ...labels });
      }
    },
    [...observed.values()],
  );
  const serializer = new PrometheusSerializer('', false, undefined, false, true);
  return {
    record({ metric, value, labels }) {
      counters.get(metric)?.add(value, { ...labels });
      histograms.get(metric)?.record(value, { ...labels });
    },
    async text() {
      const { resourceMetrics } = await reader.collect({ timeoutMillis: READ_MS });
      return serializer.serialize(resourceMetrics);
    },
    close: () => provider.shutdown(),
  };
}
