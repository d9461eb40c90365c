// The worker as a child of `up`: the program `bowline worker` with all capabilities. Settings and whatever may be secret reach
// it by its standard input, never by its command line or its environment.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromJsonString } from '@bufbuild/protobuf';
import { FailureSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { besideEntry } from '../base/beside-entry.ts';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import type { Logger } from '../base/logger.ts';
import { fromFailure } from '../contract/errors.ts';
import { SERVABLE } from '../worker/program/capability-names.ts';
import { FAILED, FOUND, type Handed, MISSING } from '../worker/program/handed.ts';
import { WORKER_SETTINGS, type WorkerSettings } from '../worker/program/settings.ts';
import { workerEnvironment } from './child-environment.ts';
import { type ChildOfUp, startChild } from './child-of-up.ts';

export interface WorkerChildOptions {
  readonly home: string;
  /** Resolves with the URL of the control plane when it listens. */
  readonly control: Promise<string>;
  readonly settings: WorkerSettings;
  /** What `--set` of `up` says, for control plane and worker. */
  readonly set: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly drainMs: number;
  /** Told of a capability that is not served here, in words. */
  readonly onMissing: (what: string) => void;
  /** Told in words what keeps it from its work. */
  readonly say: (line: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export function startWorkerChild(options: WorkerChildOptions): ChildOfUp {
  const { home, clock, log } = options;
  const logFile = join(homePaths(home).logs, 'worker.log');
  let failure: AppError | undefined;
  const missing = new Map<string, string>();
  const child = startChild({
    name: 'worker',
    onStart: () => {
      missing.clear();
      failure = undefined;
    },
    command: async () => ({
      args: [`--max-old-space-size=${options.settings.heapBytes >> 20}`, ...programArgs(home)],
      env: workerEnvironment(options.env),
      input: [JSON.stringify(handedOf(options)), options.control],
    }),
    onLine: (line) => {
      if (line.startsWith(MISSING)) {
        const what = line.slice(MISSING.length);
        if (missing.get(capabilityIn(what)) !== what) options.onMissing(`without ${what}`);
        missing.set(capabilityIn(what), what);
      }
      if (line.startsWith(FOUND)) {
        missing.delete(line.slice(FOUND.length));
        options.onMissing(`with ${line.slice(FOUND.length)} again`);
      }
      if (line.startsWith(FAILED)) failure = failureIn(line.slice(FAILED.length));
    },
    // In its own words, as if it had happened here.
    failed: (why) => failure ?? new AppError('WORKER_FAILED', { why, log: logFile }),
    say: options.say,
    clock,
    log,
  });
  const { serve } = options.settings;
  const noModel = serve.length > 0 && !serve.includes('llm');
  return { ...child, figures: () => ({ ...child.figures(), missing: [...missing.values()], noModel }) };
}

/** `embed: why` */
const capabilityIn = (what: string): string => what.split(':', 1)[0] ?? '';

const programArgs = (home: string): string[] => [
  fileURLToPath(besideEntry(import.meta.url, 'worker-program', '.cjs')),
  'worker',
  '--with-parent',
  '--home',
  home,
];

/** The settings of this `up`, as the worker would be given them on a machine of its own. */
export function handedOf({
  home,
  settings,
  set,
  env,
  drainMs,
}: Pick<WorkerChildOptions, 'home' | 'settings' | 'set' | 'env' | 'drainMs'>): Handed {
  const own: readonly (readonly [{ readonly env: string }, string | number | undefined])[] = [
    [WORKER_SETTINGS.serve, settings.serve.length > 0 ? undefined : SERVABLE.join(',')],
    [WORKER_SETTINGS.name, settings.name === undefined ? 'local' : undefined],
    [WORKER_SETTINGS.keyFile, join(homePaths(home).control, 'worker.key')],
    [WORKER_SETTINGS.drainMs, Math.min(Math.floor(drainMs), WORKER_SETTINGS.drainMs.max)],
    [WORKER_SETTINGS.logTo, 'file'],
  ];
  const more = own.flatMap(([setting, value]) => (value === undefined ? [] : [`${setting.env}=${value}`]));
  // What is said last counts.
  return { env: present(env), set: [...set, ...more] };
}

const present = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

function failureIn(text: string): AppError | undefined {
  try {
    return fromFailure(fromJsonString(FailureSchema, text));
  } catch {
    return undefined;
  }
}
