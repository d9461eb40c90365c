// The edge as a child of `up`: its bundle with its flags, a short environment, and the line with which it dials or joins.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { REFUSED, TOLD } from '../edge/program/commands.ts';
import { stands } from './child-end.ts';
import { edgeEnvironment } from './child-environment.ts';
import { type ChildOfUp, startChild } from './child-of-up.ts';

export interface EdgeChildOptions {
  readonly home: string;
  readonly allow: readonly string[];
  readonly allowWrite: readonly string[];
  /** Settings of the edge that `--set` said. */
  readonly set: readonly string[];
  /** The environment of `up`; what the edge may know of it is handed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** Where it dials, or the line with which it joins; asked for at each start. It loads its program meanwhile. */
  readonly dial: () => Promise<string>;
  /** Told in words what keeps it from its work. */
  readonly say: (line: string) => void;
  /** Told why the control plane refuses it. */
  readonly onRefused: (why: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export function startEdgeChild(options: EdgeChildOptions): ChildOfUp {
  const { home, allow, allowWrite, set, logFile, dial, say, clock, log } = options;
  return startChild({
    name: 'edge',
    command: async () => {
      const { args, env } = edgeCommand();
      const words = [...args, '--home', home, '--with-parent', '--wait'];
      for (const path of allow) words.push('--allow', path);
      for (const path of allowWrite) words.push('--allow-write', path);
      for (const text of set) words.push('--set', text);
      return { args: words, env: { ...edgeEnvironment(options.env), ...env }, input: [dial()] };
    },
    onLine: (line) => {
      if (line.startsWith(REFUSED)) options.onRefused(line.slice(REFUSED.length));
      if (line.startsWith(TOLD)) say(line.slice(TOLD.length));
    },
    // What the owner must mend is told in its own words, as if it had happened here.
    failed: (why, error) => (error && stands(error) ? error : new AppError('EDGE_FAILED', { why, log: logFile })),
    say,
    clock,
    log,
  });
}

/** The bundled edge with its V8 flags and environment where this runs from `dist/`, else the source. */
function edgeCommand(): { readonly args: string[]; readonly env: Record<string, string> } {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundle = join(here, 'edge.cjs');
  if (!existsSync(bundle)) return { args: [join(here, 'edge.ts'), 'edge'], env: {} };
  const words = (file: string) => readFileSync(join(here, file), 'utf8').trim().split(/\s+/).filter(Boolean);
  const settings = words('edge.env').map((word) => word.split('=') as [string, string]);
  return { args: [...words('edge.flags'), bundle, 'edge'], env: Object.fromEntries(settings) };
}
