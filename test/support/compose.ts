// Reads docker/compose.yaml and the health checks of docker/Dockerfile for tests. Starts nothing.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { WORKER_SETTINGS } from '../../src/worker/program/settings.ts';
import type { Manifest } from './kustomize.ts';

/** The default time of a worker's drain, in seconds. */
export const WORKER_DRAIN_SECONDS = WORKER_SETTINGS.drainMs.fallback / 1000;

/** A compose file, its merges resolved. */
export function composeFile(file = 'docker/compose.yaml'): {
  readonly services: Record<string, Manifest>;
  readonly networks: Record<string, Manifest>;
} {
  return parse(readFileSync(file, 'utf8'), { merge: true, maxAliasCount: -1 });
}

/** The command of the health check of each stage of the Dockerfile that states one. */
export function healthchecks(): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let stage = '';
  for (const line of readFileSync('docker/Dockerfile', 'utf8').replaceAll('\\\n', ' ').split('\n')) {
    stage = /^FROM .* AS (\S+)$/.exec(line)?.[1] ?? stage;
    const command = /^HEALTHCHECK .*CMD (\[.*\])$/.exec(line)?.[1];
    if (command) found[stage] = JSON.parse(command);
  }
  return found;
}

/** `512m`, `1g`, `512Mi`, `1Gi` in MiB. */
export function mebibytes(text: string): number {
  const [, number, unit] = /^(\d+)([mg])i?$/i.exec(text) ?? [];
  if (unit === undefined) throw new Error(`not a size: ${text}`);
  return Number(number) * (unit.toLowerCase() === 'g' ? 1024 : 1);
}
