// The edge as a child of `up`: its bundle with its flags, a short environment, and the line with which it joins.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { edgeEnvironment } from './child-environment.ts';
import { type ChildOfUp, startChild } from './child-of-up.ts';

export interface EdgeChildOptions {
  readonly home: string;
  readonly control: string;
  readonly allow: readonly string[];
  readonly logFile: string;
  /** The line with which the edge joins; asked for at each start until it has joined. */
  readonly joinLine: () => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

export function startEdgeChild({ home, control, allow, logFile, joinLine, clock, log }: EdgeChildOptions): ChildOfUp {
  return startChild({
    name: 'edge',
    command: async () => {
      const line = await joinLine();
      const { args, env } = edgeCommand();
      const words = [...args, '--home', home, '--control', control, '--with-parent'];
      for (const path of allow) words.push('--allow', path);
      if (line !== undefined) words.push('--join');
      return {
        args: words,
        env: { ...edgeEnvironment(process.env), ...env },
        input: line === undefined ? [] : [line],
      };
    },
    failed: (why) => new AppError('EDGE_FAILED', { why, log: logFile }),
    clock,
    log,
  });
}

/** The bundled edge with its V8 flags and environment where this runs from `dist/`, else the source. */
function edgeCommand(): { readonly args: string[]; readonly env: Record<string, string> } {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundle = join(here, 'edge.mjs');
  if (!existsSync(bundle)) return { args: [join(here, 'edge.ts'), 'edge'], env: {} };
  const words = (file: string) => readFileSync(join(here, file), 'utf8').trim().split(/\s+/).filter(Boolean);
  const settings = words('edge.env').map((word) => word.split('=') as [string, string]);
  return { args: [...words('edge.flags'), bundle, 'edge'], env: Object.fromEntries(settings) };
}
