// What operators are given for Prometheus names only metrics and labels that there are.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { METRICS, type MetricName } from '../../src/base/telemetry/names.ts';
import { problemsOf } from '../support/kubernetes-schema.ts';
import { documents } from '../support/kustomize.ts';
import { promtool } from '../support/promtool.ts';

const FOLDER = join(import.meta.dirname, '../../docker/observability');
const tool = await promtool();

/** Names as Prometheus has them. */
const ENDS = { counter: ['_total'], total: ['_total'], gauge: [''], histogram: ['_bucket', '_count', '_sum'] };
const plain = (name: string) => name.replaceAll('.', '_');
const metrics: readonly MetricName[] = Object.values(METRICS);
const names = new Set(metrics.flatMap(({ name, kind }) => ENDS[kind].map((end) => plain(name) + end)));
const labels = new Set([...metrics.flatMap((metric) => metric.labels.map(plain)), 'le', 'job', 'instance']);

test.each(['rules.yml', 'grafana/bowline.json', 'keda.yaml'])(
  'every metric and label in %s is one that is told',
  (file) => {
    const rules = readFileSync(join(FOLDER, file), 'utf8').replaceAll('\\"', '"');
    const used = rules.match(/\b(?:bowline|gen_ai|process)_[a-z0-9_]+/g) ?? [];
    expect(used.length).toBeGreaterThan(file === 'keda.yaml' ? 0 : 6);
    expect(used.filter((name) => !names.has(name) && !labels.has(name))).toEqual([]);
    const asked = [
      ...rules.matchAll(/[{,(]\s*([a-z_]+)(?:=~?|!=)"|\bby \(([a-z_, ]+)\)|(?:\$labels\.|\{\{)([a-z_]+)/g),
    ].flatMap(([, equal, by, told]) => equal ?? told ?? by?.split(/,\s*/) ?? []);
    expect(asked.length).toBeGreaterThan(file === 'keda.yaml' ? 0 : 4);
    expect(asked.filter((label) => !labels.has(label))).toEqual([]);
  },
);

test('the scaled object of KEDA is one by the published schema', async () => {
  const [scaled, ...others] = documents(readFileSync(join(FOLDER, 'keda.yaml'), 'utf8'));
  expect(others).toEqual([]);
  expect(await problemsOf(scaled!)).toEqual([]);
});

test('names differ, and none is of two metrics', () => {
  expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  for (const { name } of metrics) expect(name).toMatch(/^(?:bowline|gen_ai|process)(?:\.[a-z]+)+/);
  expect(metrics.flatMap(({ labels: own }) => own).filter((label) => !/^[a-z_.]+$/.test(label))).toEqual([]);
});

test.skipIf(tool === undefined)('promtool takes the rules and the example', () => {
  const run = (...words: string[]) => execFileSync(tool ?? '', words, { cwd: FOLDER, encoding: 'utf8', stdio: 'pipe' });
  expect(run('check', 'rules', 'rules.yml')).toContain('SUCCESS');
  // Without the key, which every installation has for itself.
  for (const file of ['prometheus.yml', 'scrape.yml'])
    expect(run('check', 'config', '--syntax-only', file)).toContain('SUCCESS');
});
