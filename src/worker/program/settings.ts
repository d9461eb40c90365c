// The table of every setting of workers, in a group for each capability. Parsing, bounds, help and docs are made from it
// (config.ts, worker-command.ts, scripts/config-docs.ts); it does nothing itself. A new row is all that a new setting needs.

import { OTLP_SETTING } from '../../base/settings/otlp-setting.ts';
import type { Setting, SettingTable, SettingValues } from '../../base/settings/setting.ts';
import { namesOf } from '../../base/settings/setting-text.ts';
import { DOCUMENT_ROWS } from '../documents/setting-rows.ts';
import { EMBED_ROWS } from '../handlers/embed/setting-rows.ts';
import { RETRIEVAL_ROWS } from '../handlers/retrieval/setting-rows.ts';
import { SANDBOX_ROWS } from '../handlers/sandbox/setting-rows.ts';
import { WEB_ROWS } from '../handlers/web/setting-rows.ts';
import { WORK_LIMITS } from '../loop/work-limits.ts';

const GROUPS = {
  worker: 'The worker and its jobs',
  llm: 'Models',
  embed: 'Embeddings',
  retrieval: 'Retrieval',
  web: 'Web',
  documents: 'Documents (web and retrieval)',
  sandbox: 'Sandbox',
} as const;

export const WORKER_SETTINGS = {
  serve: {
    env: 'BOWLINE_WORKER_SERVE',
    group: 'worker',
    kind: 'list',
    flag: '--serve <capability...>',
    what: 'capabilities to serve; by default `llm`, and inside `bowline up` all that this machine can serve',
    item: /^[a-z][a-z0-9-]{0,62}$/,
    like: 'llm,web',
    most: 64,
    fallback: [],
  },
  slots: {
    env: 'BOWLINE_WORKER_SLOTS',
    group: 'worker',
    kind: 'number',
    flag: '--slots <number>',
    unit: 'count',
    what: 'jobs at once of each capability; a job of a heavy method counts as several',
    fallback: 8,
    min: 1,
    max: 1_024,
  },
  name: {
    env: 'BOWLINE_WORKER_NAME',
    group: 'worker',
    kind: 'text',
    flag: '--name <name>',
    what: 'name that jobs show; by default that of the machine, and `local` inside `bowline up`',
    shape: /^\P{Cc}{1,128}$/u,
    like: '1 to 128 characters',
    fallback: undefined,
  },
  labels: {
    env: 'BOWLINE_WORKER_LABELS',
    group: 'worker',
    kind: 'list',
    flag: '--label <name=value...>',
    what: 'labels for selectors',
    item: /^[\w.-]{1,64}=[^,\n]{0,128}$/,
    like: 'region=eu,tier=1',
    most: 64,
    fallback: [],
  },
  keyFile: {
    env: 'BOWLINE_WORKER_KEY_FILE',
    group: 'worker',
    kind: 'path',
    flag: '--key-file <file>',
    what: 'file with the worker key (bww_...); by default, and always inside `bowline up`, the one that a control plane made in this home',
    fallback: undefined,
  },
  drainMs: {
    env: 'BOWLINE_WORKER_DRAIN_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'how long running jobs may go on after a stop; inside `bowline up` it is half of BOWLINE_DRAIN_MS',
    fallback: 25_000,
    min: 0,
    max: 3_600_000,
  },
  noticeFile: {
    env: 'BOWLINE_WORKER_NOTICE_FILE',
    group: 'worker',
    kind: 'path',
    what: 'file whose appearance says that this machine is taken back soon: the worker takes nothing new, finishes or gives back what it has, and ends; by default none',
    fallback: undefined,
  },
  noticeMs: {
    env: 'BOWLINE_WORKER_NOTICE_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'how long running jobs may go on after that file appeared; less than the notice that the provider gives',
    fallback: 20_000,
    min: 0,
    max: 3_600_000,
  },
  logLevel: {
    env: 'BOWLINE_LOG_LEVEL',
    group: 'worker',
    kind: 'choice',
    what: 'lowest level that is logged',
    of: ['debug', 'info', 'warn', 'error'],
    fallback: 'info',
  },
  logTo: {
    env: 'BOWLINE_LOG_TO',
    group: 'worker',
    kind: 'choice',
    what: 'where the log goes: a rotated file in the home, or the standard error, as container runtimes expect',
    of: ['file', 'stderr'],
    fallback: 'file',
  },
  otlpUrl: { ...OTLP_SETTING, group: 'worker' },
  healthFile: {
    env: 'BOWLINE_WORKER_HEALTH_FILE',
    group: 'worker',
    kind: 'path',
    flag: '--health-file <path>',
    what: 'file that is touched while the worker is connected, for `bowline health --file`; by default none',
    fallback: undefined,
  },
  heapBytes: {
    env: 'BOWLINE_WORKER_HEAP_BYTES',
    group: 'worker',
    kind: 'number',
    unit: 'bytes',
    what: 'heap of the worker inside `bowline up`; a worker that needs more ends and is started again; elsewhere NODE_OPTIONS sets it',
    fallback: 1_073_741_824,
    min: 128 << 20,
    max: 64 * 2 ** 30,
  },
  maxResultBytes: {
    env: 'BOWLINE_WORKER_MAX_RESULT_BYTES',
    group: 'worker',
    kind: 'number',
    unit: 'bytes',
    what: 'most bytes of the result of one job; less if the control plane takes only smaller messages',
    fallback: WORK_LIMITS.maxResultBytes,
    min: 64 << 10,
    max: 64 << 20,
  },
  jobMs: {
    env: 'BOWLINE_WORKER_JOB_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'longest time of a job that has no deadline',
    fallback: WORK_LIMITS.defaultDeadlineMs,
    min: 1_000,
    max: 86_400_000,
  },
  stopGraceMs: {
    env: 'BOWLINE_WORKER_STOP_GRACE_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'how long a job may take to stop after a cancel',
    fallback: WORK_LIMITS.stopGraceMs,
    min: 50,
    max: 600_000,
  },
  welcomeMs: {
    env: 'BOWLINE_WORKER_WELCOME_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'longest wait for the answer of the control plane to a connect',
    fallback: WORK_LIMITS.welcomeTimeoutMs,
    min: 100,
    max: 300_000,
  },
  reconnectMs: {
    env: 'BOWLINE_WORKER_RECONNECT_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'longest wait before the first try to connect again; it doubles with each try, and waits are random',
    fallback: WORK_LIMITS.backoffBaseMs,
    min: 10,
    max: 60_000,
  },
  reconnectMaxMs: {
    env: 'BOWLINE_WORKER_RECONNECT_MAX_MS',
    group: 'worker',
    kind: 'number',
    unit: 'ms',
    what: 'longest wait between tries to connect',
    fallback: WORK_LIMITS.backoffCapMs,
    min: 10,
    max: 600_000,
  },
  ...EMBED_ROWS,
  ...RETRIEVAL_ROWS,
  ...WEB_ROWS,
  ...DOCUMENT_ROWS,
  ...SANDBOX_ROWS,
} as const satisfies Record<string, Setting & { readonly group: keyof typeof GROUPS }>;

export const WORKER_TABLE = {
  program: 'worker',
  groups: GROUPS,
  rows: WORKER_SETTINGS,
} as const satisfies SettingTable;

/** The settled settings by key, frozen; what each means, its unit, default and bounds stand in the table. */
export type WorkerSettings = SettingValues<typeof WORKER_SETTINGS>;

/** Every name that may stand in the environment, in the file and behind `--set`. */
export const workerSettingNames = (): string[] => namesOf(WORKER_TABLE);
