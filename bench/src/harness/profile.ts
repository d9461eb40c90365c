// Sums a CPU profile up by function and by package, so that a missed budget can say where its time goes.
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { readSourceLines } from '../../../src/base/source-lines.ts';
import type { CpuProfile } from './inspector.ts';

interface Spent {
  readonly name: string;
  readonly ms: number;
  /** Of the time in which the process was not idle. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly seconds: number;
  /** Share of the time in which the process did anything. */
  readonly busy: number;
  readonly packages: readonly Spent[];
  readonly functions: readonly Spent[];
}

/** Self time, most first. Functions are named by their sources where the bundle has a map. */
export function summarize({ nodes, samples, timeDeltas }: CpuProfile, top = 40): ProfileSummary {
  const self = new Map<number, number>();
  let total = 0;
  samples.forEach((id, i) => {
    const spent = (timeDeltas[i] ?? 0) / 1000;
    self.set(id, (self.get(id) ?? 0) + spent);
    total += spent;
  });
  const where = new Places();
  const [packages, functions] = [new Map<string, number>(), new Map<string, number>()];
  let idle = 0;
  for (const { id, callFrame } of nodes) {
    const ms = self.get(id) ?? 0;
    if (ms === 0) continue;
    if (callFrame.functionName === '(idle)') idle += ms;
    else {
      const { file, room } = where.of(callFrame.url, callFrame.lineNumber, callFrame.columnNumber);
      add(packages, callFrame.url ? room : callFrame.functionName || 'native', ms);
      add(functions, `${callFrame.functionName || '(anonymous)'} ${file}`, ms);
    }
  }
  const busy = total - idle;
  const sorted = (spent: Map<string, number>) =>
    [...spent].sort((a, b) => b[1] - a[1]).map(([name, ms]) => ({ name, ms, share: ms / busy }));
  return {
    seconds: total / 1000,
    busy: busy / total,
    packages: sorted(packages).slice(0, 25),
    functions: sorted(functions).slice(0, top),
  };
}

export function summaryText(title: string, summary: ProfileSummary): string {
  const line = ({ name, ms, share }: Spent) =>
    `  ${(share * 100).toFixed(1).padStart(5)}%  ${ms.toFixed(0).padStart(6)} ms  ${name}`;
  return [
    `${title}: busy ${(summary.busy * 100).toFixed(0)}% of ${summary.seconds.toFixed(1)} s; shares of the busy time`,
    ' by package or room',
    ...summary.packages.map(line),
    ' by function',
    ...summary.functions.map(line),
  ].join('\n');
}

function add(sums: Map<string, number>, name: string, ms: number): void {
  sums.set(name, (sums.get(name) ?? 0) + ms);
}

type Lookup = (line: number, column: number) => string | undefined;

/** Finds the source of a place in a bundle: by its table of lines, or by its source map. */
class Places {
  readonly #lookups = new Map<string, Lookup | undefined>();

  of(url: string, line: number, column: number): { file: string; room: string } {
    const file = (this.#lookup(url)?.(line, column) ?? url).replace(/^.*?(node_modules|src|gen)\//, '$1/');
    const packaged = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file);
    const room = packaged?.[1] ?? /^(src\/[^/]+\/[^/.]+)/.exec(file)?.[1] ?? (file.startsWith('gen/') ? 'gen' : file);
    return { file, room };
  }

  #lookup(url: string): Lookup | undefined {
    if (!url.startsWith('file:')) return undefined;
    if (!this.#lookups.has(url)) {
      const path = fileURLToPath(url);
      const lines = readSourceLines(path.replace(/cjs$/, 'lines'));
      this.#lookups.set(url, lines ? (line) => lines(line + 1)?.replace(/:\d+$/, '') : readMap(`${path}.map`));
    }
    return this.#lookups.get(url);
  }
}

function readMap(path: string): Lookup | undefined {
  try {
    const map = new SourceMap(JSON.parse(readFileSync(path, 'utf8')));
    return (line, column) => {
      const entry = map.findEntry(line, column);
      return 'originalSource' in entry ? entry.originalSource : undefined;
    };
  } catch {
    return undefined;
  }
}
