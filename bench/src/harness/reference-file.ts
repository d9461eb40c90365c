// bench/reference.json: the ratios that `make bench CHECK=1` compares with, and how they are written anew.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ReferenceRatios, withRun } from './check.ts';
import type { Row } from './measure.ts';

const FILE = fileURLToPath(new URL('../../reference.json', import.meta.url));

export function readReferences(): ReferenceRatios {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as ReferenceRatios) : {};
}

/** A line for each row: replaces the references of these rows, or adds a run to them. */
export function writeReferences(rows: readonly Row[], machine: string, how: 'write' | 'add'): string {
  const date = new Date().toISOString().slice(0, 10);
  const next = withRun(readReferences(), rows, { date, machine, anew: how === 'write' });
  const lines = Object.entries(next).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  writeFileSync(FILE, `{\n${lines.join(',\n')}\n}\n`);
  return FILE;
}
